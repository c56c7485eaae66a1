import Admin
import Consensus
import Gateway
import Logging
import NIOConcurrencyHelpers
import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// What an operator can order: draining, and changes of membership through group 0.
final class NodeOperations: Sendable {
    private let node: NodeID
    private let state: NodeState
    private let ports: NodePorts
    private let clock: NodeClock
    private let limits: Limits
    private let profile: MemberProfile
    private let expelled: [NodeID]
    private let alive: @Sendable () -> Set<NodeID>
    private let gateway: GatewayServer
    private let forwarder: Forwarder
    private let handover: PartitionHandover
    private let draining = NIOLockedValueBox<Task<Void, Never>?>(nil)

    init(
        node: NodeID, state: NodeState, ports: NodePorts, clock: NodeClock, limits: Limits,
        gateway: GatewayServer, forwarder: Forwarder, handover: PartitionHandover, profile: MemberProfile,
        expelled: [NodeID], alive: @escaping @Sendable () -> Set<NodeID>
    ) {
        self.node = node
        self.state = state
        self.ports = ports
        self.clock = clock
        self.limits = limits
        self.gateway = gateway
        self.forwarder = forwarder
        self.handover = handover
        self.profile = profile
        self.expelled = expelled
        self.alive = alive
    }

    /// Called now and then: group 0 shall hold what this node does, also when a proposal was lost, and this node
    /// shall do what others have ordered for it. A node that drained before it stopped comes back into service this
    /// way.
    func keepState() {
        guard let member = state.metadata.members[node] else { return }
        for lost in expelled {
            if let known = state.metadata.members[lost], known.state != .left { propose(.expel(lost)) }
        }
        var wanted = profile
        wanted.name = member.profile.name
        if member.profile != wanted && member.state != .left { propose(.addMember(wanted)) }
        switch (state.service, member.state) {
        case (_, .left): if state.service != .left { state.set(service: .left) }
        case (.serving, .draining): propose(.setMemberState(node, .up))
        case (.draining, .up): propose(.setMemberState(node, .draining))
        case (.serving, .leaving), (.draining, .leaving), (.drained, .leaving): startLeaving()
        case (.leaving, .up): serve()
        default: break
        }
    }

    private func propose(_ command: MetadataCommand) { ports.proposeMetadata(command.encoded()) }

    /// Has group 0 commit a command, asking again while it has no leader, for a few seconds.
    private func commit(_ command: MetadataCommand) async throws(AdminRefusal) {
        var reason = "group 0 has no leader right now"
        for _ in 0..<20 {
            let answer = await withCheckedContinuation { continuation in
                forwarder.take(.metadata(command.encoded())) { continuation.resume(returning: $0) }
            }
            switch answer {
            case .committed: return
            case .refused(let text) where !text.contains("group 0"): throw .refused(text)
            case .refused(let text): reason = text
            default: break
            }
            guard (try? await Task.sleep(for: .milliseconds(250))) != nil else { break }
        }
        throw .unavailable(reason)
    }

    func perform(_ operation: AdminOperation) async throws(AdminRefusal) {
        switch operation {
        case .drain:
            if let reason = state.metadata.refusalToDrain(node, alive: alive()) { throw .refused(reason) }
            startDraining()
        case .undrain: try await undrain()
        case .leave: try await leave(node)
        case .decommission(let id): try await leave(try member(id))
        case .replace(let id): try await replace(try member(id))
        case .transfer(let partition, let id):
            guard let id else { return try await transfer(partition, to: nil) }
            try await transfer(partition, to: try member(id))
        }
    }

    private func member(_ id: String) throws(AdminRefusal) -> NodeID {
        guard let node = NodeID(id), state.metadata.members[node] != nil else {
            throw .notFound("there is no member \(id)")
        }
        return node
    }

    // MARK: Draining

    /// Not ready, leaders out, clients told; ends when the last client has gone or after the deadline.
    func startDraining() {
        guard state.service == .serving || state.service == .leaving, draining.withLockedValue({ $0 }) == nil
        else { return }
        let isLeaving = state.service == .leaving
        state.set(
            service: isLeaving ? .leaving : .draining, deadline: clock.tick() + limits.drainMilliseconds)
        if !isLeaving { propose(.setMemberState(node, .draining)) }
        let targets = alive().subtracting([node]).sorted()
        for shard in ports.shards { shard.post(.transferLeaders(to: targets)) }
        let task = Task {
            await gateway.drain(deadlineMilliseconds: limits.drainMilliseconds)
            await leadersAreGone(unless: targets.isEmpty)
            if state.service == .draining { state.set(service: .drained) }
        }
        draining.withLockedValue { $0 = task }
    }

    /// Waits, a few seconds at most, until others lead what this node led.
    private func leadersAreGone(unless isAlone: Bool) async {
        if isAlone { return }
        let targets = alive().subtracting([node]).sorted()
        for round in 0..<100 where !ports.ownLeaderships().isEmpty {
            if round % 10 == 9 { for shard in ports.shards { shard.post(.transferLeaders(to: targets)) } }
            guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { return }
        }
    }

    /// Returns when a drain that was started has ended.
    func drained() async { await draining.withLockedValue { $0 }?.value }

    /// Takes a drain back, or a leave that has replicas here still.
    private func undrain() async throws(AdminRefusal) {
        guard [.draining, .drained, .leaving].contains(state.service) else {
            throw .refused("this node is not draining")
        }
        try await commit(.setMemberState(node, .up))
        serve()
    }

    private func serve() {
        state.set(service: .serving)
        gateway.undrain()
        draining.withLockedValue { $0 = nil }
    }

    // MARK: Membership

    /// Clients and leaderships go at once, replicas when others have them; the coordinator makes it `left` when the
    /// last has gone.
    private func startLeaving() {
        let deadline = state.drainDeadline
        state.set(service: .leaving, deadline: deadline)
        startDraining()
    }

    private func leave(_ leaving: NodeID) async throws(AdminRefusal) {
        if let reason = state.metadata.refusalToRemove(leaving, alive: alive()) { throw .refused(reason) }
        try await commit(.setMemberState(leaving, .leaving))
        if leaving == node { startLeaving() }
    }

    private func replace(_ lost: NodeID) async throws(AdminRefusal) {
        if alive().contains(lost) { throw .refused("the member is alive; decommission it instead") }
        if let reason = state.metadata.refusalToRemove(lost, alive: alive()) { throw .refused(reason) }
        try await commit(.setMemberState(lost, .dead))
    }

    private func transfer(_ number: Int, to target: NodeID?) async throws(AdminRefusal) {
        guard number >= 0, number < state.metadata.partitionCount else {
            throw .notFound("there is no partition \(number)")
        }
        switch await handover.perform(PartitionID(UInt32(number)), to: target) {
        case .committed: return
        case .refused(let reason): throw .refused(reason)
        default: throw .unavailable("partition \(number) has just changed its leader; try again")
        }
    }
}
