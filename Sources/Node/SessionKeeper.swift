import Gateway
import NIOConcurrencyHelpers
import NIOCore
import Vocabulary
import Wire

/// Keeps the sessions of this node registered with the leaders of their users' partitions: a refresh every
/// 10 s (the registration lives 30 s), and a new registration when a leader changed or forgot them.
final class SessionKeeper: Sendable {
    private static let refreshTime = TimeAmount.seconds(10)
    /// Between two refreshes of all sessions that were asked for.
    private static let refreshAllTime = TimeAmount.seconds(1)

    private struct Asked {
        var last: NIODeadline?
        var next: Scheduled<Void>?
        var isStopped = false
    }

    private let ports: NodePorts
    private let state: NodeState
    private let loop: any EventLoop
    private let router: LoopRouter
    private let asked = NIOLockedValueBox(Asked())
    private let foreground = NIOLockedValueBox<Set<UInt64>>([])
    private let ticker = NIOLockedValueBox<RepeatedTask?>(nil)

    init(ports: NodePorts, state: NodeState, loop: any EventLoop, router: LoopRouter) {
        self.ports = ports
        self.state = state
        self.loop = loop
        self.router = router
    }

    func start() {
        let task = loop.scheduleRepeatedTask(initialDelay: Self.refreshTime, delay: Self.refreshTime) { _ in
            self.refresh(self.ports.sessions.all())
        }
        ticker.withLockedValue { $0 = task }
    }

    func stop() {
        ticker.withLockedValue { $0?.cancel() }
        asked.withLockedValue { asked in
            asked.isStopped = true
            asked.next?.cancel()
            asked.next = nil
        }
    }

    /// Refreshes every session now, or as soon as a second has passed since the last time: a link to a peer
    /// opened, and pushes or registrations may have been lost with the one before.
    func refreshAll() {
        asked.withLockedValue { asked in
            guard !asked.isStopped, asked.next == nil else { return }
            let now = NIODeadline.now()
            let due = asked.last.map { max(now, $0 + Self.refreshAllTime) } ?? now
            asked.next = loop.scheduleTask(deadline: due) { self.refreshAsked() }
        }
    }

    private func refreshAsked() {
        asked.withLockedValue { asked in
            asked.last = .now()
            asked.next = nil
        }
        refresh(ports.sessions.all())
    }

    func attach(_ registration: SessionRegistration) {
        _ = foreground.withLockedValue { $0.insert(registration.session.number) }
        ports.sessions.attach(registration, partitions: state.partitionCount)
    }

    func detach(_ session: UInt64) {
        _ = foreground.withLockedValue { $0.remove(session) }
        ports.sessions.detach(session, partitions: state.partitionCount)
    }

    func update(_ session: UInt64, foreground isForeground: Bool) {
        foreground.withLockedValue { set in
            if isForeground { set.insert(session) } else { set.remove(session) }
        }
        if let registration = ports.sessions.registration(session) {
            loop.execute { self.refresh([registration]) }
        }
    }

    /// Sessions of a group's users open again with its new leader.
    func leaderChanged(of group: GroupID) {
        let count = state.partitionCount
        guard count > 0, group != .metadata else { return }
        for session in ports.sessions.sessions(of: group, partitions: count) {
            session.loop.execute { session.sink.renew() }
        }
    }

    private func refresh(_ sessions: [SessionRegistration]) {
        let count = state.partitionCount
        guard count > 0, !sessions.isEmpty else { return }
        let active = foreground.withLockedValue { $0 }
        let byGroup = Dictionary(grouping: sessions) { GroupID.of($0.user, count) }
        router.assumeIsolated { router in
            for (group, sessions) in byGroup.sorted(by: { $0.key < $1.key }) {
                let refreshes = sessions.map {
                    SessionRefresh(
                        user: $0.user, device: $0.device, session: $0.session,
                        foreground: active.contains($0.session.number))
                }
                router.perform(.refreshSessions(refreshes), group: group) { result in
                    guard case .unknownSessions(let keys) = result else { return }
                    self.renew(Set(keys))
                }
            }
        }
    }

    private func renew(_ keys: Set<SessionKey>) {
        for key in keys.sorted() {
            guard let session = ports.sessions.registration(key.number) else { continue }
            session.loop.execute { session.sink.renew() }
        }
    }
}
