import Consensus
import Vocabulary
import Wire

/// Group 0 on the shard that hosts it: proposing, joining, coordinating.
extension ShardActor {
    /// Without news the coordinator looks this often.
    private static let coordinateMilliseconds: UInt64 = 1_000
    /// Entries that the heir of a leadership may lack.
    private static let transferLagMax = 256

    func apply(metadata entries: [LogEntry]) {
        guard var host = metadataHost, var hosted = groups[.metadata], let last = entries.last else { return }
        let before = host.state.epoch
        for entry in entries {
            if case .command(let command) = entry.payload {
                do {
                    try host.apply(command, at: entry.index)
                } catch {
                    ending.unreadableEntry(error, of: .metadata)
                }
            }
            if StateMark.isDue(at: entry.index, of: .metadata) {
                noteState(host.digest, group: .metadata, at: entry.index)
            }
        }
        metadataHost = host
        var changes = StateChanges()
        changes.set(MetadataHost.stateKey, host.state.encoded())
        write(changes, group: .metadata, hosted: &hosted, through: last.index)
        groups[.metadata] = hosted
        if host.state.epoch != before { host.publish(host.state) }
        serveApplied(.metadata)
        coordinate()
    }

    func proposeMetadata(_ command: [UInt8], answer: @escaping @Sendable (ControlAnswer) -> Void) {
        propose(metadata: command) { outcome, _ in
            switch outcome {
            case .applied, .unchanged: answer(.committed)
            case .refused(let refusal): answer(.refused("\(refusal)"))
            case nil: answer(.notLeader(hint: nil))
            }
        }
    }

    /// Admits a node: a member from the commit on, whoever asks again gets the same answer.
    func admit(_ request: JoinRequest, answer: @escaping @Sendable (ControlAnswer) -> Void) {
        let profile = MemberProfile(
            node: request.node, name: request.name, zone: request.zone.isEmpty ? nil : request.zone,
            weight: request.weight, featureMax: request.featureMax)
        propose(metadata: MetadataCommand.addMember(profile).encoded()) { outcome, state in
            switch outcome {
            case .refused(let refusal): answer(.refused("\(refusal)"))
            case .applied, .unchanged:
                guard let member = state.members[request.node], let formation = state.formation else {
                    return answer(.refused("the cluster is not formed"))
                }
                answer(
                    .joined(
                        JoinAnswer(
                            cluster: formation.cluster, number: member.number,
                            metadataReplica: member.metadataReplica)))
            case nil: answer(.notLeader(hint: nil))
            }
        }
    }

    private func propose(
        metadata command: [UInt8],
        outcome: @escaping @Sendable (MetadataOutcome?, ClusterMetadata) -> Void
    ) {
        guard metadataHost != nil else { return outcome(nil, ClusterMetadata()) }
        switch raft.propose(group: .metadata, command: command) {
        case .success(let position): metadataHost?.waiting[position.index] = outcome
        case .failure: outcome(nil, ClusterMetadata())
        }
    }

    /// Reads through group 0: the answer holds everything committed before the question (rule Q1).
    func readMetadata(answer: @escaping @Sendable (ClusterMetadata?) -> Void) {
        let token = nextRead
        nextRead += 1
        guard raft.read(group: .metadata, token: token, now: clock.tick()) else { return answer(nil) }
        metadataReads[token] = answer
    }

    /// On group 0's leader: the coordinator's next commands, and group 0's own membership.
    func coordinate() {
        guard let host = metadataHost, groups[.metadata]?.isLeader == true,
            let status = raft.status(of: .metadata)
        else { return }
        if case .change(let voters, let learners)? = host.state.nextMetadataStep(status: status) {
            _ = raft.changeConfiguration(group: .metadata, to: voters, learners: learners)
        }
        guard host.coordinatorPending.isEmpty else { return }
        // Planning looks at every partition: it is done for news, and now and then because time passes.
        let now = clock.tick()
        let seen = CoordinatorInput(
            epoch: host.state.epoch,
            liveness: liveness().withUnheard(of: host.state, since: startedAt, now: now),
            configuration: status.configuration,
            isConfigurationInFlight: status.isConfigurationInFlight)
        guard seen != coordinated?.input || now.since(coordinated?.at ?? .zero) >= Self.coordinateMilliseconds
        else { return }
        coordinated = (seen, now)
        let commands = coordinator.nextCommands(
            state: host.state, liveness: seen.liveness, metadataGroup: status, now: now)
        for command in commands {
            guard case .success(let position) = raft.propose(group: .metadata, command: command.encoded())
            else {
                break
            }
            metadataHost?.coordinatorPending.insert(position.index)
        }
    }

    /// Hands leaderships over that this node should not have (uneven, draining); about once a second.
    func balanceLeaders() {
        guard let metadata else { return }
        let leaders = metadata.partitions.indices.map { partition in
            ports.leaders.leader(of: GroupID(PartitionID(UInt32(partition))))
        }
        let transfers = coordinator.leaderTransfers(state: metadata, leaders: leaders, liveness: liveness())
        for transfer in transfers where transfer.from == ports.node {
            let group = GroupID(transfer.partition)
            guard isMine(group), groups[group]?.isLeader == true, isClose(transfer.to, in: group) else {
                continue
            }
            _ = raft.transferLeadership(group: group, to: transfer.to)
        }
    }

    /// Whether a follower has nearly everything: until it has all, a transfer holds proposals up.
    private func isClose(_ node: NodeID, in group: GroupID) -> Bool {
        raft.status(of: group)?.progress.contains {
            $0.replica.node == node && $0.state == .replicate && $0.lag < Self.transferLagMax
        } ?? false
    }

    func transferLeaders(to nodes: [NodeID]) {
        let led = groups.keys.filter { groups[$0]?.isLeader == true }.sorted()
        handover = LeaderHandover(groups: led, targets: nodes)
        continueHandover()
    }

    /// Called every tick, so that the new leaders do not all begin at the same moment.
    func continueHandover() {
        for group in handover.next() where groups[group]?.isLeader == true {
            guard let status = raft.status(of: group) else { continue }
            let targets = status.configuration.voters.map(\.node).filter {
                $0 != ports.node && handover.targets.contains($0)
            }
            for target in targets where raft.transferLeadership(group: group, to: target) { break }
        }
    }
}

/// Leaderships that are on their way to other nodes: some every tick, all within half a second.
struct LeaderHandover {
    private static let ticks = 25

    let targets: [NodeID]
    private var waiting: ArraySlice<GroupID>
    private let step: Int

    init(groups: [GroupID] = [], targets: [NodeID] = []) {
        self.targets = targets
        waiting = groups[...]
        step = (groups.count + Self.ticks - 1) / Self.ticks
    }

    /// Those whose turn it is.
    mutating func next() -> ArraySlice<GroupID> {
        defer { waiting = waiting.dropFirst(step) }
        return waiting.prefix(step)
    }
}

/// What the coordinator decides on, beside the time.
struct CoordinatorInput: Hashable {
    var epoch: Epoch
    var liveness: [NodeID: Coordinator.Liveness]
    /// Of group 0.
    var configuration: Configuration
    var isConfigurationInFlight: Bool
}
