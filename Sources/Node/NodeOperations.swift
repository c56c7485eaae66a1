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
    private let alive: @Sendable () -> Set<NodeID>
    private let gateway: GatewayServer
    private let forwarder: Forwarder
    private let draining = NIOLockedValueBox<Task<Void, Never>?>(nil)

    init(
        node: NodeID, state: NodeState, ports: NodePorts, clock: NodeClock, limits: Limits,
        gateway: GatewayServer, forwarder: Forwarder,
        alive: @escaping @Sendable () -> Set<NodeID>
    ) {
        self.node = node
        self.state = state
        self.ports = ports
        self.clock = clock
        self.limits = limits
        self.gateway = gateway
        self.forwarder = forwarder
        self.alive = alive
    }

    /// Called now and then: group 0 shall hold what this node does, also when a proposal was lost. A node that
    /// drained before it stopped comes back into service this way.
    func keepState() {
        let committed = state.metadata.members[node]?.state
        if state.service == .serving && committed == .draining { propose(.setMemberState(node, .up)) }
        if state.service == .draining && committed == .up { propose(.setMemberState(node, .draining)) }
        if committed == .left && state.service != .left { state.set(service: .left) }
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
        case .drain: startDraining()
        case .undrain: try await undrain()
        case .leave: try await leave(node)
        case .decommission(let id): try await leave(try member(id))
        case .replace(let id): try await replace(try member(id))
        case .transfer(let partition, let id):
            guard let id else { return try transfer(partition, to: nil) }
            try transfer(partition, to: try member(id))
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
        let deadline = clock.tick() + limits.drainMilliseconds
        if state.service == .serving {
            state.set(service: .draining, deadline: deadline)
            propose(.setMemberState(node, .draining))
        }
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

    private func undrain() async throws(AdminRefusal) {
        guard state.service == .draining || state.service == .drained else {
            throw .refused("this node is not draining")
        }
        state.set(service: .serving)
        gateway.undrain()
        draining.withLockedValue { $0 = nil }
        try await commit(.setMemberState(node, .up))
    }

    // MARK: Membership

    /// Moves a member's replicas elsewhere; the coordinator makes it `left` when the last has gone.
    private func leave(_ leaving: NodeID) async throws(AdminRefusal) {
        if let reason = state.metadata.refusalToRemove(leaving, alive: alive()) { throw .refused(reason) }
        try await commit(.setMemberState(leaving, .leaving))
        if leaving == node { state.set(service: .leaving) }
    }

    private func replace(_ lost: NodeID) async throws(AdminRefusal) {
        if alive().contains(lost) { throw .refused("the member is alive; decommission it instead") }
        if let reason = state.metadata.refusalToRemove(lost, alive: alive()) { throw .refused(reason) }
        try await commit(.setMemberState(lost, .dead))
    }

    private func transfer(_ number: Int, to target: NodeID?) throws(AdminRefusal) {
        let metadata = state.metadata
        guard number >= 0, number < metadata.partitionCount else {
            throw .notFound("there is no partition \(number)")
        }
        let partition = PartitionID(UInt32(number))
        let group = GroupID(partition)
        guard ports.leaders.leader(of: group) == node else {
            throw .refused("this node does not lead partition \(number)")
        }
        let voters = metadata.assignment(of: partition)?.nodes ?? []
        let candidates = voters.filter { $0 != node && alive().contains($0) }
        guard let to = target ?? candidates.first, candidates.contains(to) else {
            throw .refused("no living voter to hand partition \(number) to")
        }
        ports.shard(of: group).post(.transfer(group, to: to))
    }
}
