import Chat
import Consensus
import Vocabulary
import Wire

/// The failure cases of fan-out and sync (F1 to F12): each strikes at its moment, again and again, while devices
/// send, read and change groups; nothing else fails.
package enum ChatScenario: String, CaseIterable, Sendable {
    case f1LeaderDiesBeforeFanout, f2UserPartitionWithoutQuorum, f3RowsReordered
    case f4RemoveAddRemoveOverLeaders, f5DriverOfAnOldTerm, f6PartitionMovesMidFanout, f7GatewayDies
    case f8UserInNoSnapshot, f9InboxLags, f10PushBeforeTheRow, f12RemovedWhileOffline
    case f11BlocksRaceWithSends
    case f13HungUpInTheMiddleOfACatchUp, f14OldMembershipComesLate
    case f15AnswersToAProcessThatIsGone
    case f16AnAccountOfManyMessages

    /// While this is the user who ends its account, none does.
    static let nobody = UserID(unchecked: "nobody")

    /// Runs the case; `happened` counts how often it came to pass.
    package func run(seed: UInt64) -> (result: SimulationResult, happened: Int) {
        var random = SeededGenerator(seed: seed)
        var plan = FaultPlan()
        plan.nodes = 5
        plan.hosts = 5
        plan.partitions = 8
        plan.clients = 0
        repeat { plan.chat = ChatPlan(&random) } while plan.chat.users.count < usersMin
        plan.chat.disconnects = 2
        plan.chat.stalls = 0
        plan.chat.pace = 200
        plan.chat.groupChanges = 6
        adjust(&plan)
        let simulation = Simulation(
            plan: plan, random: random, seed: seed, milliseconds: 20_000, isTraced: false)
        let strike = ChatStrike(self)
        simulation.scenario = strike.scenario
        if self == .f16AnAccountOfManyMessages { simulation.chat.erasing = Self.nobody }
        simulation.run()
        return (simulation.result(seed: seed), strike.happened)
    }

    /// One who goes, and two who must forget it.
    private var usersMin: Int { self == .f16AnAccountOfManyMessages ? 3 : 0 }

    private func adjust(_ plan: inout FaultPlan) {
        switch self {
        case .f3RowsReordered:
            plan.isStreamed = false
            plan.duplicatePercent = 25
            plan.slowPercent = 50
        case .f14OldMembershipComesLate:
            plan.isStreamed = false
            plan.duplicatePercent = 50
            plan.slowPercent = 60
            plan.chat.groupChanges = 60
        case .f4RemoveAddRemoveOverLeaders, .f12RemovedWhileOffline: plan.chat.groupChanges = 30
        case .f8UserInNoSnapshot:
            plan.chat.directMax = 1
            plan.chat.groupChanges = 25
        case .f10PushBeforeTheRow: plan.chat.disconnects = 0
        case .f15AnswersToAProcessThatIsGone:
            // All at one gateway, which soon knows everybody again.
            plan.nodes = 3
            plan.hosts = 3
            plan.chat.pace = 100
        case .f11BlocksRaceWithSends:
            plan.chat.privacyChanges = 8
            plan.chat.changesMessages = true
            plan.chat.groupChanges = 1
        case .f13HungUpInTheMiddleOfACatchUp:
            // Links that break make sessions ask for what they have missed; leaders that are stopped make them wait.
            plan.kinds = [.linkBreaks, .linkBreaks, .linkBreaks, .pauses]
            plan.meanInterval = 200
        case .f16AnAccountOfManyMessages:
            plan.chat.erasesAccounts = true
            plan.chat.pace = 60
            plan.chat.groupChanges = 1
            plan.chat.disconnects = 0.5
        default: break
        }
    }
}

/// What one case does, and how often it has.
final class ChatStrike {
    private let kind: ChatScenario
    private(set) var happened = 0
    private var nextAt: UInt64 = 6_000_000

    init(_ kind: ChatScenario) { self.kind = kind }

