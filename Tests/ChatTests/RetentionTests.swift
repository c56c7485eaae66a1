import Sealing
import Testing
import Vocabulary
import Wire

@testable import Chat

/// The operator's retention: what is older goes, in order.
@Suite struct RetentionTests {
    private let store = TestStore()

    /// Five messages of a direct conversation at 1,000, 2,000, ... 5,000, odd ones from ann, each known to both.
    private func written(in store: TestStore) throws {
        for number in 1...5 {
            let (sender, peer) = number % 2 == 1 ? (ann, bob) : (bob, ann)
            try store.apply(send(sender, to: .user(peer), "\(number)", at: Int64(number) * 1_000))
        }
    }

    private func forget(before: Int64, of id: ConversationID = annBob, step: Int = 100) -> Command {
        .retention(RetentionCommand(before: Timestamp(before), conversations: [id], step: step))
    }

    private func page(_ user: UserID = ann, of id: ConversationID = annBob, proof: Bool = false) throws
        -> HistoryPage
    {
        let query = HistoryQuery(
            conversation: id, user: user, bound: nil, order: .ascending, limit: 100, proof: proof)
        return try store.reader.history(query).get()
    }

    private func seqs(_ range: ClosedRange<UInt64>) -> [Seq] { range.map { Seq($0) } }

    private func receipt(_ user: UserID, _ seq: UInt64, at: Int64) -> Command {
        let mark = ReceiptMark(conversation: annBob, user: user, delivered: Seq(seq), read: Seq(seq))
        return .receipts(ReceiptBatch(at: Timestamp(at), marks: [mark]))
    }

    @Test func theOldestGoAndTheRestStaysAsItWas() throws {
        try written(in: store)
        let before = try page(proof: true)
        #expect(before.gone == .zero)
        try store.apply(forget(before: 3_001))
        let after = try page(proof: true)
        #expect(after.messages == Array(before.messages[3...]))
        #expect(after.links == Array(before.links[3...]), "the chain goes on from what is gone")
        #expect(after.gone == Seq(3) && after.newest == Seq(5) && !after.hasMore)
        // Stamped at the very time: not older.
        try store.apply(forget(before: 4_000))
        #expect(try page().messages.map(\.seq) == seqs(4...5))
    }

    @Test func everythingThatWasKeptAboutThemGoesToo() throws {
        try written(in: store)
        try store.apply(
            changing(1, by: ann, .edit("new")), changing(1, by: bob, .react("👍")),
            changing(2, by: bob, .deleteForEveryone), changing(2, by: ann, .deleteForMe),
            changing(3, by: bob, .deleteForMe), changing(3, by: ann, .react("👍")),
            receipt(bob, 1, at: 6_000), receipt(bob, 3, at: 6_001), receipt(ann, 2, at: 6_002))
        try store.apply(forget(before: 3_001))
        /// Rows of a table whose keys begin with the conversation.
        func rows(_ table: Tables.Table) -> Int {
            store.pairs(in: KeyRange(prefix: Tables.key(table, annBob))).count
        }
        #expect(rows(.messages) == 2 && rows(.dedup) == 2)
        #expect(rows(.messageMarks) == 0 && rows(.changes) == 0 && rows(.receiptTimes) == 0)
        // One more than messages: what the next one follows.
        #expect(rows(.chain) == 3)
    }

    @Test func expiriesOfWhatIsGoneGoToo() throws {
        var request = request(ann, to: .user(bob), "1")
        request.expiresInMilliseconds = 60_000
        try store.apply(
            .sendMessage(
                SendCommand(
                    conversation: annBob, request: request, digest: request.payloadDigest,
                    at: Timestamp(1_000))))
        try store.apply(forget(before: 2_000))
        #expect(store.reader.expired(at: Timestamp(1 << 40), limit: 9).places.isEmpty)
    }

