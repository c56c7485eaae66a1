import Chat
import Gateway
import NIOCore
import Vocabulary
import Wire

/// The client port's way into the cluster: finds the partition of an operation, and its loop's router.
package final class NodeDispatcher: Dispatcher {
    package let nodeID: NodeID
    private let ports: NodePorts
    private let state: NodeState
    private let knownUsers = KnownUsers()
    private let routers: [(loop: any EventLoop, router: LoopRouter)]
    private let ready: @Sendable () -> Bool
    private let targets: @Sendable () -> [String]
    private let keeper: SessionKeeper
    private let presence: PresenceKeeper

    init(
        ports: NodePorts, state: NodeState, routers: [(loop: any EventLoop, router: LoopRouter)],
        keeper: SessionKeeper, presence: PresenceKeeper, ready: @escaping @Sendable () -> Bool,
        targets: @escaping @Sendable () -> [String]
    ) {
        nodeID = ports.node
        self.ports = ports
        self.state = state
        self.routers = routers
        self.keeper = keeper
        self.presence = presence
        self.ready = ready
        self.targets = targets
    }

    package var isReady: Bool { ready() }
    package var isDraining: Bool { state.service != .serving }
    package var reconnectTargets: [String] { targets() }
    package func nextSessionNumber() -> UInt64 { ports.sessions.nextNumber() }

    package func attach(_ registration: SessionRegistration) { keeper.attach(registration) }
    package func update(session: UInt64, foreground: Bool) { keeper.update(session, foreground: foreground) }
    package func detach(session: UInt64) {
        keeper.detach(session)
        presence.detach(session)
    }

    package func perform(
        _ operation: Operation, on loop: any EventLoop,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        guard state.partitionCount > 0 else {
            let refusal = Refusal(
                .unavailable, "The cluster is not formed yet.", retryAfterMilliseconds: 1_000)
            return loop.execute { completion(.refused(refusal)) }
        }
        if loop.inEventLoop {
            start(operation, on: loop, completion: completion)
        } else {
            loop.execute { self.start(operation, on: loop, completion: completion) }
        }
    }

    /// On `loop`.
    private func start(
        _ operation: Operation, on loop: any EventLoop,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        guard let router = routers.first(where: { $0.loop === loop })?.router else {
            // A loop that is not one of the node's (a REST task's): borrow the first.
            let first = routers[0]
            return first.loop.execute {
                self.start(operation, on: first.loop) { result in loop.execute { completion(result) } }
            }
        }
        let count = state.partitionCount
        router.assumeIsolated { router in
            switch operation {
            case .send(let request): self.send(request, count: count, router: router, completion: completion)
            case .presence(let viewer, let users):
                router.presence(viewer: viewer, users: users, partitionCount: count, completion: completion)
            case .subscribePresence(let subscription):
                self.presence.take(subscription) { result in loop.execute { completion(result) } }
            case .privacy(.block(let user, let peer, true)):
                self.block(user, peer, count: count, router: router, completion: completion)
            case .group(let request):
                router.group(request, partitionCount: count, completion: completion)
            case .history(let query) where query.isStaleAllowed:
                router.readHere(
                    query, group: GroupID(operation.partition(count: count)), completion: completion)
            case .ensureUser(let user):
                let knownUsers = self.knownUsers
                if knownUsers.contains(user) { return completion(.ok) }
                router.perform(operation, group: .of(user, count)) { result in
                    if result == .ok { knownUsers.insert(user) }
                    completion(result)
                }
            default:
                router.perform(
                    operation, group: GroupID(operation.partition(count: count)), completion: completion)
            }
        }
    }

    /// A direct message's recipient must exist; a node that knows the recipient does not ask.
    private func send(
        _ request: SendRequest, count: Int, router: isolated LoopRouter,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        let group = GroupID(Operation.send(request).partition(count: count))
        guard case .user(let recipient) = request.recipient else {
            return router.perform(.send(request), group: group, completion: completion)
        }
        router.perform(
            request, group: group, recipient: recipient, known: knownUsers, partitionCount: count,
            completion: completion)
    }

    /// Whoever is blocked must exist.
    private func block(
        _ user: UserID, _ peer: UserID, count: Int, router: isolated LoopRouter,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        router.usersExist([peer], known: knownUsers, partitionCount: count) { [weak router] existing in
            switch existing {
            case .failure(let refusal): completion(.refused(refusal))
            case .success(let existing) where existing.isEmpty:
                completion(.refused(Refusal(.notFound, "There is no user \(peer).")))
            case .success:
                router?.assumeIsolated {
                    $0.perform(
                        .privacy(.block(user, peer: peer, isBlocked: true)), group: .of(user, count),
                        completion: completion)
                }
            }
        }
    }
}

extension GroupID {
    static func of(_ user: UserID, _ count: Int) -> GroupID {
        GroupID(Operation.ensureUser(user).partition(count: count))
    }
}
