import Chat
import Consensus
import Logging
import Observability
import RocksStorage
import Vocabulary
import Wire

extension ShardActor {
    /// Applies committed entries, that are durable here (rule D4), in one atomic write with the applied index
    /// (rule R1); then the leader's actors hear of it.
    func apply(_ entries: [LogEntry], group: GroupID) {
        if group == .metadata { return apply(metadata: entries) }
        guard var hosted = groups[group], let last = entries.last else { return }
        var transaction = StateTransaction(
            base: store.view(group: group, generation: hosted.generation), digest: hosted.digest)
        var outcomes: [CommandOutcome] = []
        var hasChangedConfiguration = false
        let machine = ChatMachine()
        do {
            for entry in entries {
                switch entry.payload {
                case .command(let bytes):
                    outcomes += try machine.apply(entry: bytes, at: entry.index, in: &transaction)
                case .empty: if hosted.isLeader && entry.term == hosted.term { hosted.isTermOpen = true }
                case .configuration: hasChangedConfiguration = true
                }
                noteState(transaction.changes.digest, group: group, at: entry.index)
            }
        } catch {
            // Rule A1: what is not understood is never skipped.
            ending.unreadableEntry(error, of: group)
        }
        metrics.commits.add(entries.count)
        write(transaction.changes, group: group, hosted: &hosted, through: last.index)
        groups[group] = hosted
        if let leading = hosted.leading {
            handle(outcomes, in: leading)
        } else {
            startLeadingIfOpen(group)
        }
        serveApplied(group)
        if hasChangedConfiguration { driveConfiguration(of: group) }
    }

    /// Whoever asks how far the replicas have come is told of what they have, not of what they let gather.
    func applyGathered(_ wanted: Set<GroupID>) {
        let gathered = wanted.filter { groups[$0] != nil && raft.applyNow(group: $0) }
        if !gathered.isEmpty { pump() }
    }

    func write(_ changes: StateChanges, group: GroupID, hosted: inout HostedGroup, through index: LogIndex) {
        do {
            try store.write(changes, group: group, generation: hosted.generation, applied: index)
        } catch {
            ending.failed(error)
        }
        hosted.applied = index
        hosted.digest = changes.digest
        raft.applied(group: group, through: index)
    }

    /// Tells Raft the digest at the indices at which replicas are compared (rule R4).
    func noteState(_ digest: StateDigest, group: GroupID, at index: LogIndex) {
        guard StateMark.isDue(at: index, of: group) else { return }
        raft.noteState(group: group, StateMark(index: index, digest: digest))
    }

    /// The state here is not what the others made of the same log: this replica must not vote again (rule R4).
    func diverged(_ divergence: StateDivergence) {
        let others =
            divergence.isByMajority
            ? "a majority of its voters has \(divergence.expected)"
            : "its leader has \(divergence.expected), and no majority can say which of them is right"
        ending.corrupt(
            "the state of group \(divergence.group) at index \(divergence.index) is \(divergence.own), \(others)"
        )
    }

    /// One of two replicas is wrong, and the voters that could say which are away.
    func disputed(_ dispute: StateDispute) {
        logger.error(
            "two replicas made different states of one log, and a majority to decide is away",
            metadata: [
                "group": "\(dispute.group)", "raft.index": "\(dispute.own.index)",
                "replica": "\(dispute.other)", "raft.digest": "\(dispute.own.digest)",
                "raft.other_digest": "\(dispute.theirs)",
            ])
    }

    /// The disk was set back to an older state: what was acknowledged since is gone, and votes are forgotten (rule M4).
    func lostEntries(_ lost: LostLog) {
        ending.corrupt(
            "the log of group \(lost.group) ends at \(lost.last), and entries up to \(lost.acknowledged) were "
                + "acknowledged: the disk was set back to an older state")
    }

    func leadershipChanged(_ change: LeadershipChange) {
        guard var hosted = groups[change.group] else { return }
        let wasLeader = hosted.isLeader
        let isNewTerm = hosted.term != change.term
        hosted.isLeader = change.isLeader
        hosted.term = change.term
        if isNewTerm || !change.isLeader { hosted.isTermOpen = false }
        groups[change.group] = hosted
        if wasLeader && (!change.isLeader || isNewTerm) {
            stopLeading(change.group)
            if change.group == .metadata { metadataHost?.forgetProposals() }
        }
        if change.isLeader && (!wasLeader || isNewTerm) {
            counts.elections += 1
            metrics.elections.add()
            if change.group == .metadata { ports.announceLeading(.metadata, term: change.term) }
        }
    }

    /// Entries of this leader were replaced: it has lost the lead, and `stopLeading` answers who waits.
    func proposalsFailed(_ failed: FailedProposals) {
        if failed.group == .metadata { metadataHost?.forgetProposals() }
    }

    // MARK: Outcomes on the leader

    private func handle(_ outcomes: [CommandOutcome], in leading: LeadingPartition) {
        let now = moment()
        let reader = reader(leading.group)
        for outcome in outcomes {
            count(outcome)
            perform(leading.machines.applied(outcome, now: now, reader: reader), in: leading)
        }
        withFanout.insert(leading.group)
        sendCopies(leading, now: now.tick)
    }

    private func count(_ outcome: CommandOutcome) {
        guard case .message(let message) = outcome else { return }
        if message.change != nil {
            counts.messagesCommitted += 1
            metrics.sent.add()
        } else if case .success(let sent) = message.result, sent.duplicate {
            metrics.deduplicated.add()
        }
    }
}
