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

    private struct Place: Hashable {
        var session: UInt64
        var user: UserID
    }

    private struct State {
        var watches: [GroupID: [Place: PresenceWatch]] = [:]
        var users: [UInt64: Set<UserID>] = [:]
    }

    private let state: NodeState
    private let sessions: SessionHub
    private let loop: any EventLoop
    private let router: LoopRouter
    private let kept = NIOLockedValueBox(State())
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
            if subscription.isEnd {
                end(subscription.session.number, subscription.users)
                return completion(.ok)
            }
            router.assumeIsolated { router in
                router.sights(
                    viewer: subscription.viewer, of: subscription.users, partitionCount: state.partitionCount
                ) { result in
                    switch result {
                    case .failure(let refusal): completion(.refused(refusal))
                    case .success(let sights): self.begin(subscription, sights, completion: completion)
                    }
                }
            }
        }
    }

    private func begin(
        _ subscription: PresenceSubscription, _ sights: [PresenceSight],
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        let watches = zip(subscription.users, sights).map {
            PresenceWatch(
                session: subscription.session, viewer: subscription.viewer, user: $0, sight: $1)
        }
        let count = state.partitionCount
        let number = subscription.session.number
        let isAttached = kept.withLockedValue { kept in
            // Asked under the lock: `detach` comes after the session has left the hub, and takes it too.
            guard sessions.registration(number) != nil else { return false }
            for watch in watches {
                kept.users[number, default: []].insert(watch.user)
                kept.watches[.of(watch.user, count), default: [:]][Place(session: number, user: watch.user)] =
                    watch
            }
            return true
        }
        guard isAttached else { return completion(.ok) }
        let byGroup = Dictionary(grouping: watches) { GroupID.of($0.user, count) }
        guard !byGroup.isEmpty else { return completion(.ok) }
        let gathering = Gathering(count: byGroup.count, loop: loop) { (_: [Bool], refusal: Refusal?) in
            completion(refusal.map { .refused($0) } ?? .ok)
        }
        for (group, watches) in byGroup.sorted(by: { $0.key < $1.key }) {
            send(watches, to: group) { result in
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
        guard let users = kept.withLockedValue({ $0.users[session] }) else { return }
        loop.execute { self.end(session, Array(users)) }
    }

    private func end(_ session: UInt64, _ users: [UserID]) {
        let count = state.partitionCount
        let ended = kept.withLockedValue { kept in
            users.compactMap { user -> PresenceWatch? in
                let group = GroupID.of(user, count)
                kept.users[session]?.remove(user)
                if kept.users[session]?.isEmpty == true { kept.users[session] = nil }
                let place = Place(session: session, user: user)
                guard var watch = kept.watches[group]?.removeValue(forKey: place) else { return nil }
                if kept.watches[group]?.isEmpty == true { kept.watches[group] = nil }
                watch.sight = nil
                return watch
            }
        }
        for (group, watches) in Dictionary(grouping: ended, by: { GroupID.of($0.user, count) }) {
            send(watches, to: group) { _ in }
        }
    }

    /// A partition's leader changed: the new one knows of no watches.
    func leaderChanged(of group: GroupID) { loop.execute { self.repeatWatches(of: group) } }

    /// A link to a peer opened: leaders behind it may have dropped this node's watches.
    func repeatAll() {
        loop.execute { [self] in
            for group in kept.withLockedValue({ $0.watches.keys.sorted() }) { repeatWatches(of: group) }
        }
    }

    private func repeatWatches(of group: GroupID) {
        let watches = kept.withLockedValue { $0.watches[group].map { Array($0.values) } ?? [] }
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
