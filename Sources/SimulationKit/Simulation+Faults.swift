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
        guard let kind = plan.kinds.randomElement(using: &random),
            let victim = nodes.randomElement(using: &random)
        else { return }
        switch kind {
        case .crashes: crash(victim, isPowerLoss: random.chance(percent: 50))
        case .powerLosses: losePower()
        case .partitions: partition()
        case .oneWayPartitions: cutOneWay()
        case .linkBreaks: breakLink()
        case .pauses: pause(victim)
        case .slowDisks: slowDisk(of: victim)
        case .falseSuspicions: suspectFalsely(victim)
        case .transfers: transfer(from: victim)
        case .moves: mover.plan(nodeCount: nodes.count, random: &random)
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

    private func crash(_ node: SimulatedNode, isPowerLoss: Bool) {
        guard node.isUp else { return }
        count(.crashes)
        stop(node, isPowerLoss: isPowerLoss)
        schedule(.restart(node: node.number), after: UInt64.random(in: 20_000...4_000_000, using: &random))
        guard random.chance(percent: 70) else { return }
        for other in nodes where other.number != node.number {
            schedule(
                .suspicion(node: other.number, of: node.number, true),
                after: UInt64.random(in: 200_000...1_500_000, using: &random))
        }
    }

    private func stop(_ node: SimulatedNode, isPowerLoss: Bool) {
        note("node \(node.number) crashes\(isPowerLoss ? " with its power" : "")")
        node.isUp = false
        node.life += 1
        node.pausedEvents = nil
        let loss = node.disk.crash(isPowerLoss: isPowerLoss, &random)
        if loss.hasLost { count(.lostWrites) }
        if loss.isTorn { count(.tornWrites) }
    }

    private func losePower() {
        count(.powerLosses)
        for node in nodes where node.isUp {
            stop(node, isPowerLoss: true)
            schedule(
                .restart(node: node.number), after: UInt64.random(in: 20_000...1_000_000, using: &random))
        }
    }

    func restart(_ node: SimulatedNode) {
        guard !node.isUp else { return }
        note("node \(node.number) starts")
        node.restart(settings: settings, checker: checker, now: tick, random: &random)
        guard checker.violations.isEmpty else { return }
        for other in nodes where other.number != node.number {
            schedule(.suspicion(node: other.number, of: node.number, false), after: 100_000)
        }
        pump(node)
    }

    private func pause(_ node: SimulatedNode) {
        guard node.isUp, node.pausedEvents == nil else { return }
        note("node \(node.number) is stopped")
        count(.pauses)
        node.pausedEvents = []
        schedule(.resume(node: node.number), after: UInt64.random(in: 100_000...4_000_000, using: &random))
    }

    private func slowDisk(of node: SimulatedNode) {
        note("node \(node.number) has a slow disk")
        count(.slowDisks)
        node.syncFactor = UInt64.random(in: 10...800, using: &random)
        schedule(
            .endOfSlowDisk(node: node.number), after: UInt64.random(in: 200_000...4_000_000, using: &random))
    }

    // MARK: Links

    private func partition() {
        count(.partitions)
        let side = Set(nodes.map(\.number).filter { _ in random.chance(percent: 50) })
        var links: [SimulatedNetwork.Link] = []
        for from in nodes.map(\.number) {
            for to in nodes.map(\.number) where side.contains(from) != side.contains(to) {
                links.append(SimulatedNetwork.Link(from: from, to: to))
            }
        }
        cut(links)
    }

    private func cutOneWay() {
        count(.oneWayPartitions)
        var links: [SimulatedNetwork.Link] = []
        for from in nodes.map(\.number) {
            for to in nodes.map(\.number) where from != to && random.chance(percent: 25) {
                links.append(SimulatedNetwork.Link(from: from, to: to))
            }
        }
        cut(links)
    }

    private func breakLink() {
        count(.linkBreaks)
        let ends = Array(nodes.map(\.number).shuffled(using: &random).prefix(2))
        cut([
            SimulatedNetwork.Link(from: ends[0], to: ends[1]),
            SimulatedNetwork.Link(from: ends[1], to: ends[0]),
        ])
    }

    private func cut(_ links: [SimulatedNetwork.Link]) {
        note("cut \(links.map { "\($0.from)>\($0.to)" }.joined(separator: " "))")
        network.cut(links)
        let end = UInt64.random(in: 100_000...6_000_000, using: &random)
        schedule(.mend(links), after: end)
        guard random.chance(percent: 50) else { return }
        // Gossip notices some of it.
        for link in links where random.chance(percent: 70) {
            let noticed = UInt64.random(in: 100_000...800_000, using: &random)
            schedule(.suspicion(node: link.to, of: link.from, true), after: noticed)
            schedule(.suspicion(node: link.to, of: link.from, false), after: max(noticed, end))
        }
    }

    // MARK: Orders at a bad time

    private func suspectFalsely(_ victim: SimulatedNode) {
        count(.falseSuspicions)
        for other in nodes where other.number != victim.number {
            schedule(.suspicion(node: other.number, of: victim.number, true), after: 0)
            schedule(
                .suspicion(node: other.number, of: victim.number, false),
                after: UInt64.random(in: 100_000...3_000_000, using: &random))
        }
    }

    private func transfer(from node: SimulatedNode) {
        guard node.isUp, node.pausedEvents == nil else { return }
        for group in mover.groups {
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

    /// What a node does by itself now and then, and what the metadata wants of it.
    func upkeep() {
        schedule(.upkeep, after: 100_000)
        mover.drive(nodes, haste: areFaultsOn ? plan.hastePercent : 0, random: &random)
        for node in nodes where node.isUp && node.pausedEvents == nil {
            mover.reconcile(node, checker: checker, now: tick)
            if random.chance(percent: 5) && node.compact(kept: plan.entriesKept, checker: checker) {
                count(.compactions)
            }
            if random.chance(percent: 1), let group = node.replicas.keys.sorted().first {
                node.raft.restate(group: group)
            }
            pump(node)
        }
    }
}
