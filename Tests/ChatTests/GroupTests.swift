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
                #"{"event":"members_added","actor":"ann","user_ids":["dan"]}"#,
                #"{"event":"renamed","actor":"ann","name":"new"}"#,
                #"{"event":"member_removed","actor":"ann","user_ids":["dan"]}"#,
                #"{"event":"member_left","actor":"cat","user_ids":["cat"]}"#,
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

    @Test func theLastAdminsLeavingPromotesTheOldestMember() throws {
        try created([])
        try store.apply(change(ann, .add([dan])), change(ann, .add([bob, cat])))
        let outcome = try #require(try store.apply(change(ann, .leave)).first?.group)
        #expect(store.reader.member(dan, of: club)?.role == .owner)
        #expect(outcome.change?.message?.content.hasSuffix(#""promoted":"dan"}"#) == true)
        #expect(outcome.members.map(\.user) == [ann, dan])
        // A member's leaving promotes nobody, and the last one may go as well.
        try store.apply(change(bob, .leave))
        #expect(store.reader.member(cat, of: club)?.role == .member)
        try store.apply(change(dan, .leave), change(cat, .leave))
        #expect(store.reader.conversation(club)?.memberCount == 0)
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
        let description = try store.reader.describe(club, for: bob).get()
        #expect(description.members.map(\.user) == [ann, bob, cat])
        #expect(description.members.map(\.role) == [.owner, .member, .member])
        #expect(store.reader.describe(club, for: dan).refusal == .notMember)
        #expect(store.reader.describe(annBob, for: ann).refusal == .notFound)
    }
}
