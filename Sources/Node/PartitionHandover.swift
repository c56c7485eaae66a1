import Consensus
import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// Hands the leadership of a partition over on an operator's word, on whichever node leads it.
struct PartitionHandover: Sendable {
    let ports: NodePorts
    let state: NodeState
    let roster: MemberRoster
    let transport: PeerTransport
    let loop: any EventLoop

    /// Begins it, here or on the leader.
    func perform(_ partition: PartitionID, to target: NodeID?) async -> ControlAnswer {
        guard let leader = ports.leaders.leader(of: GroupID(partition)) else {
            return .refused("partition \(partition) has no leader right now")
        }
        if leader == ports.node { return performHere(partition, to: target) }
        guard let text = roster.peerAddress(of: leader), let address = PeerAddress(text) else {
            return .refused("the address of partition \(partition)'s leader is not known")
        }
        let call = transport.call(
            .transfer(partition, to: target), at: address, expecting: leader, on: loop)
        do { return try await call.get().answer } catch {
            return .refused("partition \(partition)'s leader did not answer: \(error)")
        }
    }

    /// Begins it where this node leads. A voter that is not alive would leave the partition without a leader.
    func performHere(_ partition: PartitionID, to target: NodeID?) -> ControlAnswer {
        let group = GroupID(partition)
        guard ports.leaders.leader(of: group) == ports.node else {
            return .notLeader(hint: ports.leaders.leader(of: group))
        }
        let alive = roster.alive()
        let voters = state.metadata.assignment(of: partition)?.nodes ?? []
        let candidates = voters.filter { $0 != ports.node && alive.contains($0) }
        if let target, !candidates.contains(target) {
            return .refused(
                target == ports.node
                    ? "it leads partition \(partition) already"
                    : "it is no living voter of partition \(partition)")
        }
        guard let heir = target ?? candidates.first else {
            return .refused("partition \(partition) has no other living voter")
        }
        ports.shard(of: group).post(.transfer(group, to: heir))
        return .committed
    }
}
