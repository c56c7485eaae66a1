import Placement
import Vocabulary
import Wire

/// Says the next commands of group 0. Stateless: runs on the leader of group 0 after every event (an apply, a
/// change of liveness, a timer), and goes on where any other left off.
package struct Coordinator: Sendable {
    /// What gossip says of one member, seen from the leader of group 0.
    package struct Liveness: Hashable, Sendable {
        package var isAlive: Bool
        /// Since when it is so.
        package var since: Tick

        package init(isAlive: Bool, since: Tick) {
            self.isAlive = isAlive
            self.since = since
        }
    }

    /// A leader that should hand over.
    package struct Transfer: Hashable, Sendable {
        package var partition: PartitionID
        package var from: NodeID
        package var to: NodeID

        package init(partition: PartitionID, from: NodeID, to: NodeID) {
            self.partition = partition
            self.from = from
            self.to = to
        }
    }

    /// Gossip has met everybody who is there within this time of a start.
    package static let unheardMilliseconds: UInt64 = 10_000

    /// Silence after which a member is given up and its replicas are rebuilt elsewhere.
    package var replaceAfterMilliseconds: UInt64 = 600_000

    package init(replaceAfterMilliseconds: UInt64 = 600_000) {
        self.replaceAfterMilliseconds = replaceAfterMilliseconds
    }

    /// Commands to propose now, in order. Empty when the cluster is as it should be, or waits for something.
    ///
    /// - Parameters:
    ///   - metadataGroup: group 0 on its leader: whoever votes in it cannot have left.
    ///   - liveness: a member that is not in it counts as neither alive nor dead: nothing is done to
    ///     it and nothing is given to it (see `withUnheard`).
    package func nextCommands(
        state: ClusterMetadata, liveness: [NodeID: Liveness], metadataGroup: RaftStatus? = nil, now: Tick
    ) -> [MetadataCommand] {
        guard state.formation != nil else { return [] }
        // Membership first: placement is decided on members that are settled, at the next call.
        let steps = memberCommands(state, liveness, metadataGroup, now)
        if !steps.isEmpty { return steps }
        if state.partitions.contains(where: { $0.version == 0 }) { return genesis(state, liveness) }
        return aborts(state, liveness) + moves(state, liveness)
    }

    // MARK: Members

    private func memberCommands(
        _ state: ClusterMetadata, _ liveness: [NodeID: Liveness], _ metadataGroup: RaftStatus?, _ now: Tick
    ) -> [MetadataCommand] {
        var commands = state.membersByNumber.compactMap { member -> MetadataCommand? in
            guard let next = nextState(of: member, in: state, liveness[member.node], now) else { return nil }
            if next == .left && Self.votes(member.node, in: metadataGroup) { return nil }
            return .setMemberState(member.node, next)
        }
        let present = state.members.values.filter { ![.left, .dead].contains($0.state) }
        if let level = present.map(\.profile.featureMax).min(), level > state.featureLevel {
            commands.append(.raiseFeatureLevel(level))
        }
        return commands
    }

    /// A member that is `left` may be stopped and wiped at once, so group 0 must not count on it any more: two of
    /// three voters that left together would take the metadata with them.
    private static func votes(_ node: NodeID, in group: RaftStatus?) -> Bool {
        guard let group else { return false }
        let voters = group.configuration.voters + group.configuration.outgoing
        return group.isConfigurationInFlight || voters.contains { $0.node == node }
    }

    private func nextState(
        of member: ClusterMember, in state: ClusterMetadata, _ liveness: Liveness?, _ now: Tick
    ) -> MemberState? {
        switch member.state {
        case .joining, .dead:
            return liveness?.isAlive == true ? .up : nil
        case .up, .draining:
            guard let liveness, !liveness.isAlive else { return nil }
            return now.since(liveness.since) >= replaceAfterMilliseconds ? .dead : nil
        case .leaving:
            return state.holdsReplicas(member.node) ? nil : .left
        case .left:
            return nil
        }
    }

    // MARK: Replicas

    private func genesis(_ state: ClusterMetadata, _ liveness: [NodeID: Liveness]) -> [MetadataCommand] {
        let up = state.membersByNumber.filter { $0.state == .up && liveness[$0.node]?.isAlive == true }
        guard let formation = state.formation, up.count >= max(1, Int(formation.expectedNodes)) else {
            return []
        }
        let sets = Placement.targetReplicaSets(
            members: up.map { $0.placement(isReceiving: true) }, partitionCount: state.partitionCount,
            replicationFactor: state.replicationFactor)
        return [.assignPartitions(sets, epoch: state.epoch)]
    }

    /// A move is taken back when, before the group went joint, a newcomer is gone or too few of the target are left.
    private func aborts(_ state: ClusterMetadata, _ liveness: [NodeID: Liveness]) -> [MetadataCommand] {
        state.partitions.enumerated().compactMap { index, partition in
            #if MUTANTS
            guard let move = partition.move, move.stage < .joint || Mutant.active == .abortAfterJoint
            else { return nil }
            #else
            guard let move = partition.move, move.stage < .joint else { return nil }
            #endif
            let isHopeless = partition.incoming.contains { replica in
                liveness[replica.node]?.isAlive == false || state.members[replica.node]?.state != .up
            }
            let isLost = liveness.hasLost(move.target.map(\.node))
            return isHopeless || isLost ? .abortMove(PartitionID(UInt32(index)), move: move.id) : nil
        }
    }

    private func moves(_ state: ClusterMetadata, _ liveness: [NodeID: Liveness]) -> [MetadataCommand] {
        let plan = Placement.planMoves(
            current: state.partitions.map(\.nodesAfterMove), members: placementMembers(state, liveness),
            replicationFactor: state.replicationFactor)
        var load = state.moveLoad()
        var commands: [MetadataCommand] = []
        for move in urgentFirst(plan, liveness) {
            let partition = state.partitions[Int(move.partition.raw)]
            let touched = move.added + move.removed
            guard partition.move == nil, liveness.hasLivingMajority(of: move.to),
                touched.allSatisfy({ (load[$0] ?? 0) < ClusterMetadata.movesPerNodeMax })
            else { continue }
            for node in touched { load[node, default: 0] += 1 }
            commands.append(.planMove(move.partition, target: move.to, version: partition.version))
        }
        return commands
    }

    /// Partitions that miss a living replica before those that are only unevenly placed.
    private func urgentFirst(_ plan: [PartitionMove], _ liveness: [NodeID: Liveness]) -> [PartitionMove] {
        func isUrgent(_ move: PartitionMove) -> Bool {
            move.to.count > move.from.count || move.from.contains { liveness[$0]?.isAlive == false }
        }
        return plan.filter(isUrgent) + plan.filter { !isUrgent($0) }
    }

    /// Members that count for placement. A dead one counts, receiving nothing, while there is nobody to take
    /// its place: dropping it would leave its partitions with fewer replicas and no safer.
    private func placementMembers(
        _ state: ClusterMetadata, _ liveness: [NodeID: Liveness]
    ) -> [PlacementMember] {
        let members = state.membersByNumber
        let receiving = members.filter { $0.state == .up && liveness[$0.node]?.isAlive == true }
        let canReplace = receiving.count >= state.replicationFactor
        return members.compactMap { member in
            switch member.state {
            case .up: member.placement(isReceiving: liveness[member.node]?.isAlive == true)
            case .draining: member.placement(isReceiving: false)
            case .dead: canReplace ? nil : member.placement(isReceiving: false)
            case .joining, .leaving, .left: nil
            }
        }
    }

    // MARK: Leaders

    /// Leaders to move, at most `limit`: away from members that may not lead at once, and toward an even
    /// spread when it is uneven.
    ///
    /// - Parameter leaders: element p is the leader of partition p as this node knows it.
    package func leaderTransfers(
        state: ClusterMetadata, leaders: [NodeID?], liveness: [NodeID: Liveness], limit: Int = 8
    ) -> [Transfer] {
        let eligible = Set(
            state.members.values
                .filter { $0.state == .up && liveness[$0.node]?.isAlive == true }.map(\.node))
        let isMisplaced = leaders.contains { leader in leader.map { !eligible.contains($0) } ?? false }
        guard isMisplaced || LeaderPlacement.isUneven(leaders: leaders, eligible: eligible) else { return [] }
        let preferred = LeaderPlacement.preferred(
            replicas: state.partitions.map(\.nodes), current: leaders, eligible: eligible)
        var transfers: [Transfer] = []
        for (index, pair) in zip(leaders, preferred).enumerated() where transfers.count < limit {
            guard let from = pair.0, let to = pair.1, from != to,
                state.partitions.indices.contains(index), state.partitions[index].move == nil
            else { continue }
            transfers.append(Transfer(partition: PartitionID(UInt32(index)), from: from, to: to))
        }
        return transfers
    }
}

