import Consensus
import RocksStorage
import Vocabulary
import Wire

/// Moves: group 0 states the intent, the group's leader carries it out and reports (rules M1 and M2).
extension ShardActor {
    /// New metadata: replicas that this node should have come to be, others go.
    func adopt(_ metadata: ClusterMetadata) {
        if let known = self.metadata, known.epoch >= metadata.epoch { return }
        self.metadata = metadata
        reconcile()
        driveConfigurations()
    }

    /// Brings the replicas of this shard in line with the metadata.
    func reconcile() {
        guard let metadata else { return }
        let now = clock.tick()
        var held: [GroupID: ReplicaID] = [:]
        for group in groups.keys where group != .metadata { held[group] = raft.status(of: group)?.replica }
        let duties = ReplicaDuties(metadata: metadata, node: ports.node, held: held, buried: buried)
        for group in duties.remove { remove(group) }
        for replica in duties.create where isMine(replica.group) {
            // The state of a former replica must be gone first; `removed` comes back to it.
            if removing.contains(replica.group) || retired.contains(where: { $0.group == replica.group }) {
                if removing.contains(replica.group) { flusher.flush {} }
                continue
            }
            groups[replica.group] = HostedGroup(generation: 0, applied: .zero)
            raft.create(
                group: replica.group, replica: replica.replica.id,
                configuration: replica.initialConfiguration, now: now)
        }
        for group in groups.keys.sorted() { startLeadingIfOpen(group) }
    }

    func isMine(_ group: GroupID) -> Bool { Int(group.raw) % ports.shards.count == index }

    private func remove(_ group: GroupID) {
        guard let hosted = groups[group] else { return }
        stopLeading(group)
        if let status = raft.status(of: group) { buried[group, default: []].insert(status.replica) }
        raft.bury(group: group, now: clock.tick())
        groups[group] = nil
        snapshotsIn[group] = nil
        // Its state goes when the burial is on disk: a crash before that finds a whole replica.
        retired.append(
            RetiredGeneration(group: group, generation: hosted.generation, isReplicaGone: true))
    }

    /// Takes the next step of every change that a group led here is in.
    func driveConfigurations() {
        guard let metadata else { return }
        for group in groups.keys.sorted() where groups[group]?.isLeader == true {
            guard let partition = group.partition, let assignment = metadata.assignment(of: partition) else {
                continue
            }
            drive(group, partition: partition, assignment: assignment)
        }
    }

    /// Takes the next step of one group's change at once, when a step of it has just been committed.
    func driveConfiguration(of group: GroupID) {
        guard groups[group]?.isLeader == true, let partition = group.partition,
            let assignment = metadata?.assignment(of: partition)
        else { return }
        drive(group, partition: partition, assignment: assignment)
    }

    private func drive(_ group: GroupID, partition: PartitionID, assignment: PartitionAssignment) {
        guard let status = raft.status(of: group) else { return }
        let current = status.configuration
        if let event = recovered[group], !status.isConfigurationInFlight, current.voters == [event.survivor],
            !current.isJoint, assignment.voters != current.voters
        {
            return report(.recover(event, version: assignment.version))
        }
        switch assignment.nextStep(of: partition, status: status) {
        case .change(let voters, let learners):
            _ = raft.changeConfiguration(group: group, to: voters, learners: learners)
        case .report(let command): report(command)
        case nil: break
        }
    }

    /// Reports to group 0, wherever its leader is. Lost reports are repeated by the next look at the move.
    private func report(_ command: MetadataCommand) {
        ports.proposeMetadata(command.encoded())
    }
}
