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

    init(
        ports: NodePorts, state: NodeState, routers: [(loop: any EventLoop, router: LoopRouter)],
        keeper: SessionKeeper, ready: @escaping @Sendable () -> Bool,
        targets: @escaping @Sendable () -> [String]
    ) {
        nodeID = ports.node
        self.ports = ports
        self.state = state
        self.routers = routers
        self.keeper = keeper
        self.ready = ready
        self.targets = targets
    }

    package var isReady: Bool { ready() }
    package var isDraining: Bool { state.service != .serving }
    package var reconnectTargets: [String] { targets() }
    package func nextSessionNumber() -> UInt64 { ports.sessions.nextNumber() }

    package func attach(_ registration: SessionRegistration) { keeper.attach(registration) }
    package func update(session: UInt64, foreground: Bool) { keeper.update(session, foreground: foreground) }
    package func detach(session: UInt64) { keeper.detach(session) }

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
            case .group(let request):
                self.group(request, count: count, router: router, completion: completion)
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
            .send(request), group: group, recipient: recipient, known: knownUsers, partitionCount: count,
            completion: completion)
    }

    /// Those who do not exist are told apart before the group's partition sees the change.
    private func group(
        _ request: GroupRequest, count: Int, router: isolated LoopRouter,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        let group = GroupID(Operation.group(request).partition(count: count))
        let named: [UserID]
        switch request.change {
        case .create(_, let members): named = members
        case .add(let users): named = users
        default: return router.perform(.group(request), group: group, completion: completion)
        }
        router.usersExist(named, known: knownUsers, partitionCount: count) { [weak router] existing in
            guard let router else { return }
            router.assumeIsolated { router in
                switch existing {
                case .failure(let refusal): completion(.refused(refusal))
                case .success(let existing):
                    let missing = named.filter { !existing.contains($0) }
                    let present = named.filter { existing.contains($0) }
                    let asked = request.naming(present)
                    if present.isEmpty, case .add = request.change {
                        // Nothing to change: answer from a description.
                        var describe = request
                        describe.change = .describe
                        return router.perform(.group(describe), group: group) { result in
                            completion(result.onlyMissing(missing))
                        }
                    }
                    router.perform(.group(asked), group: group) { result in
                        completion(result.adding(missing: missing))
                    }
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

extension GroupRequest {
    fileprivate func naming(_ users: [UserID]) -> GroupRequest {
        var request = self
        switch change {
        case .create(let name, _): request.change = .create(name: name, members: users)
        case .add: request.change = .add(users)
        default: break
        }
        return request
    }
}

extension OperationResult {
    fileprivate func adding(missing: [UserID]) -> OperationResult {
        guard case .group(var result) = self else { return self }
        result.members += missing.map { .init(user: $0, role: .member, result: .notFound) }
        return .group(result)
    }

    fileprivate func onlyMissing(_ missing: [UserID]) -> OperationResult {
        guard case .group(var result) = self else { return self }
        result.members = missing.map { .init(user: $0, role: .member, result: .notFound) }
        return .group(result)
    }
}