extension [NodeID: Coordinator.Liveness] {
    /// Members of whom nothing was heard since `start` count as gone since then, once there was time to hear of them:
    /// when all nodes have restarted, gossip knows nothing of one that never comes back.
    package func withUnheard(of state: ClusterMetadata, since start: Tick, now: Tick) -> Self {
        guard now.since(start) >= Coordinator.unheardMilliseconds else { return self }
        var all = self
        for member in state.members.values where member.state != .left && all[member.node] == nil {
            all[member.node] = Coordinator.Liveness(isAlive: false, since: start)
        }
        return all
    }

    /// A group must not go to nodes of which a majority is not there: three replicas of which two live would become
    /// two of which one lives, and nothing could be committed any more.
    fileprivate func hasLivingMajority(of nodes: [NodeID]) -> Bool {
        nodes.filter { self[$0]?.isAlive == true }.count > nodes.count / 2
    }

    /// So many are known to be gone that the others are no majority.
    fileprivate func hasLost(_ nodes: [NodeID]) -> Bool {
        nodes.filter { self[$0]?.isAlive != false }.count <= nodes.count / 2
    }
}

extension ClusterMember {
    fileprivate func placement(isReceiving: Bool) -> PlacementMember {
        PlacementMember(
            node: node, zone: profile.zone, weight: profile.weight, isReceiving: isReceiving)
    }
}
