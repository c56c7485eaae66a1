import Chat
import Consensus
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
            stopProcess("group \(group) holds an entry that this version does not know: \(error)")
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

    /// The state here is not what the leader made of the same log: this replica must not vote again (rule R4).
    func diverged(_ divergence: StateDivergence) {
        ending.corrupt(
            "the state of group \(divergence.group) at index \(divergence.index) is \(divergence.own), "
                + "its leader has \(divergence.leader)")
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
        for outcome in outcomes {
            switch outcome {
            case .message(let message): handle(message, in: leading)
            case .receipts(let receipts): for receipt in receipts { handle(receipt, in: leading) }
            case .group(let group): handle(group, in: leading)
            case .usersEnsured(let users):
                for user in users {
                    let tokens = leading.ensuring.removeValue(forKey: user) ?? []
                    perform(tokens.map { .reply($0, .ok) }, in: leading)
                }
            case .deviceRegistered(let user, let device, let evicted):
                leading.acks.forget(evicted, of: user)
                registered(device, of: user, evicted: evicted, in: leading)
            case .account(let account): handle(account, in: leading)
            case .memberErased(let erasure): handle(erasure, in: leading)
            case .cleared(let outcome): handle(outcome, in: leading)
            case .inbox(let rows): committed(rows, in: leading)
            case .deviceAcks: leading.acks.committed()
            case .lastSeen, .fanoutProgressed: break
            case .pushed(let marks, let left): leading.push.applied(marks, left: left, now: clock.tick())
            case .messageChanged(let change): handle(change, in: leading)
            case .disappearingSet(let outcome): handle(outcome, in: leading)
            case .messagesExpired(let changes):
                leading.expiry.done()
                for change in changes { fanOut(change, in: leading) }
            case .privacy(let outcome): handle(outcome, in: leading)
            case .memberFlags(let updates): perform(leading.flags.applied(updates), in: leading)
            }
        }
    }

    private func handle(_ outcome: MessageOutcome, in leading: LeadingPartition) {
        leading.expiry.note(outcome.change?.message)
        if outcome.change != nil {
            counts.messagesCommitted += 1
            metrics.sent.add()
        } else if case .success(let sent) = outcome.result, sent.duplicate {
            metrics.deduplicated.add()
        }
        if let actor = leading.conversations[outcome.conversation] {
            perform(actor.assumeIsolated { $0.applied(outcome) }, in: leading)
        }
        if let change = outcome.change { fanOut(change, in: leading) }
    }

    private func handle(_ outcome: ReceiptOutcome, in leading: LeadingPartition) {
        if let actor = leading.conversations[outcome.conversation] {
            perform(actor.assumeIsolated { $0.applied(outcome) }, in: leading)
        }
        if let change = outcome.change { fanOut(change, in: leading) }
    }

    private func handle(_ outcome: GroupOutcome, in leading: LeadingPartition) {
        if let actor = leading.groups[outcome.command.group] {
            perform(actor.assumeIsolated { $0.applied(outcome) }, in: leading)
        }
        if let change = outcome.change { fanOut(change, in: leading) }
    }

    func fanOut(_ change: ConversationChange, in leading: LeadingPartition) {
        var roster: GroupRoster?
        if change.kind == .group, let metadata {
            let reader = reader(leading.group)
            let now = clock.tick()
            let count = metadata.partitionCount
            let actor = groupActor(change.conversation, in: leading)
            roster = actor.assumeIsolated { actor in
                actor.update(change)
                return actor.roster(reader: reader, partitionCount: count, now: now)
            }
        }
        leading.fanout.committed(change, roster: roster)
        withFanout.insert(leading.group)
    }

    private func registered(
        _ device: DeviceID, of user: UserID, evicted: [DeviceID], in leading: LeadingPartition
    ) {
        guard let actor = leading.users[user] else { return }
        let now = moment()
        let reader = reader(leading.group)
        let pending = leading.inbox.rows(of: user)
        let positions = positions(of: user, in: leading)
        perform(
            actor.assumeIsolated {
                $0.deviceRegistered(
                    device, evicted: evicted, now: now, reader: reader, pending: pending,
                    positions: positions)
            }, in: leading)
    }

    /// Rows are committed: their drivers and the live sessions learn it.
    private func committed(_ rows: [InboxOutcome], in leading: LeadingPartition) {
        outgoing.acks += leading.inbox.committed()
        for row in rows {
            if !row.pushes.isEmpty {
                leading.push.note(
                    row.pushes.map { PushKey(user: row.user, conversation: $0) }, now: clock.tick())
            }
            leading.privacy.owe(row.flagsDue)
            guard let actor = leading.users[row.user] else { continue }
            let pushes = actor.assumeIsolated { $0.committed(row) }
            perform(pushes.merged, in: leading)
        }
    }
}
