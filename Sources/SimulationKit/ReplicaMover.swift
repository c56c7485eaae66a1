import Consensus
import Vocabulary
import Wire

/// Plays the cluster's metadata: who should hold which replica, and moves of one replica to another node
/// (rule M1: learner first, then joint consensus, one change per group).
struct ReplicaMover {
    struct Assignment {
        var initial: Configuration
        var voters: [Replica]
        /// The voters that the group is moving to.
        var target: [Replica]?

        var everyone: [Replica] { Configuration(voters: voters, learners: target ?? []).everyone }
        var incoming: [Replica] { (target ?? []).filter { !voters.contains($0) } }
    }

    private(set) var assignments: [GroupID: Assignment] = [:]
    private var nextReplica: UInt64 = 1
    private(set) var moves = 0

    var groups: [GroupID] { assignments.keys.sorted() }
    var isMoving: Bool { assignments.values.contains { $0.target != nil } }

    mutating func assign(_ group: GroupID, nodes: [Int]) {
        let voters = nodes.map { Replica(node: SimulatedNode.id(of: $0), id: drawReplica()) }.sorted()
        assignments[group] = Assignment(initial: Configuration(voters: voters), voters: voters)
    }

    private mutating func drawReplica() -> ReplicaID {
        defer { nextReplica += 1 }
        return ReplicaID(nextReplica)
    }

    /// Plans to replace one voter of a group, or two, by nodes that have none.
    mutating func plan(nodeCount: Int, random: inout SeededGenerator) {
        guard let group = groups.randomElement(using: &random), var assignment = assignments[group],
            assignment.target == nil
        else { return }
        let taken = assignment.voters.map { SimulatedNode.number(of: $0.node) }
        let free = (1...nodeCount).filter { !taken.contains($0) }.shuffled(using: &random)
        let joining = free.prefix(random.chance(percent: 40) ? 2 : 1)
        guard !joining.isEmpty else { return }
        let staying = assignment.voters.shuffled(using: &random).dropFirst(joining.count)
        let replicas = joining.map { Replica(node: SimulatedNode.id(of: $0), id: drawReplica()) }
        assignment.target = (staying + replicas).sorted()
        assignments[group] = assignment
        moves += 1
    }

    /// Makes a node's replicas what they should be. Returns replicas that it must have had and has not.
    func reconcile(_ node: SimulatedNode, checker: InvariantChecker, now: Tick) {
        for group in groups {
            guard let assignment = assignments[group] else { continue }
            let wanted = assignment.everyone.first { $0.node == node.id }
            let held = node.raft.status(of: group)?.replica
            if let held, held != wanted?.id { node.bury(group, now: now) }
            guard let wanted, held != wanted.id, !node.burying.contains(group) else { continue }
            if checker.lost(group: group, replica: wanted.id) {
                return checker.fail("group \(group): node \(node.number) has lost replica \(wanted.id)")
            }
            let isFounder = assignment.initial.voters.contains(wanted)
            node.host(
                group, replica: wanted.id, configuration: isFounder ? assignment.initial : .empty,
                checker: checker, now: now)
        }
    }

    /// The next step of every move, on whoever leads the group.
    ///
    /// - Parameter haste: how often, in percent, a step is asked for out of turn: a change while another is
    ///   in
    ///   flight, or to any of the group's replicas. The machines must refuse what would be unsafe.
    mutating func drive(_ nodes: [SimulatedNode], haste: Double, random: inout SeededGenerator) {
        for group in groups {
            guard let assignment = assignments[group], let target = assignment.target else { continue }
            let leaders = nodes.filter {
                $0.isUp && $0.pausedEvents == nil && $0.raft.isLeader(of: group)
            }
            let latest = leaders.max { term(group, $0) < term(group, $1) }
            guard let leader = latest, let status = leader.raft.status(of: group) else { continue }
            if random.chance(percent: haste) {
                let some = assignment.everyone.shuffled(using: &random)
                    .prefix(Int.random(in: 1...3, using: &random))
                _ = leader.raft.changeConfiguration(group: group, to: some.sorted(), learners: [])
                continue
            }
            guard !status.isConfigurationInFlight else { continue }
            let current = status.configuration
            if current.voters == target && current.learners.isEmpty {
                assignments[group]?.voters = target
                assignments[group]?.target = nil
            } else if assignment.incoming.allSatisfy({ (current.learners + current.voters).contains($0) }) {
                let isCaughtUp = assignment.incoming.allSatisfy { replica in
                    status.matched(replica.id).map { status.lastIndex.distance(after: $0) < 50 } ?? false
                }
                guard isCaughtUp else { continue }
                _ = leader.raft.changeConfiguration(group: group, to: target, learners: [])
            } else {
                _ = leader.raft.changeConfiguration(
                    group: group, to: current.voters, learners: assignment.incoming)
            }
        }
    }

    private func term(_ group: GroupID, _ node: SimulatedNode) -> Term {
        node.raft.status(of: group)?.term ?? .zero
    }
}