    @Test func nothingCanBeDoneWithWhatIsGone() throws {
        try written(in: store)
        try store.apply(forget(before: 3_001))
        func refusal(_ command: Command) throws -> RefusalCode? { try store.apply(command).first?.refusal }
        #expect(try refusal(changing(1, by: ann, .edit("x"))) == .notFound)
        #expect(try refusal(changing(3, by: bob, .react("x"))) == .notFound)
        let gone = MessageID(conversation: annBob, seq: Seq(3))
        #expect(store.reader.message(gone, for: ann) == nil)
        #expect(throws: Refusal.self) { try store.reader.info(InfoQuery(message: gone, user: ann)).get() }
        var reply = request(bob, to: .user(ann), "r")
        reply.replyTo = gone
        #expect(
            try refusal(
                .sendMessage(
                    SendCommand(
                        conversation: annBob, request: reply, digest: reply.payloadDigest, at: Timestamp(9)))
            ) != nil)
        // A receipt of it still moves forward, and no further than that.
        try store.apply(receipt(bob, 2, at: 7_000))
        #expect(store.reader.member(bob, of: annBob)?.read == Seq(2))
    }

    @Test func seqsAreNeverGivenAgainAlsoWhereNothingIsLeft() throws {
        try written(in: store)
        let chain = try #require(store.reader.conversation(annBob)?.chain)
        let outcomes = try store.apply(forget(before: 1 << 40))
        #expect(try page().messages.isEmpty)
        guard case .forgotten(let changes)? = outcomes.first, let change = changes.first else {
            Issue.record("nobody is told")
            return
        }
        #expect(change.preview == "" && change.previewRev == change.rev && change.lastAt == Timestamp(5_000))
        #expect(change.members.allSatisfy { $0.markOrdinal == Ordinal(5) }, "nothing is unread any more")
        // The dedup key went with its message: a late repetition is a new message.
        let sent = try store.apply(send(ann, to: .user(bob), "1", at: 9_000)).first?.sent
        #expect(sent?.seq == Seq(6) && sent?.duplicate == false)
        #expect(try page(proof: true).links.first?.previous == chain)
        // And it goes in its turn.
        #expect(store.reader.beyondRetention(before: Timestamp(9_001), limit: 9).conversations == [annBob])
        try store.apply(forget(before: 9_001))
        #expect(try page().messages.isEmpty)
        #expect(store.reader.beyondRetention(before: Timestamp(1 << 40), limit: 9).conversations.isEmpty)
    }

    @Test func stepsComeToTheSameAsOne() throws {
        let other = TestStore()
        for store in [store, other] { try written(in: store) }
        try store.apply(forget(before: 4_500))
        for _ in 1...4 { try other.apply(forget(before: 4_500, step: 1)) }
        func kept(_ store: TestStore) -> [[UInt8]: [UInt8]] {
            store.content.filter { $0.key.first != Tables.Table.conversations.rawValue }
        }
        #expect(kept(store) == kept(other))
        #expect(store.reader.conversation(annBob)?.gone == other.reader.conversation(annBob)?.gone)
        // Nothing is left to do.
        let before = store.content
        try store.apply(forget(before: 4_500))
        #expect(store.content == before)
    }

    @Test func whatIsGoneIsUnreadNoMore() throws {
        try store.apply(change(ann, .create(name: "g", members: [bob, cat])))
        for number in 1...4 {
            try store.apply(send(ann, to: .group(club), "\(number)", at: Int64(number) * 1_000))
        }
        let outcomes = try store.apply(forget(before: 2_001, of: club))
        guard case .forgotten(let changes)? = outcomes.first, let change = changes.first else {
            Issue.record("nobody is told")
            return
        }
        #expect(change.members.map(\.user) == [bob, cat], "ann sent them")
        #expect(change.members.map(\.markOrdinal) == [Ordinal(2), Ordinal(2)])
        #expect(change.headOrdinal == Ordinal(4) && change.previewRev == .zero)
    }

    @Test func aDeviceThatWasAwayIsToldTheRange() throws {
        try written(in: store)
        try store.apply(forget(before: 3_001))
        func gone(after seq: UInt64, _ user: UserID = bob, in id: ConversationID = annBob) throws
            -> ClosedRange<Seq>?
        {
            let query = CatchUpQuery(
                conversation: id, user: user,
                after: ConversationPosition(seq: Seq(seq), rev: .zero), limit: 100)
            return try store.reader.catchUp(query).get().gone
        }
        #expect(try gone(after: 0) == Seq(1)...Seq(3))
        #expect(try gone(after: 2) == Seq(3)...Seq(3))
        #expect(try gone(after: 3) == nil)
        #expect(try gone(after: 5) == nil)
        // Who came later lacks nothing of before.
        try store.apply(
            change(ann, .create(name: "g", members: [bob])), send(ann, to: .group(club), "1", at: 8_000),
            change(ann, .add([cat])), send(ann, to: .group(club), "2", at: 9_000))
        try store.apply(forget(before: 8_001, of: club))
        #expect(try gone(after: 0, in: club) != nil)
        #expect(try gone(after: 0, cat, in: club) == nil)
    }

    // MARK: - The leader

    private func cluster(keeping milliseconds: UInt64) -> TestCluster {
        var limits = Limits()
        limits.retentionMilliseconds = milliseconds
        let cluster = TestCluster(limits: limits)
        for user in [ann, bob] { _ = cluster.call(.ensureUser(user)) }
        return cluster
    }

    private func kept(_ cluster: TestCluster, of id: ConversationID = annBob) -> ClosedRange<UInt64>? {
        let query = HistoryQuery(conversation: id, user: ann, bound: nil, order: .ascending, limit: 1_000)
        guard case .history(let page)? = cluster.call(.history(query)), let first = page.messages.first,
            let last = page.messages.last
        else { return nil }
        return first.seq.raw...last.seq.raw
    }

    @Test func theLeaderForgetsWhatIsDueInSteps() {
        let cluster = cluster(keeping: 20_000)
        for number in 1...100 { _ = cluster.send(ann, to: .user(bob), "\(number)") }
        cluster.advance(10_000)
        _ = cluster.send(ann, to: .user(bob), "later")
        cluster.advance(8_000)
        #expect(kept(cluster) == 1...101)
        cluster.advance(8_000)
        #expect(kept(cluster) == 101...101)
        let steps = cluster.proposed.filter { if case .retention = $0 { true } else { false } }
        #expect(steps.count == 4, "32 messages each")
        cluster.advance(10_000)
        #expect(kept(cluster) == nil)
        // The row is there still, without words, and nothing counts as unread.
        let row = cluster.rows(of: bob).first
        #expect(row?.preview == "" && row?.unread == 0 && row?.head == Seq(101))
    }

    @Test func withoutRetentionNothingIsForgotten() {
        let cluster = cluster(keeping: 0)
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(200_000)
        #expect(kept(cluster) == 1...1)
    }

    @Test func aNewLeaderGoesOnAndEmptiesLists() throws {
        let cluster = cluster(keeping: 20_000)
        _ = cluster.send(ann, to: .user(bob), "1", "words")
        cluster.advance(5_000)
        #expect(cluster.rows(of: bob).first?.preview == "words")
        // Applied, and the leader was gone before anybody heard of it.
        let place = cluster.index(of: annBob)
        try cluster.partitions[place].store.apply(forget(before: 1 << 40))
        cluster.failover(place)
        cluster.advance(3_000)
        #expect(cluster.rows(of: bob).first?.preview == "")
        #expect(cluster.rows(of: bob).first?.unread == 0)
        _ = cluster.send(ann, to: .user(bob), "2")
        cluster.failover(place)
        cluster.advance(30_000)
        #expect(kept(cluster) == nil)
    }
}