    var scenario: Scenario {
        var scenario = Scenario()
        scenario.chatApplied = { [self] simulation, node, group, outcomes in
            applied(outcomes, group, node, simulation)
        }
        scenario.chatSends = { [self] simulation, node, frame, to in
            lets(frame, from: node, to: to, simulation)
        }
        if kind == .f13HungUpInTheMiddleOfACatchUp {
            scenario.cursorTold = { [self] simulation, device in
                guard simulation.areFaultsOn, simulation.chat.isWarm,
                    simulation.chat.random.chance(percent: 30)
                else { return }
                happened += 1
                simulation.hangUp(device)
                simulation.chat.devices[device].reconnectAt = simulation.now + 100_000
            }
        }
        return scenario
    }

    /// True at most every few seconds, while things may fail.
    private func isDue(_ simulation: Simulation, pause: UInt64) -> Bool {
        guard simulation.areFaultsOn, simulation.chat.isWarm, simulation.now >= nextAt else { return false }
        nextAt = simulation.now + pause
        happened += 1
        return true
    }

    private func hasMessage(_ outcomes: [CommandOutcome]) -> Bool {
        outcomes.contains { if case .message(let outcome) = $0 { outcome.change != nil } else { false } }
    }

    /// Somebody with a message that the first step of an erasure does not reach.
    private func writerBeyondAStep(_ outcomes: [CommandOutcome], _ simulation: Simulation) -> UserID? {
        let step = UInt64(ChatRules.erasureStep)
        guard hasMessage(outcomes) else { return nil }
        for known in simulation.chat.checker.ledger.conversations.values.sorted(by: { $0.head > $1.head }) {
            let late = known.messages.last { $0.seq.raw > step + 2 && !$0.isSystem }
            if let late { return late.sender }
        }
        return nil
    }

    private func groupChange(_ outcomes: [CommandOutcome]) -> GroupOutcome? {
        for case .group(let outcome) in outcomes where outcome.change != nil { return outcome }
        return nil
    }

    /// On the leader, after the commit and before anything of it has left the node.
    private func applied(
        _ outcomes: [CommandOutcome], _ group: GroupID, _ node: SimulatedNode, _ simulation: Simulation
    ) {
        switch kind {
        case .f1LeaderDiesBeforeFanout, .f7GatewayDies:
            guard hasMessage(outcomes), isDue(simulation, pause: 3_000_000) else { return }
            let victim = kind == .f7GatewayDies ? busiestGateway(simulation) ?? node : node
            simulation.stop(victim, isPowerLoss: false)
            simulation.schedule(.boot(node: victim.number), after: 1_500_000)
        case .f2UserPartitionWithoutQuorum:
            guard hasMessage(outcomes), isDue(simulation, pause: 9_000_000) else { return }
            // Two of the three voters of another partition.
            let other = GroupID(PartitionID((group.raw) % UInt32(simulation.plan.partitions)))
            let hosts = simulation.nodes.filter {
                $0.isUp && $0.number != node.number && $0.replicas[other] != nil
            }
            for victim in hosts.prefix(2) {
                simulation.stop(victim, isPowerLoss: false)
                simulation.schedule(.boot(node: victim.number), after: 4_000_000)
            }
        case .f4RemoveAddRemoveOverLeaders:
            guard groupChange(outcomes) != nil, isDue(simulation, pause: 600_000) else { return }
            handOver(group, of: node, simulation)
        case .f5DriverOfAnOldTerm:
            guard hasMessage(outcomes), node.isRunning, isDue(simulation, pause: 7_000_000) else { return }
            // Stopped with the fan-out in its hands; it comes back when another has driven it.
            node.pausedEvents = []
            simulation.schedule(.resume(node: node.number), after: 4_000_000)
        case .f6PartitionMovesMidFanout:
            guard hasMessage(outcomes), isDue(simulation, pause: 1_500_000) else { return }
            handOver(group, of: node, simulation)
        case .f9InboxLags:
            guard hasMessage(outcomes), isDue(simulation, pause: 5_000_000) else { return }
            for victim in simulation.nodes where victim.isUp && victim.number != node.number {
                victim.syncFactor = 150
                simulation.schedule(
                    .diskRecovers(node: victim.number, boot: victim.boots), after: 2_000_000)
            }
        case .f11BlocksRaceWithSends:
            let isFlagged = outcomes.contains { if case .memberFlags = $0 { true } else { false } }
            guard isFlagged, isDue(simulation, pause: 400_000) else { return }
            // Whoever carries the news into the conversations, and whoever takes it, changes in the middle.
            handOver(group, of: node, simulation)
        case .f12RemovedWhileOffline:
            guard let outcome = groupChange(outcomes), case .remove(let user) = outcome.command.change,
                isDue(simulation, pause: 500_000)
            else { return }
            // It was not there when it happened, and comes back much later.
            for device in simulation.chat.devices where device.viewer.user == user {
                simulation.hangUp(device.number)
                simulation.chat.devices[device.number].reconnectAt = simulation.now + 3_000_000
            }
        case .f14OldMembershipComesLate:
            if groupChange(outcomes) != nil, simulation.areFaultsOn { happened += 1 }
        case .f16AnAccountOfManyMessages:
            guard simulation.chat.erasing == ChatScenario.nobody,
                let writer = writerBeyondAStep(outcomes, simulation), isDue(simulation, pause: 0)
            else { return }
            simulation.chat.erasing = writer
        case .f3RowsReordered:
            if hasMessage(outcomes), simulation.areFaultsOn { happened += 1 }
        case .f8UserInNoSnapshot, .f10PushBeforeTheRow, .f13HungUpInTheMiddleOfACatchUp,
            .f15AnswersToAProcessThatIsGone:
            break
        }
    }

