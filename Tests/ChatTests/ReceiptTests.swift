import Testing
import Vocabulary
import Wire

@testable import Chat

struct ReceiptTests {
    private let store = TestStore()

    private func sent(_ count: Int) throws {
        for place in 1...count { try store.apply(send(ann, to: .user(bob), "\(place)")) }
    }

    private func bobs() throws -> ConversationMember { try #require(store.reader.member(bob, of: annBob)) }
    private func rev() -> UInt64 { store.reader.conversation(annBob)?.rev.raw ?? 0 }

    @Test func watermarksOnlyGrowAndReadImpliesDelivered() throws {
        try sent(5)
        try store.apply(receipt(bob, annBob, delivered: 2))
        #expect(try bobs().delivered == Seq(2))
        #expect(try bobs().read == .zero)
        #expect(rev() == 6)
        try store.apply(receipt(bob, annBob, read: 4, at: 7_000))
        #expect(try bobs().delivered == Seq(4))
        #expect(try bobs().read == Seq(4))
        #expect(try bobs().readAt == Timestamp(7_000))
        #expect(rev() == 8)
        let before = store.content
        let outcome = try store.apply(receipt(bob, annBob, delivered: 1, read: 3)).first?.receipt
        #expect(outcome?.refusal == nil && outcome?.change == nil)
        #expect(store.content == before)
    }

    @Test func nobodyReadsBeyondTheHead() throws {
        try sent(2)
        try store.apply(receipt(bob, annBob, read: 900))
        #expect(try bobs().read == Seq(2))
    }

    @Test func strangersAndUnknownConversationsAreRefused() throws {
        try sent(1)
        #expect(try store.apply(receipt(cat, annBob, read: 1)).first?.refusal == .notMember)
        #expect(try store.apply(receipt(cat, club, read: 1)).first?.refusal == .notFound)
    }

    @Test func whoLeftReadsUpToTheEndItMaySee() throws {
        try store.apply(
            change(ann, .create(name: "g", members: [bob])), change(ann, .remove(bob)),
            send(ann, to: .group(club), "1"), receipt(bob, club, read: 3))
        #expect(store.reader.member(bob, of: club)?.read == Seq(2))
    }

    @Test func anOwnSendMovesTheOwnMarkAndNoReceipt() throws {
        try sent(3)
        try store.apply(send(bob, to: .user(ann), "b"))
        #expect(try bobs().read == .zero)
        #expect(try bobs().delivered == .zero)
        #expect(try bobs().markOrdinal == Ordinal(4))
        #expect(try bobs().lastSent == Seq(4))
    }

    @Test func unreadCountsUserMessagesExactly() throws {
        try store.apply(
            change(ann, .create(name: "g", members: [bob])), send(ann, to: .group(club), "1"),
            change(ann, .rename("h")), send(ann, to: .group(club), "2"), change(ann, .add([cat])),
            send(ann, to: .group(club), "3"))
        func unread(_ user: UserID) throws -> Int {
            let record = try #require(store.reader.conversation(club))
            let member = try #require(store.reader.member(user, of: club))
            return record.ordinal.distance(after: member.markOrdinal)
        }
        #expect(try unread(bob) == 3)
        #expect(try unread(cat) == 1)
        #expect(try unread(ann) == 0)
        // Seq 3 is the renaming: one user message is at or before it.
        try store.apply(receipt(bob, club, read: 3))
        #expect(try unread(bob) == 2)
        try store.apply(receipt(bob, club, read: 4))
        #expect(try unread(bob) == 1)
        try store.apply(send(bob, to: .group(club), "b"))
        #expect(try unread(bob) == 0)
        #expect(try unread(cat) == 2)
    }

    @Test func receiptsAreNewsForThoseWhoseMessagesTheyCover() throws {
        try sent(2)
        let delivered = try #require(
            try store.apply(receipt(bob, annBob, delivered: 2)).first?.receipt?.change)
        #expect(delivered.members.map(\.user) == [ann])
        #expect(delivered.statuses.map(\.status) == [.delivered])
        let read = try #require(try store.apply(receipt(bob, annBob, read: 2)).first?.receipt?.change)
        #expect(Set(read.members.map(\.user)) == [ann, bob])
        #expect(read.statuses.map(\.status) == [.read])
        // Ann has sent all of it: her own receipt is news for nobody else.
        #expect(try store.apply(receipt(ann, annBob, delivered: 2)).first?.receipt?.change == nil)
    }

    @Test func receiptsThatNobodyWaitsForLeaveNothingDirty() throws {
        try sent(1)
        try store.apply(.fanoutProgress([FanoutMark(conversation: annBob, rev: Rev(1))]))
        #expect(store.reader.dirtyConversations() == [])
        try store.apply(receipt(ann, annBob, delivered: 1))
        #expect(rev() == 2)
        #expect(store.reader.dirtyConversations() == [])
        try store.apply(receipt(bob, annBob, delivered: 1))
        #expect(store.reader.dirtyConversations() == [annBob])
        try store.apply(.fanoutProgress([FanoutMark(conversation: annBob, rev: Rev(2))]))
        #expect(store.reader.dirtyConversations() == [annBob])
        try store.apply(.fanoutProgress([FanoutMark(conversation: annBob, rev: Rev(3))]))
        #expect(store.reader.dirtyConversations() == [])
    }
}
