import Consensus
import RocksStorage
import Vocabulary
import Wire

/// Moves: group 0 states the intent, the group's leader carries it out and reports (rules M1 and M2).
extension ShardActor {
    /// Learner within this many entries of the leader's log is caught up.
    private static let caughtUpEntries = 1_000

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
        let hosted = metadata.replicas(on: ports.node).filter { isMine($0.group) }
        let wanted = Dictionary(hosted.map { ($0.group, $0.replica.id) }) { first, _ in first }
        for group in groups.keys.sorted() where group != .metadata {
            guard let status = raft.status(of: group) else { continue }
            // After a restart older states of the metadata come by again: one that has not given this replica's id
            // out yet says nothing about it.
            if wanted[group] != status.replica && metadata.knows(status.replica, of: group) { remove(group) }
        }
        for replica in hosted {
            if groups[replica.group] != nil || buried[replica.group]?.contains(replica.replica.id) == true {
                startLeadingIfOpen(replica.group)
                continue
            }
            // The state of a former replica must be gone first; `removed` comes back to it.
            if removing.contains(replica.group) || retired.contains(where: { $0.group == replica.group }) {
                continue
            }
            groups[replica.group] = HostedGroup(generation: 0, applied: .zero)
            raft.create(
                group: replica.group, replica: replica.replica.id,
                configuration: replica.initialConfiguration, now: now)
        }
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

    private func drive(_ group: GroupID, partition: PartitionID, assignment: PartitionAssignment) {
        guard let status = raft.status(of: group), !status.isConfigurationInFlight else { return }
        let current = status.configuration
        if let event = recovered[group], current.voters == [event.survivor], !current.isJoint,
            assignment.voters != current.voters
        {
            return report(.recover(event, version: assignment.version))
        }
        guard let move = assignment.move else {
            // What an aborted move left behind.
            if !current.learners.isEmpty && current.voters == assignment.voters {
                _ = raft.changeConfiguration(group: group, to: assignment.voters, learners: [])
            }
            return
        }
        if current.voters == move.target && !current.isJoint && current.learners.isEmpty {
            report(.finishMove(partition, move: move.id))
        } else if current.voters != assignment.voters {
            // This metadata is older than the group's own configuration, which is the authority (rule M2).
            return
        } else if move.stage >= .joint {
            _ = raft.changeConfiguration(group: group, to: move.target, learners: [])
        } else if !assignment.incoming.allSatisfy({ current.learners.contains($0) }) {
            _ = raft.changeConfiguration(
                group: group, to: current.voters, learners: assignment.incoming)
        } else if assignment.incoming.allSatisfy({ isCaughtUp($0, status: status) }) {
            // Permission first: from here group 0 refuses to abort.
            report(.advanceMove(partition, move: move.id, stage: .joint))
        } else if move.stage < .learner {
            report(.advanceMove(partition, move: move.id, stage: .learner))
        }
    }

    private func isCaughtUp(_ replica: Replica, status: RaftStatus) -> Bool {
        guard let matched = status.matched(replica.id) else { return false }
        return matched > .zero && status.lastIndex.distance(after: matched) <= Self.caughtUpEntries
            && matched >= status.firstIndex.previous
    }

    /// Reports to group 0, wherever its leader is. Lost reports are repeated by the next look at the move.
    private func report(_ command: MetadataCommand) {
        ports.proposeMetadata(command.encoded())
    }
}
