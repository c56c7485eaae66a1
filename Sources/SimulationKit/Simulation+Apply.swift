import Chat
import Consensus
import Placement
import Storage
import Vocabulary
import Wire

extension SimulatedNode {
    /// Applies entries as a shard does, one write per entry so that states can be compared at every index.
    /// Returns whom to answer.
    func apply(
        _ entries: [LogEntry], group: GroupID, checker: InvariantChecker
    ) -> [(ClientTicket, ClientAnswer)] {
        guard var replica = replicas[group], let status = raft.status(of: group) else { return [] }
        var answers: [(ClientTicket, ClientAnswer)] = []
        for entry in entries {
            guard entry.index == replica.applied.next else {
                checker.fail("group \(group): node \(number) applies \(entry.index) after \(replica.applied)")
                return []
            }
            let outcomes = write(entry, group: group, replica: &replica, checker: checker)
            checker.applied(
                entry, group: group, replica: status.replica, term: status.term,
                stateHash: replica.stateHash, outcomes: outcomes)
            if let waiting = replica.waiting.removeValue(forKey: entry.index) {
                let isOwn = waiting.term == entry.term
                answers.append((waiting.ticket, isOwn ? Self.answer(outcomes) : .interrupted))
            }
        }
        raft.applied(group: group, through: replica.applied)
        let view = store.view(group: group, generation: replica.generation)
        for read in replica.confirmed where read.index <= replica.applied {
            answers.append((read.ticket, .head(Self.head(read.ticket.conversation, view))))
        }
        replica.confirmed.removeAll { $0.index <= replica.applied }
        replicas[group] = replica
        return answers
    }

    private func write(
        _ entry: LogEntry, group: GroupID, replica: inout SimulatedReplica, checker: InvariantChecker
    ) -> [CommandOutcome] {
        var outcomes: [CommandOutcome] = []
        var transaction = StateTransaction(base: store.view(group: group, generation: replica.generation))
        do {
            if case .command(let bytes) = entry.payload {
                outcomes = try ChatMachine().apply(entry: bytes, at: entry.index, in: &transaction)
            }
            try store.write(
                transaction.changes, group: group, generation: replica.generation, applied: entry.index)
        } catch {
            checker.fail("group \(group): entry \(entry.index) cannot be applied: \(error)")
        }
        replica.applied = entry.index
        replica.stateHash = Self.hash(transaction.changes, after: replica.stateHash)
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

    static func head<View: StateView>(_ conversation: ConversationID, _ view: View) -> Seq {
        ChatReader(view).conversation(conversation)?.head ?? .zero
    }

    /// Leadership ended: whoever waits asks again elsewhere.
    func interruptWaiting(_ group: GroupID) -> [(ClientTicket, ClientAnswer)] {
        guard let waiting = replicas[group]?.waiting, !waiting.isEmpty else { return [] }
        replicas[group]?.waiting = [:]
        return waiting.sorted { $0.key < $1.key }.map { ($0.value.ticket, .interrupted) }
    }

    /// Takes a client's request: proposes a send, registers a read, or says who leads.
    func take(
        _ request: ClientRequest, ticket: ClientTicket, group: GroupID, now: Tick
    ) -> ClientAnswer? {
        guard let status = raft.status(of: group) else { return .notLeader(nil) }
        let hint = status.leader.map(Self.number)
        switch request {
        case .send(var command):
            command.at = Timestamp(Int64(now.raw) + 1_700_000_000_000 + skew)
            switch raft.propose(group: group, command: Command.encode([.sendMessage(command)])) {
            case .success(let position):
                replicas[group]?.waiting[position.index] = (position.term, ticket)
                return nil
            case .failure(.notLeader): return .notLeader(hint == number ? nil : hint)
            case .failure: return .interrupted
            }
        case .readHead:
            let token = nextRead
            nextRead += 1
            reads[token] = (group, ticket)
            guard raft.read(group: group, token: token, now: now) else {
                reads[token] = nil
                return .notLeader(hint == number ? nil : hint)
            }
            return nil
        }
    }

    /// The Raft machine's word on a read.
    func serve(_ ready: ReadReady) -> (ClientTicket, ClientAnswer)? {
        guard let read = reads.removeValue(forKey: ready.token), let replica = replicas[read.group] else {
            return nil
        }
        guard let index = ready.index else { return (read.ticket, .notLeader(nil)) }
        guard index <= replica.applied else {
            replicas[read.group]?.confirmed.append((index, read.ticket))
            return nil
        }
        let view = store.view(group: read.group, generation: replica.generation)
        return (read.ticket, .head(Self.head(read.ticket.conversation, view)))
    }
}
