import Testing
import Vocabulary
import Wire

@testable import Chat

/// What a node tells the leaders of those whom its sessions watch.
struct PresenceWatchesTests {
    private let session = SessionKey(node: NodeID(high: 0, low: 1), number: 7)
    private var watches = PresenceWatches()

    private func subscription(_ users: [UserID], isEnd: Bool = false) -> PresenceSubscription {
        PresenceSubscription(session: session, viewer: ann, users: users, isEnd: isEnd)
    }

    private func told(_ batches: [PresenceWatches.Batch]) -> [Bool] {
        batches.flatMap(\.watches).map { $0.sight != nil }
    }

    private mutating func answer(_ number: UInt64, _ users: [UserID]) -> [PresenceWatches.Batch] {
        watches.answered(
            number, subscription(users),
            users.map { _ in PresenceSight(lastSeen: .everyone, online: .everyone, isBlocking: false) },
            partitions: 1)
    }

    @Test mutating func whoSubscribesAnewIsNoRepetition() {
        let first = watches.ask(subscription([bob]))
        #expect(told(answer(first, [bob])) == [false, true])
        // The end of the first is lost on its way to the leader.
        _ = watches.end(session.number, [bob], partitions: 1)
        let second = watches.ask(subscription([bob]))
        #expect(told(answer(second, [bob])) == [false, true])
        #expect(watches.repeated(of: GroupID(PartitionID(0))).map { $0.sight != nil } == [true])
    }

    @Test mutating func anEndOvertakesTheQuestion() {
        let question = watches.ask(subscription([bob, cat]))
        #expect(watches.end(session.number, [bob], partitions: 1).isEmpty, "the leader knows of nothing yet")
        #expect(answer(question, [bob, cat]).flatMap(\.watches).allSatisfy { $0.user == cat })
        #expect(watches.repeated(of: GroupID(PartitionID(0))).map(\.user) == [cat])
    }

    @Test mutating func theLastQuestionCounts() {
        let first = watches.ask(subscription([bob]))
        _ = watches.end(session.number, [bob], partitions: 1)
        let second = watches.ask(subscription([bob]))
        #expect(answer(first, [bob]).isEmpty)
        #expect(told(answer(second, [bob])) == [false, true])
    }

    @Test mutating func aRefusedQuestionLeavesNothing() {
        let question = watches.ask(subscription([bob]))
        #expect(watches.answered(question, subscription([bob]), nil, partitions: 1).isEmpty)
        #expect(watches.groups.isEmpty)
        #expect(answer(question, [bob]).isEmpty)
    }

    @Test mutating func aSessionEndsWithAllItsWatches() {
        let question = watches.ask(subscription([bob, cat]))
        _ = answer(question, [bob, cat])
        let ended = watches.end(session.number, partitions: 1)
        #expect(ended.flatMap(\.watches).map(\.user) == [bob, cat].sorted())
        #expect(told(ended) == [false, false])
        #expect(watches.groups.isEmpty)
    }
}
