import Chat
import Consensus
import Placement
import Storage
import Vocabulary
import Wire

extension Simulation {
    /// Applies entries as a shard does, one write per entry so that states can be compared at every index.
    func apply(_ entries: [LogEntry], group: GroupID, on node: SimulatedNode) {
        guard var replica = node.replicas[group], let status = node.raft.status(of: group) else { return }
        var outcomes: [CommandOutcome] = []
        var answers: [(ClientTicket, ClientAnswer)] = []
        let epoch = node.metadata.epoch
        for entry in entries {
            guard entry.index == replica.applied.next else {
                return checker.fail(
                    "group \(group): node \(node.number) applies \(entry.index) after \(replica.applied)")
            }
            let results = write(entry, group: group, replica: &replica, on: node)
            checker.applied(
                entry, group: group, replica: status.replica, term: status.term,
                stateHash: replica.stateHash, outcomes: results)
            if group == .metadata { checker.applied(node.metadata, at: entry.index) }
            if entry.payload == .empty && replica.isLeader && entry.term == replica.term {
                replica.isTermOpen = true
            }
            outcomes += results
            if let waiting = replica.waiting.removeValue(forKey: entry.index) {
                let isOwn = waiting.term == entry.term
                answers.append((waiting.ticket, isOwn ? Self.answer(results) : .interrupted))
            }
        }
        node.raft.applied(group: group, through: replica.applied)
        let wasLeading = replica.isLeading
        node.replicas[group] = replica
        for (ticket, answer) in answers { reply(answer, ticket) }
        if wasLeading {
            chatApplied(outcomes, group: group, on: node)
        } else {
            startLeadingIfOpen(group, on: node)
        }
        if group == .metadata && node.metadata.epoch != epoch { adopt(on: node) }
        serveApplied(on: node)
        fingerprint = XXH64.hash(
            [UInt8(node.number), UInt8(truncatingIfNeeded: group.raw)],
            seed: fingerprint ^ replica.stateHash)
    }

    private func write(
        _ entry: LogEntry, group: GroupID, replica: inout SimulatedReplica, on node: SimulatedNode
    ) -> [CommandOutcome] {
        var outcomes: [CommandOutcome] = []
        var transaction = StateTransaction(
            base: node.store.view(group: group, generation: replica.generation),
            digest: node.store.digest(group: group, generation: replica.generation))
        do {
            if case .command(let bytes) = entry.payload {
                if group == .metadata {
                    try applyMetadata(bytes, at: entry.index, on: node)
                    transaction.set(Self.metadataKey, node.metadata.encoded())
                } else {
                    outcomes = try ChatMachine().apply(entry: bytes, at: entry.index, in: &transaction)
                }
            }
            replica.stateHash = Self.hash(transaction.changes, after: replica.stateHash)
            if isToDiverge(group, on: node) { transaction.set(PlantedStates.key, [1]) }
            try node.store.write(
                transaction.changes, group: group, generation: replica.generation, applied: entry.index)
        } catch {
            checker.fail("group \(group): entry \(entry.index) cannot be applied: \(error)")
        }
        if StateMark.isDue(at: entry.index, of: group, every: plan.markEntries) {
            node.raft.noteState(
                group: group, StateMark(index: entry.index, digest: transaction.changes.digest))
        }
        replica.applied = entry.index
        return outcomes
    }

    private static func hash(_ changes: StateChanges, after previous: UInt64) -> UInt64 {
        var writer = ByteWriter(capacity: 512)
        for (key, value) in changes.sorted {
            writer.blob(key)
            writer.optional(value) { $0.blob($1) }
        }
        return XXH64.hash(writer.bytes, seed: previous)
    }

    private static func answer(_ outcomes: [CommandOutcome]) -> ClientAnswer {
        guard case .message(let outcome)? = outcomes.first, case .success(let sent) = outcome.result else {
            return .refused
        }
        return .sent(sent.seq)
    }

    // MARK: Leading

