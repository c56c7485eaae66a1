import Chat
import Consensus
import Membership
import Storage
import Vocabulary
import Wire

/// Group 0 on every node, and on its leader the coordinator: as `ShardActor+Metadata` and `+Configuration`.
extension Simulation {
    /// The one key of group 0's state.
    static let metadataKey: [UInt8] = Array("state".utf8)
    /// Entries that the heir of a leadership may lack.
    private static let transferLagMax = 256

    func loadMetadata(on node: SimulatedNode) {
        let generation = node.replicas[.metadata]?.generation ?? 0
        let view = node.store.view(group: .metadata, generation: generation)
        guard let bytes = view.value(of: Self.metadataKey) else { return node.metadata = ClusterMetadata() }
        do {
            node.metadata = try ClusterMetadata(decoding: bytes)
        } catch {
            checker.fail("node \(node.number) cannot read its metadata: \(error)")
        }
    }

    func applyMetadata(_ command: [UInt8], at index: LogIndex, on node: SimulatedNode) throws {
        let outcome = try node.metadata.apply(command)
        node.coordinatorPending.remove(index)
        if let request = node.admissions.removeValue(forKey: index) { admit(request, outcome, on: node) }
    }

    /// New metadata: replicas that this node should have come to be, others go.
    func adopt(on node: SimulatedNode) {
        reconcile(node)
        driveConfigurations(of: node)
        if let number = node.metadata.members[node.id]?.number, node.swim?.own.number != number {
            node.identity.number = number
            node.swim?.describe(number: number)
        }
        scenario?.metadataChanged(self, node)
    }

    func reconcile(_ node: SimulatedNode) {
        guard node.metadata.formation != nil else { return }
        var held: [GroupID: ReplicaID] = [:]
        for group in node.replicas.keys where group != .metadata {
            held[group] = node.raft.status(of: group)?.replica
        }
        let duties = ReplicaDuties(
            metadata: node.metadata, node: node.id, held: held, buried: node.buried)
        for group in duties.remove { bury(group, on: node) }
        for duty in duties.create {
            // The state of a former replica must be gone first; `removed` comes back to it.
            if node.removing.contains(duty.group) || node.retired.contains(where: { $0.group == duty.group })
            {
                continue
            }
            host(duty.group, replica: duty.replica.id, configuration: duty.initialConfiguration, on: node)
        }
        for group in node.replicas.keys.sorted() { startLeadingIfOpen(group, on: node) }
    }

    func host(
        _ group: GroupID, replica: ReplicaID, configuration: Configuration, on node: SimulatedNode
    ) {
        checker.creating(group: group, replica: replica, configuration: configuration)
        node.replicas[group] = SimulatedReplica(generation: 0, applied: .zero, stateHash: 0)
        node.raft.create(group: group, replica: replica, configuration: configuration, now: tick)
    }

    /// The state goes when the log's word on it is durable: a crash in between must find both or neither.
    private func bury(_ group: GroupID, on node: SimulatedNode) {
        guard let replica = node.replicas[group] else { return }
        note("\(node.number) buries its replica of \(group)")
        endLeading(group, on: node)
        if let status = node.raft.status(of: group) {
            node.buried[group, default: []].insert(status.replica)
        }
        node.raft.bury(group: group, now: tick)
        node.replicas[group] = nil
        node.snapshotsIn[group] = nil
        node.retired.append(
            RetiredGeneration(group: group, generation: replica.generation, isReplicaGone: true))
    }

    /// Generations that nothing refers to any more. That of a replica that is gone comes back after a crash
    /// unless the store was flushed: nothing is created before that.
    func forgetRetired(through sequence: UInt64, on node: SimulatedNode) {
        guard !node.retired.isEmpty else { return }
        let gone = node.retired.filter { ($0.after ?? .max) <= sequence }
        node.retired.removeAll { ($0.after ?? .max) <= sequence }
        for old in gone {
            node.store.removeGeneration(group: old.group, generation: old.generation)
            guard old.isReplicaGone else { continue }
            scenario?.buried(self, node)
            node.removing.insert(old.group)
            schedule(
                .removed(node: node.number, boot: node.boots, group: old.group),
                after: UInt64.random(in: 1_000...30_000, using: &random))
        }
    }

    func removed(_ group: GroupID, on node: SimulatedNode) {
        flushStore(of: node)
        node.removing.remove(group)
        reconcile(node)
    }

    // MARK: Moves

    /// Takes the next step of every change that a group led here is in.
    func driveConfigurations(of node: SimulatedNode) {
        for group in node.replicas.keys.sorted() where node.replicas[group]?.isLeader == true {
            guard let partition = group.partition, let assignment = node.metadata.assignment(of: partition),
                let status = node.raft.status(of: group)
            else { continue }
            var step = assignment.nextStep(of: partition, status: status)
            if areFaultsOn && random.chance(percent: plan.hastePercent), status.isConfigurationInFlight {
                // Asked out of turn: the machine must refuse what would be unsafe. Group 0 cannot: a leader's report is
                // its word, and this one does not lie.
                var hasty = status
                hasty.isConfigurationInFlight = false
                let next = assignment.nextStep(of: partition, status: hasty)
                if case .change? = next { step = next }
            }
            switch step {
            case .change(let voters, let learners):
                if case .success = node.raft.changeConfiguration(group: group, to: voters, learners: learners)
                {
                    note("\(node.number) changes \(group) to \(voters.map(\.id)) and \(learners.map(\.id))")
                }
            case .report(let command): proposeMetadata(command.encoded(), from: node)
            case nil: break
            }
        }
    }

