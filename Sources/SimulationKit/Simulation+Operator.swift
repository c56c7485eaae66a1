import Consensus
import Vocabulary
import Wire

/// What an operator does: forms the cluster, lets nodes join, drains and removes them, and replaces those whose
/// disk is lost.
extension Simulation {
    private static let nodesMax = 60

    func formCluster() {
        for host in 1...plan.nodes { makeNode(on: host) }
        let founder = node(1)
        let formation = ClusterFormation(
            cluster: cluster, name: "simulated", partitionCount: UInt32(plan.partitions),
            replicationFactor: UInt32(plan.replicationFactor), expectedNodes: UInt32(plan.nodes),
            founder: MemberProfile(node: founder.id, name: founder.name))
        founder.disk.append(formation.firstLog, sequence: 0, at: 0)
        _ = founder.disk.beginWrite()
        for item in founder.disk.completeSync()?.items ?? [] { checker.persisted(item) }
        founder.identity = SimulatedIdentity(
            cluster: cluster, number: nil, metadataReplica: ClusterFormation.founderReplica)
        for node in nodes {
            schedule(.boot(node: node.number), after: UInt64.random(in: 0...300_000, using: &random))
        }
    }

    @discardableResult
    private func makeNode(on host: Int) -> SimulatedNode {
        let node = SimulatedNode(
            number: nodes.count + 1, host: host, cluster: cluster, plan: plan, settings: settings,
            random: &random)
        nodes.append(node)
        hosts[host] = node.number
        return node
    }

    /// A new node begins on a host where nobody lives.
    func settle(_ host: Int) {
        guard hosts[host] == nil, nodes.count < Self.nodesMax else { return }
        let node = makeNode(on: host)
        note("node \(node.number) is new on host \(host)")
        boot(node)
    }

    /// Wants the member in this state from now on.
    func oblige(_ node: NodeID, _ state: MemberState) {
        if obligations[node] != .leaving { obligations[node] = state }
    }

    /// Repeats at the leader of group 0 what is not done yet, and stops nodes that have left.
    func pursueObligations() {
        let leader = leaderOfMetadata
        if isEnding {
            // A drain can be committed long after it was asked for.
            for (node, member) in checker.metadata.members where member.state == .draining {
                oblige(node, .up)
            }
        }
        // A node that was lost while it joined can become a member after it is gone.
        for (node, member) in checker.metadata.members where member.state != .left {
            if self.node(node).life == .gone { obligations[node] = .leaving }
        }
        for (node, wanted) in obligations.sorted(by: { $0.key < $1.key }) {
            let state = checker.metadata.members[node]?.state
            if state == .left || state == nil && self.node(node).life == .gone {
                obligations[node] = nil
                if lost == node { lost = nil }
                retire(self.node(node))
                continue
            }
            if state == wanted && wanted != .leaving { obligations[node] = nil }
            // Ordered while group 0 had no leader, together with others, and refused now.
            if wanted == .leaving, self.node(node).life != .gone, checker.metadata.isLastToStay(node) {
                obligations[node] = nil
                continue
            }
            guard let state, state != wanted, state != .leaving, state.mayBecome(wanted), let leader else {
                continue
            }
            note("operator: node \(SimulatedNode.number(of: node)) is to be \(wanted.name)")
            let command = MetadataCommand.setMemberState(node, wanted).encoded()
            _ = leader.raft.propose(group: .metadata, command: command)
            pump(leader)
        }
    }

    /// Its member is `left`: the process is stopped for good.
    private func retire(_ node: SimulatedNode) {
        guard node.life != .gone else { return }
        stop(node, isPowerLoss: false)
        node.life = .gone
        if hosts[node.host] == node.number { hosts[node.host] = nil }
    }

    // MARK: Loss of a disk

    /// Whether the cluster survives the loss of this disk for certain: one loss at a time, and every
    /// configuration that names it has three voters.
    func mayLose(_ node: SimulatedNode) -> Bool {
        guard lost == nil, node.life != .gone, staysThree(with: node.id), mayLoseAssigned(node) else {
            return false
        }
        for other in nodes where other.life != .gone {
            for group in other.replicas.keys {
                guard let configuration = other.raft.status(of: group)?.configuration else { continue }
                for half in [configuration.voters, configuration.outgoing]
                where half.contains(where: { $0.node == node.id }) && half.count < 3 { return false }
                // It is about to be one of two voters, and the leader may not know yet that it is gone.
                let isIncoming = configuration.learners.contains { $0.node == node.id }
                if group != .metadata && isIncoming && configuration.voters.count < 3 { return false }
            }
        }
        // A node that is down has configurations that nobody sees: a voter alone may be waiting there.
        return nodes.allSatisfy { $0.life != .down } && checker.mayLose(node.id)
    }

    /// What group 0 has assigned counts before any replica of it exists: the only voter of a group that was lost before
    /// it heard of its duty leaves a group that nobody can begin (no guarantee covers the loss of one of one, G2).
    private func mayLoseAssigned(_ node: SimulatedNode) -> Bool {
        let metadata = checker.metadata
        let isSmall = min(plan.replicationFactor, plan.nodes) < 3
        return metadata.partitions.allSatisfy { assignment in
            assignment.version > 0
                ? assignment.voters.count >= 3 || !assignment.voters.contains { $0.node == node.id }
                : !isSmall
        }
    }

    /// A group that is about to shrink to two has only two to lose one of: whoever takes a node out and loses another at
    /// the same moment has lost two of three, and no word of a leader's followers can be as new as that.
    private func staysThree(with node: NodeID) -> Bool {
        let staying = checker.metadata.members.values.filter {
            [.up, .draining].contains($0.state) && obligations[$0.node] != .leaving
        }
        return staying.count >= 3 || !staying.contains { $0.node == node }
    }

    /// The disk is gone for ever: its node is to leave, and a new one begins on the host.
    func lose(_ node: SimulatedNode) {
        note("node \(node.number) is lost")
        if node.isUp { stop(node, isPowerLoss: true) }
        node.life = .gone
        if hosts[node.host] == node.number { hosts[node.host] = nil }
        lost = node.id
        obligations[node.id] = .leaving
        schedule(.settle(host: node.host), after: UInt64.random(in: 100_000...5_000_000, using: &random))
    }
}