    func changed(_ change: LeadershipChange, on node: SimulatedNode) {
        note("\(node.number) is \(change.role.rawValue) of group \(change.group) in term \(change.term)")
        guard var replica = node.replicas[change.group] else { return }
        let wasLeader = replica.isLeader
        let isNewTerm = replica.term != change.term
        replica.isLeader = change.isLeader
        replica.term = change.term
        if isNewTerm || !change.isLeader { replica.isTermOpen = false }
        node.replicas[change.group] = replica
        if wasLeader && (!change.isLeader || isNewTerm) {
            endLeading(change.group, on: node)
            if change.group == .metadata { forgetProposals(on: node) }
        }
        guard change.isLeader, !wasLeader || isNewTerm, let status = node.raft.status(of: change.group) else {
            return
        }
        checker.elected(
            status.replica, group: change.group, term: change.term, firstIndex: status.firstIndex
        ) {
            node.raft.entryTerm(of: change.group, at: $0)
        }
        if change.group == .metadata { announce(.metadata, term: change.term, on: node) }
    }

    func startLeadingIfOpen(_ group: GroupID, on node: SimulatedNode) {
        guard group != .metadata, let replica = node.replicas[group], replica.isLeader, replica.isTermOpen,
            !replica.isLeading, node.metadata.partitionCount > 0
        else { return }
        node.replicas[group]?.isLeading = true
        startLeading(group, term: replica.term, on: node)
        announce(group, term: replica.term, on: node)
    }

    func endLeading(_ group: GroupID, on node: SimulatedNode) {
        node.leaders.withdraw(group, from: node.id)
        let waiting = node.replicas[group]?.waiting ?? [:]
        node.replicas[group]?.waiting = [:]
        for (_, waiting) in waiting.sorted(by: { $0.key < $1.key }) { reply(.interrupted, waiting.ticket) }
        if node.replicas[group]?.isLeading == true {
            node.replicas[group]?.isLeading = false
            stopLeading(group, on: node)
        }
    }

    // MARK: Reads (rule Q1)

    /// Registers a read of the chat side; `serveChatRead` comes back with the token. `nil`: not the leader.
    func confirmRead(_ group: GroupID, on node: SimulatedNode) -> UInt64? {
        register(.chat(group: group, floor: checker.appliedIndex(group)), on: node)
    }

    func register(_ read: SimulatedRead, on node: SimulatedNode) -> UInt64? {
        let token = node.nextRead
        node.nextRead += 1
        node.reads[token] = read
        guard node.raft.read(group: read.group, token: token, now: tick) else {
            node.reads[token] = nil
            return nil
        }
        return token
    }

    func serve(_ ready: ReadReady, on node: SimulatedNode) {
        guard let read = node.reads[ready.token] else { return }
        guard let index = ready.index, let replica = node.replicas[read.group] else {
            node.reads[ready.token] = nil
            switch read {
            case .client(let ticket, _, _): reply(.notLeader(nil), ticket)
            case .chat: serveChatRead(ready.token, isConfirmed: false, on: node)
            }
            return
        }
        if index < read.floor {
            return checker.fail(
                "group \(read.group): node \(node.number) serves a read at \(index), "
                    + "\(read.floor) was applied before it came (rule Q1)")
        }
        guard replica.applied >= index else {
            node.readsAwaitingApply.append((ready.token, index))
            return
        }
        node.reads[ready.token] = nil
        switch read {
        case .client(let ticket, let group, _):
            let view = node.store.view(group: group, generation: replica.generation)
            let head = ChatReader(view).conversation(ticket.conversation)?.head ?? .zero
            reply(.head(head), ticket)
        case .chat: serveChatRead(ready.token, isConfirmed: true, on: node)
        }
    }

    private func serveApplied(on node: SimulatedNode) {
        guard !node.readsAwaitingApply.isEmpty else { return }
        let waiting = node.readsAwaitingApply
        node.readsAwaitingApply = []
        for (token, index) in waiting {
            guard let read = node.reads[token] else { continue }
            serve(ReadReady(token: token, group: read.group, index: index), on: node)
        }
    }
}