    /// Whether a frame of the chat side leaves.
    private func lets(
        _ frame: PeerFrame, from node: SimulatedNode, to: NodeID, _ simulation: Simulation
    ) -> Bool {
        guard simulation.areFaultsOn, simulation.chat.isWarm else { return true }
        switch (kind, frame) {
        case (.f6PartitionMovesMidFanout, .fanout):
            // Half of the fan-out is lost, so that some is always open when the leadership goes.
            return simulation.chat.random.chance(percent: 50)
        case (.f8UserInNoSnapshot, .memberSnapshots):
            happened += 1
            return simulation.chat.random.chance(percent: 60)
        case (.f10PushBeforeTheRow, .push(let pushes)):
            for push in pushes {
                guard case .message = push.event, simulation.chat.random.chance(percent: 20) else { continue }
                for addressee in push.addressees { comeBack(addressee.session, on: to, simulation) }
            }
            return true
        case (.f15AnswersToAProcessThatIsGone, .request(_, _, _, .send)):
            let leader = simulation.node(to)
            guard node.number == 1, isDue(simulation, pause: 600_000) else { return true }
            // The leader gets it, and is slow: the gateway has died and serves again when the answer comes.
            leader.syncFactor = 150
            simulation.schedule(.diskRecovers(node: leader.number, boot: leader.boots), after: 1_500_000)
            simulation.schedule(.crash(node: node.number), after: 20_000)
            simulation.schedule(.boot(node: node.number), after: 220_000)
            return true
        default: return true
        }
    }

    /// The device hangs up with the push on its way, and comes back at once: the row is not committed yet.
    private func comeBack(_ session: UInt64, on peer: NodeID, _ simulation: Simulation) {
        let connection = simulation.node(peer).chat.shell?.sockets[session]?.connection
        guard let connection, let device = simulation.chat.connections[connection]?.device else { return }
        happened += 1
        simulation.hangUp(device)
        simulation.chat.devices[device].reconnectAt = simulation.now
        simulation.connect(device, toHost: Int.random(in: 1...5, using: &simulation.chat.random))
    }

    private func handOver(_ group: GroupID, of node: SimulatedNode, _ simulation: Simulation) {
        guard let status = node.raft.status(of: group),
            let heir = status.configuration.voters.first(where: { $0.node != node.id })
        else { return }
        _ = node.raft.transferLeadership(group: group, to: heir.node)
    }

    private func busiestGateway(_ simulation: Simulation) -> SimulatedNode? {
        simulation.nodes.filter { $0.isUp }
            .max { ($0.chat.shell?.sockets.count ?? 0) < ($1.chat.shell?.sockets.count ?? 0) }
    }
}
