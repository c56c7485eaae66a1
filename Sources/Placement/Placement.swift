import Vocabulary

/// Decides which nodes should hold each partition, and how to get there with as little movement as possible.
///
/// Invariants of every answer: the nodes of a partition are distinct, no node exceeds ceil(1.05 x its share),
/// zones are spread as far as that bound allows. The same arguments always give the same answer.
package enum Placement {
    /// The replica sets of a cluster that starts with these members: element p holds partition p's nodes,
    /// sorted. Fewer members than `replicationFactor` give sets of that many.
    package static func targetReplicaSets(
        members: [PlacementMember], partitionCount: Int, replicationFactor: Int
    ) -> [[NodeID]] {
        let nothing = [[NodeID]](repeating: [], count: partitionCount)
        return target(current: nothing, members: members, replicationFactor: replicationFactor)
    }

    /// The replica sets to aim at from `current`: what a node that is no member held goes elsewhere, missing
    /// replicas are added, and then the fewest replicas move that bring every node within its bounds.
    package static func target(
        current: [[NodeID]], members: [PlacementMember], replicationFactor: Int
    ) -> [[NodeID]] {
        let usable = members.filter { $0.weight > 0 }
        guard !usable.isEmpty else { return current }
        var plan = PlacementPlan(current: current, members: usable, replicationFactor: replicationFactor)
        plan.fill()
        plan.spreadZones()
        plan.balance()
        return plan.sets.map { $0.sorted() }
    }

    /// The moves from `current` to the target, in partition order. Empty when there is nothing to do.
    package static func planMoves(
        current: [[NodeID]], members: [PlacementMember], replicationFactor: Int
    ) -> [PartitionMove] {
        let aims = target(current: current, members: members, replicationFactor: replicationFactor)
        return current.indices.compactMap { index in
            let move = PartitionMove(
                partition: PartitionID(UInt32(index)), from: current[index], to: aims[index])
            return move.from == move.to ? nil : move
        }
    }
}
