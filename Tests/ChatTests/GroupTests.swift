import Testing
import Vocabulary
import Wire

@testable import Chat

struct GroupTests {
    private let store = TestStore()

    private func created(_ members: [UserID] = [bob, cat]) throws {
        try store.apply(change(ann, .create(name: "The \"club\"\n", members: members)))
    }

    private func contents() throws -> [String] {
        let query = HistoryQuery(conversation: club, user: ann, bound: nil, order: .ascending, limit: 100)
        return try store.reader.history(query).get().messages.map(\.content)
    }

    @Test func aGroupBeginsWithOneSystemMessage() throws {
        try created()
        #expect(
            try contents() == [
                #"{"event":"created","actor":"ann","user_ids":["bob","cat"],"name":"The \"club\"\n"}"#
            ])
        let record = try #require(store.reader.conversation(club))
        #expect(record.head == Seq(1) && record.ordinal == .zero && record.memberEpoch == 1)
        #expect(record.memberCount == 3)
        #expect(try store.apply(send(ann, to: .group(club), "1")).first?.sent?.seq == Seq(2))
        #expect(store.reader.conversation(club)?.ordinal == Ordinal(1))
    }

    @Test func creatingTwiceChangesNothing() throws {
        try created()
        try store.apply(send(ann, to: .group(club), "1"))
        let before = store.content
        let again = try store.apply(change(ann, .create(name: "other", members: [bob, bob, ann]))).first?
            .group
        #expect(store.content == before)
        #expect(try again?.result.get().seq == Seq(1))
        #expect(try again?.result.get().members.map(\.user) == [bob])
        #expect(try store.apply(change(dan, .create(name: "mine", members: []))).first?.refusal == .forbidden)
    }

    @Test func everyChangeIsOneSystemMessageOneRevAndOneEpoch() throws {
        try created()
        try store.apply(
            change(ann, .add([dan, bob])), change(ann, .rename("new")), change(ann, .remove(dan)),
            change(cat, .leave))
        #expect(
            try contents().dropFirst() == [
                #"{"event":"added","actor":"ann","user_ids":["dan"]}"#,
                #"{"event":"renamed","actor":"ann","name":"new"}"#,
                #"{"event":"removed","actor":"ann","user_ids":["dan"]}"#,
                #"{"event":"left","actor":"cat","user_ids":["cat"]}"#,
            ])
        let record = try #require(store.reader.conversation(club))
        #expect(record.memberEpoch == 5 && record.rev == Rev(5) && record.memberCount == 2)
    }

    @Test func repeatedChangesWriteNothing() throws {
        try created()
        try store.apply(change(ann, .add([dan])), change(ann, .remove(dan)), change(cat, .leave))
        let before = store.content
        let outcomes = try store.apply(
            change(ann, .add([bob])), change(ann, .remove(dan)), change(cat, .leave),
            change(ann, .rename("The \"club\"\n")))
        #expect(store.content == before)
        #expect(outcomes.allSatisfy { $0.refusal == nil })
        #expect(try outcomes[0].group?.result.get().members.map(\.result) == [.already])
        #expect(try outcomes[3].group?.result.get().seq == Seq(4))
    }

    @Test func onlyAdminsChangeAGroup() throws {
        try created()
        for refused: GroupCommand.Change in [.add([dan]), .remove(cat), .rename("x")] {
            #expect(try store.apply(change(bob, refused)).first?.refusal == .forbidden)
            #expect(try store.apply(change(dan, refused)).first?.refusal == .notMember)
        }
        #expect(try store.apply(change(ann, .remove(dan))).first?.refusal == .notFound)
        #expect(try store.apply(change(dan, .leave)).first?.refusal == .notMember)
    }

    @Test func aFullGroupTakesNobody() throws {
        try created([bob])
        let full = try store.apply(change(ann, .add([cat, dan]), membersMax: 3)).first
        #expect(full?.refusal == .invalidRequest)
        #expect(try store.apply(change(ann, .add([cat]), membersMax: 3)).first?.refusal == nil)
        let other = ConversationID(high: 5, low: 5)
        let tooMany = change(ann, .create(name: "x", members: [bob, cat]), group: other, membersMax: 2)
        #expect(try store.apply(tooMany).first?.refusal == .invalidRequest)
    }

    @Test func membersSeeFromTheirJoiningToTheirLeaving() throws {
        try created([bob])
        try store.apply(
            send(ann, to: .group(club), "2"), change(ann, .add([cat])), send(ann, to: .group(club), "4"),
            change(ann, .remove(cat)), send(ann, to: .group(club), "6"))
        func seqs(_ user: UserID) throws -> [UInt64] {
            let query = HistoryQuery(
                conversation: club, user: user, bound: nil, order: .descending, limit: 100)
            return try store.reader.history(query).get().messages.map(\.seq.raw)
        }
        #expect(try seqs(cat) == [5, 4, 3])
        #expect(try seqs(bob) == [6, 5, 4, 3, 2, 1])
        #expect(throws: Refusal.self) { try seqs(dan) }
        #expect(store.reader.message(MessageID(conversation: club, seq: Seq(6)), for: cat) == nil)
        #expect(store.reader.message(MessageID(conversation: club, seq: Seq(5)), for: cat) != nil)
        try store.apply(change(ann, .add([cat])))
        #expect(try seqs(cat) == [7])
    }

    @Test func describesAGroupToItsMembersOnly() throws {
        try created()
        let query = GroupQuery(group: club, actor: bob, subject: .description)
        guard case .description(let group) = try store.reader.group(query).get() else {
            Issue.record("no description")
            return
        }
        #expect(group.members.map(\.user) == [ann, bob, cat] && !group.hasMoreMembers)
        #expect(group.members.map(\.role) == [.owner, .member, .member] && group.role == .member)
        #expect(group.memberCount == 3 && group.creator == ann && group.createdAt == Timestamp(1_000))
        func refusal(_ id: ConversationID, _ actor: UserID) -> RefusalCode? {
            store.reader.group(GroupQuery(group: id, actor: actor, subject: .description)).refusal
        }
        #expect(refusal(club, dan) == .notMember)
        #expect(refusal(annBob, ann) == .notFound)
    }

    @Test func membersComeByPagesWithoutThoseWhoLeft() throws {
        let users = (10..<40).map { UserID(unchecked: "u\($0)") }
        try created(users)
        for user in users[3..<25] { try store.apply(change(user, .leave)) }
        var found: [UserID] = []
        var after: UserID?
        var pages = 0
        while true {
            let query = GroupQuery(group: club, actor: ann, subject: .members(after: after, limit: 4))
            guard case .members(let page, let hasMore) = try store.reader.group(query).get() else { break }
            found += page.map(\.user)
            after = page.last?.user
            pages += 1
            if !hasMore { break }
        }
        #expect(found == [ann] + Array(users[..<3]) + Array(users[25...]))
        #expect(pages == 3)
    }

    @Test func aGreatChangeNamesANumberInsteadOfEverybody() throws {
        let users = (0..<101).map { UserID(unchecked: "u\($0)") }
        try created(users)
        #expect(
            try contents().first?.hasPrefix(#"{"event":"created","actor":"ann","user_count":101,"#) == true)
        #expect(try contents().first?.contains("user_ids") == false)
    }
}
