import Vocabulary
import Wire

/// A replica that a node should have, and how it comes to be when it has it not.
package struct HostedReplica: Hashable, Sendable {
    package var group: GroupID
    package var replica: Replica
    /// False while it is brought in by a move.
    package var isVoter: Bool
    /// What a new log starts with: the first voters for a replica of the first assignment, `.empty` for one
    /// that the group's leader will teach.
    package var initialConfiguration: Configuration

    package init(group: GroupID, replica: Replica, isVoter: Bool, initialConfiguration: Configuration) {
        self.group = group
        self.replica = replica
        self.isVoter = isVoter
        self.initialConfiguration = initialConfiguration
    }
}

extension ClusterMetadata {
    package var partitionCount: Int { partitions.count }
    package var replicationFactor: Int { Int(formation?.replicationFactor ?? 0) }

    /// Members in the order of their numbers.
    package var membersByNumber: [ClusterMember] { members.values.sorted { $0.number < $1.number } }

    /// The partition's assignment; `nil` when there is no such partition.
    package func assignment(of partition: PartitionID) -> PartitionAssignment? {
        let index = Int(partition.raw)
        return partitions.indices.contains(index) ? partitions[index] : nil
    }

    /// True once every partition has as many voters as the cluster was formed for: clients are held off
    /// before that.
    package var isReadyForClients: Bool {
        guard let formation else { return false }
        let wanted = max(1, min(formation.replicationFactor, formation.expectedNodes))
        return partitions.allSatisfy { $0.voters.count >= Int(wanted) || $0.version > 1 }
    }

    /// Partition replicas that `node` should have now, in group order. Any other replica of a partition on
    /// that node is to be destroyed and buried.
    package func replicas(on node: NodeID) -> [HostedReplica] {
        var hosted: [HostedReplica] = []
        for (index, partition) in partitions.enumerated() {
            for replica in partition.everyone where replica.node == node {
                let isVoter = partition.voters.contains(replica)
                hosted.append(
                    HostedReplica(
                        group: GroupID(PartitionID(UInt32(index))), replica: replica, isVoter: isVoter,
                        initialConfiguration: isVoter && partition.version == 1
                            ? Configuration(voters: partition.voters) : .empty))
            }
        }
        return hosted
    }

    /// Voters held by each node, without group 0.
    package func replicaCounts() -> [NodeID: Int] {
        partitions.reduce(into: [:]) { counts, partition in
            for voter in partition.voters { counts[voter.node, default: 0] += 1 }
        }
    }

    /// Partitions with fewer living voters than the replication factor.
    package func underReplicated(alive: Set<NodeID>) -> [PartitionID] {
        indices { partition in
            partition.voters.filter { alive.contains($0.node) }.count < replicationFactor
        }
    }

    /// Partitions without a living majority, in every half of a joint configuration.
    package func unavailable(alive: Set<NodeID>) -> [PartitionID] {
        indices { partition in
            var halves = [partition.voters]
            if let move = partition.move, move.stage == .joint { halves.append(move.target) }
            return !halves.allSatisfy { hasMajority(of: $0, alive: alive) }
        }
    }

    /// Why taking `node` out for good would lose a quorum; `nil` when it would not.
    package func refusalToRemove(_ node: NodeID, alive: Set<NodeID>) -> String? {
        let staying = members.values.filter {
            $0.node != node && [.up, .draining].contains($0.state)
        }
        guard !staying.isEmpty else { return "it is the last member" }
        let width = min(replicationFactor, staying.count)
        let living = staying.filter { alive.contains($0.node) }.count
        guard living > width / 2 else {
            return
                "only \(living) of \(staying.count) remaining members are alive, a quorum is \(width / 2 + 1)"
        }
        let lost = unavailable(alive: alive).filter { partition in
            assignment(of: partition)?.nodes.contains(node) ?? false
        }
        guard let first = lost.first else { return nil }
        return "partition \(first) has no quorum, and \(lost.count - 1) more like it"
    }

    /// Why `node` may not drain: its clients and leaderships would have nowhere to go. A cluster of one may.
    package func refusalToDrain(_ node: NodeID, alive: Set<NodeID>) -> String? {
        let others = members.values.filter { $0.node != node && $0.state != .left }
        let serving = others.filter { $0.state == .up && alive.contains($0.node) }
        return others.isEmpty || !serving.isEmpty ? nil : "no other member is up and alive"
    }

    private func hasMajority(of voters: [Replica], alive: Set<NodeID>) -> Bool {
        !voters.isEmpty && voters.filter { alive.contains($0.node) }.count > voters.count / 2
    }

    private func indices(where isWanted: (PartitionAssignment) -> Bool) -> [PartitionID] {
        partitions.indices.filter { isWanted(partitions[$0]) }.map { PartitionID(UInt32($0)) }
    }
}
