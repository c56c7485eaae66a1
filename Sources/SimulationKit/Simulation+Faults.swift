import Consensus
import Vocabulary
import Wire

extension Simulation {
    /// One fault of the seed's mix, and when the next one comes.
    func strike() {
        guard areFaultsOn else { return }
        // Exponentially distributed, so that faults also meet.
        let draw = Double.random(in: 0.001..<1, using: &random)
        schedule(.fault, after: UInt64(plan.meanInterval * 1_000 * -Self.logarithm(draw)))
        let living = nodes.filter { $0.life != .gone }
        guard let kind = plan.kinds.randomElement(using: &random),
            let victim = living.randomElement(using: &random)
        else { return }
        switch kind {
        case .crashes: crash(victim, isPowerLoss: random.chance(percent: 50))
        case .powerLosses: losePower()
        case .partitions: partition()
        case .oneWayPartitions: cutOneWay()
        case .linkBreaks: breakLink()
        case .pauses: pause(victim)
        case .slowDisks, .stalledDisks, .fullDisks, .failedSyncs, .bitFlips, .wipes:
            strikeDisk(of: victim, kind)
        case .clonedDisks: startCopy(of: victim)
        case .rolledBackDisks: rollBack()
        case .transfers: transfer(from: victim)
        case .moves, .joins, .drains, .decommissions: changeMembers(kind, victim)
        case .coordinatorKills:
            if let leader = nodes.first(where: { $0.isRunning && $0.raft.isLeader(of: .metadata) }) {
                count(.coordinatorKills)
                crash(leader, isPowerLoss: random.chance(percent: 50))
            }
        default: break
        }
    }

    /// The natural logarithm of a number in 0.001 ..< 1, near enough.
    private static func logarithm(_ value: Double) -> Double {
        var value = value
        var halvings = 0.0
        while value < 0.5 {
            value *= 2
            halvings += 1
        }
        let x = (value - 1) / (value + 1)
        return 2 * (x + x * x * x / 3 + x * x * x * x * x / 5) - halvings * 0.693_147
    }

    // MARK: Processes

    func crash(_ node: SimulatedNode, isPowerLoss: Bool) {
        guard node.isUp else { return }
        count(.crashes)
        stop(node, isPowerLoss: isPowerLoss)
        schedule(.boot(node: node.number), after: UInt64.random(in: 20_000...4_000_000, using: &random))
    }

    private func losePower() {
        count(.powerLosses)
        for node in nodes where node.isUp {
            stop(node, isPowerLoss: true)
            schedule(.boot(node: node.number), after: UInt64.random(in: 20_000...1_000_000, using: &random))
        }
    }

    private func pause(_ node: SimulatedNode) {
        guard node.isRunning else { return }
        note("node \(node.number) is stopped")
        count(.pauses)
        node.pausedEvents = []
        schedule(.resume(node: node.number), after: UInt64.random(in: 100_000...6_000_000, using: &random))
    }

    // MARK: Disks

    private func strikeDisk(of node: SimulatedNode, _ kind: FaultKind) {
        switch kind {
        case .slowDisks where node.isUp:
            note("node \(node.number) has a slow disk")
            count(.slowDisks)
            node.syncFactor = UInt64.random(in: 10...800, using: &random)
            diskRecoversLater(node)
        case .stalledDisks where node.isUp:
            note("node \(node.number) has a disk that stands still")
            count(.stalledDisks)
            node.isStalled = true
            diskRecoversLater(node)
        case .fullDisks where node.isUp:
            note("node \(node.number) has a full disk")
            count(.fullDisks)
            node.disk.isFull = true
            diskRecoversLater(node)
        case .failedSyncs where node.isUp:
            // Rule D1: the process ends; what was not synced may be anything.
            count(.failedSyncs)
            stop(node, isPowerLoss: true)
            schedule(.boot(node: node.number), after: UInt64.random(in: 20_000...2_000_000, using: &random))
        case .bitFlips where mayLose(node) && node.isUp && node.disk.flipBit(&random):
            note("node \(node.number) has a damaged disk")
            count(.bitFlips)
            node.isDamaged = true
            lost = node.id
            stop(node, isPowerLoss: random.chance(percent: 50))
            schedule(.boot(node: node.number), after: UInt64.random(in: 20_000...1_000_000, using: &random))
        case .wipes where mayLose(node):
            count(.wipes)
            lose(node)
        default: break
        }
    }

    private func diskRecoversLater(_ node: SimulatedNode) {
        schedule(
            .diskRecovers(node: node.number, boot: node.boots),
            after: UInt64.random(in: 200_000...4_000_000, using: &random))
    }

    func diskRecovers(_ node: SimulatedNode) {
        node.syncFactor = 1
        node.isStalled = false
        node.disk.isFull = false
    }

    // MARK: Members

    private func changeMembers(_ kind: FaultKind, _ node: SimulatedNode) {
        let member = checker.metadata.members[node.id]
        // Of two voters nobody could say which of them has diverged.
        if states.planted != nil && [.drains, .decommissions].contains(kind) { return }
        switch kind {
        case .joins:
            let free = (1...plan.hosts).filter { hosts[$0] == nil }
            if let host = free.randomElement(using: &random) { settle(host) }
        case .drains where member?.state == .up && obligations[node.id] == nil:
            count(.drains)
            oblige(node.id, .draining)
            schedule(
                .oblige(node.id, .up), after: UInt64.random(in: 500_000...8_000_000, using: &random))
        case .decommissions where member?.state == .up && obligations[node.id] == nil:
            let staying = checker.metadata.members.values.filter { $0.state == .up && $0.node != node.id }
            let alive = Set(nodes.filter { $0.isUp }.map(\.id))
            guard staying.count >= 2, checker.metadata.refusalToRemove(node.id, alive: alive) == nil,
                checker.metadata.partitions.allSatisfy({ $0.version > 0 })
            else { return }
            count(.decommissions)
            oblige(node.id, .leaving)
        case .moves:
            // A node that is to bear more or less than before makes replicas move.
            guard var profile = member?.profile, let leader = leaderOfMetadata else { return }
            profile.weight = [50, 100, 100, 200].randomElement(using: &random) ?? 100
            _ = leader.raft.propose(
                group: .metadata, command: MetadataCommand.addMember(profile).encoded())
            pump(leader)
        default: break
        }
    }

    var leaderOfMetadata: SimulatedNode? {
        nodes.last { $0.isRunning && $0.raft.isLeader(of: .metadata) }
    }

    private func transfer(from node: SimulatedNode) {
        guard node.isRunning else { return }
        for group in node.replicas.keys.sorted() {
            guard let status = node.raft.status(of: group), status.isLeader,
                let heir = status.configuration.voters.randomElement(using: &random)
            else { continue }
            if node.raft.transferLeadership(group: group, to: heir.node) {
                note("\(node.number) hands group \(group) to \(SimulatedNode.number(of: heir.node))")
                count(.transfers)
            }
        }
        pump(node)
    }

    /// What the outside does now and then.
    func upkeep() {
        schedule(.upkeep, after: 100_000)
        if now / 100_000 % 5 == 0 { pursueObligations() }
        if plan.divergesStates { tendStates() }
    }
}
