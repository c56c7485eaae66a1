import Consensus
import Vocabulary
import Wire

/// Judges the states of group 0, one after the other, and holds the groups to them: I13 and I14.
struct MetadataChecker {
    private(set) var state = ClusterMetadata()
    private var index = LogIndex.zero
    /// Whose replica each id is, for ever.
    private var owners: [ReplicaID: (group: GroupID, node: NodeID)] = [:]
    /// Ids of replicas that are gone.
    private var gone: Set<ReplicaID> = []
    /// Voters that group 0 has given a partition or has allowed it to go to.
    private var allowed: [PartitionID: Set<[Replica]>] = [:]
    /// Replicas that were ever on their way in.
    private var incoming: [PartitionID: Set<Replica>] = [:]

    /// I13, and that a move ends in group 0 only when it has ended in the group (I14). Returns what is wrong.
    mutating func applied(
        _ new: ClusterMetadata, at index: LogIndex, hasGone: (GroupID, [Replica]) -> Bool
    ) -> String? {
        guard index > self.index else { return nil }
        self.index = index
        let old = state
        state = new
        guard new != old else { return nil }
        if new.epoch != old.epoch.next { return "group 0 goes from epoch \(old.epoch) to \(new.epoch) (I13)" }
        if let formation = old.formation, new.formation != formation {
            return "group 0 forms the cluster anew (I13)"
        }
        return membersAreWrong(old, new) ?? partitionsAreWrong(old, new) ?? endsAreWrong(old, new, hasGone)
    }

    private func endsAreWrong(
        _ old: ClusterMetadata, _ new: ClusterMetadata, _ hasGone: (GroupID, [Replica]) -> Bool
    ) -> String? {
        for (place, partition) in new.partitions.enumerated() where partition.move == nil {
            let id = PartitionID(UInt32(place))
            guard let move = old.assignment(of: id)?.move, partition.voters == move.target,
                !hasGone(GroupID(id), move.target)
            else { continue }
            return "group 0 ends a move of partition \(id) that the group has not ended (I14)"
        }
        return nil
    }

    private mutating func membersAreWrong(_ old: ClusterMetadata, _ new: ClusterMetadata) -> String? {
        for (node, member) in old.members {
            guard let next = new.members[node] else { return "member \(node) is forgotten (I13)" }
            if member.state == .left && next.state != .left { return "member \(node) comes back (I13)" }
            if member.number != next.number || member.metadataReplica != next.metadataReplica {
                return "member \(node) changes its number or replica (I13)"
            }
        }
        if Set(new.members.values.map(\.number)).count != new.members.count {
            return "two members have one number (I13)"
        }
        for (node, member) in new.members where old.members[node] == nil {
            if let wrong = claim(member.metadataReplica, .metadata, node) { return wrong }
        }
        return nil
    }

    private mutating func partitionsAreWrong(_ old: ClusterMetadata, _ new: ClusterMetadata) -> String? {
        for (place, partition) in new.partitions.enumerated() {
            let id = PartitionID(UInt32(place))
            let before = old.assignment(of: id) ?? PartitionAssignment()
            guard partition != before else { continue }
            for replica in partition.everyone {
                if let wrong = claim(replica.id, GroupID(id), replica.node) { return wrong }
            }
            if let move = before.move, let next = partition.move, next.id != move.id {
                return "partition \(id) has two moves at once (I13)"
            }
            if let move = before.move, partition.move == nil, move.stage >= .joint,
                partition.voters != move.target
            {
                return "a joint move of partition \(id) is taken back (I13)"
            }
            let stays = Set(partition.everyone.map(\.id))
            gone.formUnion(before.everyone.map(\.id).filter { !stays.contains($0) })
            incoming[id, default: []].formUnion(partition.incoming)
            allowed[id, default: []].insert(partition.voters)
            if let move = partition.move, move.stage >= .joint { allowed[id]?.insert(move.target) }
        }
        let load = new.moveLoad()
        if let busy = load.first(where: { $0.value > ClusterMetadata.movesPerNodeMax }) {
            return "node \(busy.key) takes part in \(busy.value) moves (I13)"
        }
        return nil
    }

    /// A replica id belongs to one replica for ever (rule M3).
    private mutating func claim(_ id: ReplicaID, _ group: GroupID, _ node: NodeID) -> String? {
        if let owner = owners[id], owner.group != group || owner.node != node {
            return "replica \(id) of group \(group) was one of group \(owner.group) (rule M3)"
        }
        if gone.contains(id) { return "replica \(id) of group \(group) comes back (rule M3)" }
        owners[id] = (group, node)
        return nil
    }

    /// I14: a group goes only where group 0 has sent it. Returns what is wrong.
    func committed(_ configuration: Configuration, of partition: PartitionID) -> String? {
        let halves =
            configuration.isJoint ? [configuration.voters, configuration.outgoing] : [configuration.voters]
        for half in halves where allowed[partition]?.contains(half) != true {
            return "partition \(partition) goes to \(half), which group 0 has not allowed (I14)"
        }
        for learner in configuration.learners where incoming[partition]?.contains(learner) != true {
            return "partition \(partition) teaches \(learner), which group 0 has not named (I14)"
        }
        return nil
    }
}
