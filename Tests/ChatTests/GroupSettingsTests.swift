import Testing
import Vocabulary
import Wire

@testable import Chat

struct GroupSettingsTests {
    private let store = TestStore()

    init() throws { try store.apply(change(ann, .create(name: "g", members: [bob, cat]))) }

    private func refusal(_ actor: UserID, _ asked: GroupChange) throws -> RefusalCode? {
        try store.apply(change(actor, asked)).first?.refusal
    }

    private func set(_ body: (inout GroupSettingsEdit) -> Void) throws {
        var edit = GroupSettingsEdit()
        body(&edit)
        #expect(try refusal(ann, .edit(GroupEdit(settings: edit))) == nil)
    }

    private func events() throws -> [String] {
        let query = HistoryQuery(conversation: club, user: ann, bound: nil, order: .ascending, limit: 100)
        return try store.reader.history(query).get().messages.map(\.content)
    }

    private func seqs(_ user: UserID) throws -> [UInt64] {
        let query = HistoryQuery(conversation: club, user: user, bound: nil, order: .ascending, limit: 100)
        return try store.reader.history(query).get().messages.map(\.seq.raw)
    }

    @Test func anEditIsOneEventNamedAfterWhatChanged() throws {
        var settings = GroupSettingsEdit()
        settings.send = .admins
        settings.history = .last(7)
        let edits: [GroupEdit] = [
            GroupEdit(name: "n"), GroupEdit(description: "d"), GroupEdit(settings: settings),
            GroupEdit(name: "n", description: "d", settings: settings),
            GroupEdit(name: "o", description: "", settings: settings),
        ]
        for edit in edits { #expect(try refusal(ann, .edit(edit)) == nil) }
        #expect(
            try events().dropFirst() == [
                #"{"event":"renamed","actor":"ann","name":"n"}"#,
                #"{"event":"described","actor":"ann","description":"d"}"#,
                #"{"event":"settings","actor":"ann","settings":{"send":"admins","edit_info":"admins","add_members":"admins","approve_joins":false,"history":"last","history_last":7}}"#,
                #"{"event":"changed","actor":"ann","name":"o","description":""}"#,
            ])
        #expect(store.reader.conversation(club)?.memberEpoch == 5)
    }

    @Test func onlyAdminsWriteWhereTheSettingSaysSo() throws {
        try set { $0.send = .admins }
        #expect(try store.apply(send(bob, to: .group(club), "1")).first?.refusal == .groupSendRestricted)
        #expect(try store.apply(send(ann, to: .group(club), "1")).first?.sent != nil)
        try store.apply(change(ann, .setRole(bob, .admin)))
        #expect(try store.apply(send(bob, to: .group(club), "1")).first?.sent != nil)
        try store.apply(change(ann, .setRole(bob, .member)))
        // A retry of what was stored is answered with what it led to.
        #expect(try store.apply(send(bob, to: .group(club), "1")).first?.sent?.duplicate == true)
        try set { $0.send = .all }
        #expect(try store.apply(send(cat, to: .group(club), "1")).first?.sent != nil)
    }

    @Test func membersEditAndAddWhereTheSettingsSaySo() throws {
        #expect(try refusal(bob, .rename("x")) == .forbidden)
        #expect(try refusal(bob, .add([dan])) == .forbidden)
        try set {
            $0.editInfo = .all
            $0.addMembers = .all
        }
        #expect(try refusal(bob, .rename("x")) == nil)
        #expect(try refusal(bob, .add([dan])) == nil)
        // Settings and removals stay the admins'.
        var edit = GroupSettingsEdit()
        edit.send = .admins
        #expect(try refusal(bob, .edit(GroupEdit(name: "y", settings: edit))) == .forbidden)
        #expect(try refusal(bob, .remove(cat)) == .forbidden)
        #expect(store.reader.conversation(club)?.name == "x")
    }

    @Test(arguments: [
        (GroupHistory.none, [5, 6]), (.last(2), [3, 4, 5, 6]), (.last(100), [1, 2, 3, 4, 5, 6]),
        (.all, [1, 2, 3, 4, 5, 6]),
    ])
    func whoJoinsReadsBackAsFarAsTheGroupShows(history: GroupHistory, expected: [UInt64]) throws {
        let other = ConversationID(high: 8, low: 8)
        var edit = GroupSettingsEdit()
        edit.history = history
        try store.apply(
            change(
                ann, .create(GroupCreation(name: "h", settings: edit, members: [bob])), group: other),
            send(ann, to: .group(other), "2"), send(ann, to: .group(other), "3"),
            send(ann, to: .group(other), "4"), change(ann, .add([dan]), group: other),
            send(ann, to: .group(other), "6"))
        let query = HistoryQuery(conversation: other, user: dan, bound: nil, order: .ascending, limit: 100)
        #expect(try store.reader.history(query).get().messages.map(\.seq.raw) == expected)
        for seq in 1...6 as ClosedRange<UInt64> {
            let message = MessageID(conversation: other, seq: Seq(seq))
            #expect((store.reader.message(message, for: dan) != nil) == expected.contains(seq))
        }
        // What was before the joining is read on demand, it is not news.
        let missed = CatchUpQuery(conversation: other, user: dan, after: .start, limit: 100)
        #expect(try store.reader.catchUp(missed).get().messages.map(\.seq) == [Seq(5), Seq(6)])
        let member = try #require(store.reader.member(dan, of: other))
        #expect(store.reader.conversation(other)?.ordinal.distance(after: member.markOrdinal) == 1)
    }

    @Test func whoComesBackSeesNothingOfTheTimeBetween() throws {
        try store.apply(
            send(ann, to: .group(club), "2"), change(ann, .remove(cat)), send(ann, to: .group(club), "4"),
            change(ann, .add([cat])), send(ann, to: .group(club), "6"))
        #expect(try seqs(cat) == [5, 6])
    }

    @Test func aDeletedGroupIsReadAndNotWritten() throws {
        try store.apply(
            send(bob, to: .group(club), "1"),
            change(ann, .invite(InviteOffer(secret: secret(1), lastsMilliseconds: nil, usesMax: nil))))
        #expect(try refusal(ann, .close) == nil)
        #expect(try events().last == #"{"event":"deleted","actor":"ann"}"#)
        let before = store.content
        #expect(try store.apply(send(bob, to: .group(club), "2")).first?.refusal == .gone)
        #expect(try store.apply(send(bob, to: .group(club), "1")).first?.sent?.duplicate == true)
        for asked: GroupChange in [.rename("x"), .add([dan]), .leave, .remove(bob), .setRole(bob, .admin)] {
            #expect(try refusal(ann, asked) == .gone)
        }
        #expect(
            try store.apply(changing(2, by: bob, .edit("y"), in: club)).first?.messageChange?.result.refusal
                == .gone)
        #expect(try refusal(dan, .join(secret(1))) == .gone)
        #expect(try refusal(dan, .leave) == .notMember)
        #expect(try refusal(ann, .close) == nil, "again is fine")
        #expect(try refusal(bob, .close) == .gone)
        #expect(store.content == before)
        #expect(try seqs(bob) == [1, 2, 3])
    }
}

func secret(_ number: UInt64) -> InviteSecret { InviteSecret(raw: UInt128ID(high: 0xABCD, low: number)) }