    /// Hands a command to the leader of group 0, wherever it is; it may be lost.
    func proposeMetadata(_ command: [UInt8], from node: SimulatedNode) {
        if node.raft.isLeader(of: .metadata) {
            _ = node.raft.propose(group: .metadata, command: command)
        } else if let leader = node.leaders.leader(of: .metadata) {
            node.nextCall += 1
            send([.control(id: node.nextCall, .metadata(command))], from: node, to: leader)
        }
    }

    // MARK: The coordinator

    /// On group 0's leader: the coordinator's next commands, and group 0's own membership.
    func coordinate(_ node: SimulatedNode) {
        guard standstill == nil, node.replicas[.metadata]?.isLeader == true,
            let status = node.raft.status(of: .metadata)
        else { return }
        if case .change(let voters, let learners)? = node.metadata.nextMetadataStep(status: status) {
            _ = node.raft.changeConfiguration(group: .metadata, to: voters, learners: learners)
        }
        guard node.coordinatorPending.isEmpty else { return }
        let commands = coordinator.nextCommands(
            state: node.metadata,
            liveness: node.liveness.withUnheard(of: node.metadata, since: node.startedAt, now: tick),
            metadataGroup: status, now: tick)
        for command in commands {
            guard
                case .success(let position) = node.raft.propose(
                    group: .metadata, command: command.encoded())
            else { break }
            note("\(node.number) coordinates: \(command)")
            if case .planMove = command { count(.moves) }
            if case .abortMove = command { count(.abortedMoves) }
            node.coordinatorPending.insert(position.index)
        }
    }

    func forgetProposals(on node: SimulatedNode) {
        node.coordinatorPending = []
        node.admissions = [:]
    }

    /// Hands leaderships over that this node should not have (uneven, draining); about once a second.
    func balanceLeaders(of node: SimulatedNode) {
        guard standstill == nil, node.metadata.formation != nil else { return }
        let leaders = node.metadata.partitions.indices.map { index in
            node.leaders.leader(of: GroupID(PartitionID(UInt32(index))))
        }
        let transfers = coordinator.leaderTransfers(
            state: node.metadata, leaders: leaders, liveness: node.liveness)
        for transfer in transfers where transfer.from == node.id {
            let group = GroupID(transfer.partition)
            guard node.replicas[group]?.isLeader == true, isClose(transfer.to, in: group, on: node) else {
                continue
            }
            _ = node.raft.transferLeadership(group: group, to: transfer.to)
        }
    }

    private func isClose(_ other: NodeID, in group: GroupID, on node: SimulatedNode) -> Bool {
        node.raft.status(of: group)?.progress.contains {
            $0.replica.node == other && $0.state == .replicate && $0.lag < Self.transferLagMax
        } ?? false
    }

    // MARK: Joining

    /// Asks some host to be let in; again until it is.
    func tryJoin(_ node: SimulatedNode) {
        guard node.identity.metadataReplica == nil else { return }
        schedule(.tryJoin(node: node.number, boot: node.boots), after: 400_000)
        let others = hosts.keys.filter { $0 != node.host }.sorted()
        guard let host = others.randomElement(using: &random), let other = hosts[host] else { return }
        call(
            .join(JoinRequest(node: node.id, name: node.name, zone: ""), asker: node.number), from: node,
            toHost: self.node(other).host)
    }

    func receive(join request: JoinRequest, asker: Int, on node: SimulatedNode) {
        if node.raft.isLeader(of: .metadata) {
            let profile = MemberProfile(node: request.node, name: request.name)
            let command = MetadataCommand.addMember(profile).encoded()
            if case .success(let position) = node.raft.propose(group: .metadata, command: command) {
                node.admissions[position.index] = request
            }
        } else if let leader = node.leaders.leader(of: .metadata), leader != node.id {
            call(
                .join(request, asker: asker), from: node,
                toHost: self.node(SimulatedNode.number(of: leader)).host)
        }
    }

    private func admit(_ request: JoinRequest, _ outcome: MetadataOutcome, on node: SimulatedNode) {
        if case .refused(let refusal) = outcome { return note("join refused: \(refusal)") }
        guard let member = node.metadata.members[request.node], let formation = node.metadata.formation else {
            return
        }
        let answer = JoinAnswer(
            cluster: formation.cluster, number: member.number, metadataReplica: member.metadataReplica)
        let asker = request.node
        call(
            .joined(answer, asker: asker), from: node, toHost: self.node(SimulatedNode.number(of: asker)).host
        )
    }

    func receive(joined answer: JoinAnswer, on node: SimulatedNode) {
        guard node.identity.metadataReplica == nil else { return }
        count(.joins)
        node.identity.cluster = answer.cluster
        node.identity.number = answer.number
        node.identity.metadataReplica = answer.metadataReplica
        start(node)
    }
}
