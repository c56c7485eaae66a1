import Consensus
import Storage
import Vocabulary
import Wire

/// Replicas that make another state of the log than the others, one at a time (rule R4). Draws from a stream of its
/// own: seeds without it do what they did before.
struct PlantedStates {
    /// Names no row of any table: what clients see is not touched, so that whoever finds it has compared states.
    static let key: [UInt8] = [0xFF, 0x00]

    struct Planted: CustomStringConvertible {
        var node: Int
        var group: GroupID
        /// Another row than the others' is in its state; before that it waits for an entry.
        var isWritten = false
        /// A leader has told people, because no majority could decide.
        var isDisputed = false
        var description: String { "node \(node)'s state of group \(group)" }
    }

    var random: SeededGenerator
    var planted: Planted?
    /// One more is planted when everything is healed, and must be found.
    var isDoneAtEnd = false
}

extension Simulation {
    /// Called every 100 ms: plants, and keeps the group busy, so that the next comparison comes.
    func tendStates() {
        forgetStateThatIsGone()
        if let planted = states.planted {
            if isForPeople(planted) { takeStatesOut() } else { keepBusy(planted.group) }
            return
        }
        if isEnding {
            if !states.isDoneAtEnd { states.isDoneAtEnd = plantState() }
        } else if areFaultsOn, now + 6_000_000 < faultsEnd, states.random.chance(percent: 2) {
            _ = plantState()
        }
    }

    /// The next entry that some replica of three or more voters applies leads it elsewhere. The disk counts as lost.
    ///
    /// Not of group 0, nor on one of its voters: it has two voters for a moment when its members change. Of two nobody can
    /// say who is right, and when the other one is found and ends, nobody leads.
    private func plantState() -> Bool {
        let nodes = nodes.filter { $0.isRunning && $0.swim != nil && mayLose($0) && !votesInMetadata($0) }
        guard obligations.isEmpty, let node = nodes.randomElement(using: &states.random) else { return false }
        let groups = node.replicas.keys.sorted().filter { group in
            guard group != .metadata, let configuration = node.raft.status(of: group)?.configuration else {
                return false
            }
            return !configuration.isJoint && configuration.voters.count >= 3
                && configuration.voters.contains { $0.node == node.id }
        }
        // Half of the time one that leads.
        let led = groups.filter { node.raft.isLeader(of: $0) }
        let isLed = !led.isEmpty && states.random.chance(percent: 50)
        guard let group = (isLed ? led : groups).randomElement(using: &states.random) else { return false }
        states.planted = PlantedStates.Planted(node: node.number, group: group)
        lost = node.id
        return true
    }

    private func votesInMetadata(_ node: SimulatedNode) -> Bool {
        nodes.contains { other in
            guard let configuration = other.raft.status(of: .metadata)?.configuration else { return false }
            return (configuration.voters + configuration.outgoing).contains { $0.node == node.id }
        }
    }

    private func keepBusy(_ group: GroupID) {
        guard let leader = nodes.first(where: { $0.isRunning && $0.raft.isLeader(of: group) }) else { return }
        let command =
            group == .metadata
            ? MetadataCommand.raiseFeatureLevel(1).encoded() : Command.encode([.lastSeen([])])
        _ = leader.raft.propose(group: group, command: command)
        pump(leader)
    }

    func disputed(_ dispute: StateDispute, on node: SimulatedNode) {
        note("node \(node.number): \(dispute)")
        if states.planted?.group == dispute.group { states.planted?.isDisputed = true }
    }

    /// One against one, and the third lacks so much that only a snapshot of one of the two can help: the operator
    /// takes the wrong one out. Otherwise the third must decide.
    private func isForPeople(_ planted: PlantedStates.Planted) -> Bool {
        guard isEnding, planted.isDisputed,
            let leader = nodes.first(where: { $0.isRunning && $0.raft.isLeader(of: planted.group) }),
            let status = leader.raft.status(of: planted.group)
        else { return false }
        return status.configuration.voters.contains { voter in
            let last = node(voter.node).raft.status(of: planted.group)?.lastIndex ?? .zero
            return last.next < status.firstIndex
        }
    }

    /// True for the one entry with which the planted state begins.
    func isToDiverge(_ group: GroupID, on node: SimulatedNode) -> Bool {
        guard let planted = states.planted, planted.node == node.number, planted.group == group,
            !planted.isWritten
        else { return false }
        states.planted?.isWritten = true
        count(.divergedStates)
        note("\(planted) diverges")
        return true
    }

    func hasDiverged(_ group: GroupID, on node: SimulatedNode) -> Bool {
        guard let planted = states.planted, planted.node == node.number, planted.group == group,
            let replica = node.replicas[group]
        else { return false }
        let view = node.store.view(group: group, generation: replica.generation)
        return view.value(of: PlantedStates.key) != nil
    }

    /// A snapshot has replaced it, a crash has taken it back, or the replica is no more.
    private func forgetStateThatIsGone() {
        guard let planted = states.planted else { return }
        let node = node(planted.node)
        switch node.life {
        case .gone: states.planted = nil
        case .down: return
        case .up:
            if node.swim == nil || node.replicas[planted.group] != nil && !planted.isWritten { return }
            if !hasDiverged(planted.group, on: node) { release(node) }
        }
    }

    private func release(_ node: SimulatedNode) {
        states.planted = nil
        if lost == node.id { lost = nil }
    }

    /// Before a time in which nobody may end: what was not found is lost as a disk is.
    func takeStatesOut() {
        guard let planted = states.planted else { return }
        let node = node(planted.node)
        states.planted = nil
        if planted.isWritten && node.life != .gone { lose(node) } else { release(node) }
    }

    /// The replica is told that its state is not that of the majority: it must be the one whose state is not.
    func diverged(_ divergence: StateDivergence, on node: SimulatedNode) {
        guard hasDiverged(divergence.group, on: node) else {
            return checker.fail("node \(node.number) ends for a state that is right (R4): \(divergence)")
        }
        note("node \(node.number): \(divergence)")
        states.planted = nil
        node.hasDiverged = true
    }
}
