import Chat
import Consensus
import Vocabulary
import Wire

extension Simulation {
    private static let patience: UInt64 = 1_500_000

    private func group(of conversation: ConversationID) -> GroupID {
        GroupID(PartitionID.of(conversation, count: plan.partitions))
    }

    /// Sends the client's operation once more, a new one if it has none.
    func attempt(_ number: Int, _ attempt: Int) {
        guard clients[number].attempt == attempt else { return }
        if clients[number].operation == nil {
            if isEnding { return }
            clients[number].begin(clients: clients.count, model: checker.model)
        }
        guard let operation = clients[number].operation else { return }
        clients[number].attempt += 1
        let target = clients[number].target ?? Int.random(in: 1...plan.hosts, using: &random)
        clients[number].target = target
        let ticket = ClientTicket(
            client: number, attempt: clients[number].attempt, conversation: operation.conversation)
        schedule(.timeout(client: number, attempt: ticket.attempt), after: Self.patience)
        // A client's link can lose its request.
        guard isEnding || !random.chance(percent: plan.lossPercent) else { return }
        schedule(.request(operation.request, ticket, host: target), after: clientDelay())
    }

    private func clientDelay() -> UInt64 { UInt64.random(in: 200...3_000, using: &random) }

    func serve(_ request: ClientRequest, _ ticket: ClientTicket, on node: SimulatedNode) {
        let group = group(of: ticket.conversation)
        if let answer = take(request, ticket, group: group, on: node) { reply(answer, ticket) }
    }

    /// Proposes a send, registers a read, or says who leads.
    private func take(
        _ request: ClientRequest, _ ticket: ClientTicket, group: GroupID, on node: SimulatedNode
    ) -> ClientAnswer? {
        let leader = node.raft.status(of: group)?.leader ?? node.leaders.leader(of: group)
        let hint = leader == node.id ? nil : leader.map { self.node($0).host }
        guard node.replicas[group] != nil else { return .notLeader(hint) }
        switch request {
        case .send(var command):
            command.at = wallClock(of: node)
            switch node.raft.propose(group: group, command: Command.encode([.sendMessage(command)])) {
            case .success(let position):
                node.replicas[group]?.waiting[position.index] = (position.term, ticket)
                return nil
            case .failure(.notLeader): return .notLeader(hint)
            case .failure: return .interrupted
            }
        case .readHead:
            let read = SimulatedRead.client(ticket, group: group, floor: checker.appliedIndex(group))
            return register(read, on: node) == nil ? .notLeader(hint) : nil
        }
    }

    /// The node's wall clock, which is wrong by a constant.
    func wallClock(of node: SimulatedNode) -> Timestamp {
        Timestamp(Int64(now / 1_000) + 1_700_000_000_000 + node.skew)
    }

    func reply(_ answer: ClientAnswer, _ ticket: ClientTicket) {
        guard isEnding || !random.chance(percent: plan.lossPercent) else { return }
        schedule(.answer(answer, ticket), after: clientDelay())
    }

    func timedOut(_ number: Int, _ attempt: Int) {
        guard clients[number].attempt == attempt, clients[number].operation != nil else { return }
        clients[number].target = nil
        self.attempt(number, attempt)
    }

    func receive(_ answer: ClientAnswer, _ ticket: ClientTicket) {
        let client = clients[ticket.client]
        guard client.attempt == ticket.attempt, let operation = client.operation else { return }
        switch answer {
        case .sent(let seq):
            guard case .send(let command) = operation.request else { return }
            let message = ConversationModel.Message(
                sender: command.request.sender, id: command.request.clientMessageID,
                content: command.request.content)
            if let wrong = checker.acknowledge(
                message, in: operation.conversation, seq: seq, floor: operation.floor)
            {
                return checker.fail(wrong)
            }
            finish(ticket.client)
        case .head(let head):
            readsAnswered += 1
            if head < operation.floor {
                return checker.fail(
                    "a read returns \(head) after \(operation.floor) was acknowledged (rule Q1)")
            }
            finish(ticket.client)
        case .refused: checker.fail("a send was refused: \(operation.request)")
        case .notLeader(let hint):
            clients[ticket.client].target = hint
            again(ticket.client, after: 10_000...60_000)
        case .interrupted:
            clients[ticket.client].target = nil
            again(ticket.client, after: 10_000...60_000)
        }
    }

    private func finish(_ number: Int) {
        clients[number].operation = nil
        again(number, after: 1_000...150_000)
    }

    private func again(_ number: Int, after pause: ClosedRange<UInt64>) {
        clients[number].attempt += 1
        schedule(
            .attempt(client: number, attempt: clients[number].attempt),
            after: UInt64.random(in: pause, using: &random))
    }
}
