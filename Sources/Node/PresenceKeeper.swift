import Chat
import NIOConcurrencyHelpers
import NIOCore
import Vocabulary
import Wire

/// Keeps the watches of this node's sessions known to the leaders of the watched users' partitions: repeated
/// every 30 s (a watch lives 100 s), to a new leader at once, and ended with the session.
final class PresenceKeeper: Sendable {
    private static let repeatTime = TimeAmount.seconds(30)
    /// Watches of one frame at most.
    private static let batchMax = 1_000

    private let state: NodeState
    private let sessions: SessionHub
    private let loop: any EventLoop
    private let router: LoopRouter
    private let kept = NIOLockedValueBox(PresenceWatches())
    private let ticker = NIOLockedValueBox<RepeatedTask?>(nil)

    init(state: NodeState, sessions: SessionHub, loop: any EventLoop, router: LoopRouter) {
        self.state = state
        self.sessions = sessions
        self.loop = loop
        self.router = router
    }

    func start() {
        let task = loop.scheduleRepeatedTask(initialDelay: Self.repeatTime, delay: Self.repeatTime) { _ in
            self.repeatAll()
        }
        ticker.withLockedValue { $0 = task }
    }

    func stop() { ticker.withLockedValue { $0?.cancel() } }

    /// Takes a session's subscription or its end. The states come as pushes; the completion, on this keeper's
    /// loop, says whether every leader was reached.
    func take(
        _ subscription: PresenceSubscription, completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        loop.execute { [self] in
            let count = state.partitionCount
            let number = subscription.session.number
            if subscription.isEnd {
                tell(kept.withLockedValue { $0.end(number, subscription.users, partitions: count) })
                return completion(.ok)
            }
            let question = kept.withLockedValue { $0.ask(subscription) }
            router.assumeIsolated { router in
                router.sights(viewer: subscription.viewer, of: subscription.users, partitionCount: count) {
                    result in
                    self.answered(question, subscription, result, completion: completion)
                }
            }
        }
    }

    private func answered(
        _ question: UInt64, _ subscription: PresenceSubscription, _ result: Result<[PresenceSight], Refusal>,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        let count = state.partitionCount
        let batches = kept.withLockedValue { kept in
            // Asked under the lock: `detach` comes after the session has left the hub, and takes it too.
            let isAttached = sessions.registration(subscription.session.number) != nil
            return kept.answered(
                question, subscription, isAttached ? try? result.get() : nil, partitions: count)
        }
        if case .failure(let refusal) = result { return completion(.refused(refusal)) }
        guard !batches.isEmpty else { return completion(.ok) }
        let gathering = Gathering(count: batches.count, loop: loop) { (_: [Bool], refusal: Refusal?) in
            completion(refusal.map { .refused($0) } ?? .ok)
        }
        for batch in batches {
            send(batch.watches, to: batch.group) { result in
                if case .refused(let refusal) = result {
                    gathering.fail(refusal)
                } else {
                    gathering.add(true)
                }
            }
        }
    }

    /// The session is gone, also from the hub.
    func detach(_ session: UInt64) {
        loop.execute { [self] in
            let count = state.partitionCount
            tell(kept.withLockedValue { $0.end(session, partitions: count) })
        }
    }

    private func tell(_ batches: [PresenceWatches.Batch]) {
        for batch in batches { send(batch.watches, to: batch.group) { _ in } }
    }

    /// A partition's leader changed: the new one knows of no watches.
    func leaderChanged(of group: GroupID) { loop.execute { self.repeatWatches(of: group) } }

    /// A link to a peer opened: leaders behind it may have dropped this node's watches.
    func repeatAll() {
        loop.execute { [self] in
            for group in kept.withLockedValue({ $0.groups }) { repeatWatches(of: group) }
        }
    }

    private func repeatWatches(of group: GroupID) {
        let watches = kept.withLockedValue { $0.repeated(of: group) }
        for start in stride(from: 0, to: watches.count, by: Self.batchMax) {
            send(Array(watches[start..<min(start + Self.batchMax, watches.count)]), to: group) { _ in }
        }
    }

    /// On the loop.
    private func send(
        _ watches: [PresenceWatch], to group: GroupID, completion: @escaping LoopRouter.Completion
    ) {
        router.assumeIsolated { $0.perform(.watchPresence(watches), group: group, completion: completion) }
    }
}
