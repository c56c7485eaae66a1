import Placement
import Vocabulary
import Wire

/// The conversations of one led partition: routes operations and outcomes to their machines and feeds
/// fan-out.
///
/// Made when this node's leadership of the partition begins and dropped when it ends; every outcome applied
/// in between is handed in, in order.
package struct ConversationPartition<Home: MachineHome>: Sendable {
    private let home: Home
    private let limits: Limits
    private let partitionCount: Int
    private var conversations: [ConversationID: Home.Conversation] = [:]
    private var groups: [ConversationID: Home.Group] = [:]
    private var withReceipts: Set<ConversationID> = []
    private var fanout: FanoutMachine
    private var flags = FlagsReceiver()
    private let typing: TypingMachine
    private var nextResends: Tick = .zero
    private var nextProgress: Tick = .zero
    private var nextEviction: Tick = .zero
    private var expiry = ExpiryMachine()
    private var retention: RetentionMachine

    package init(partitionCount: Int, limits: Limits, home: Home) {
        self.home = home
        self.partitionCount = partitionCount
        self.limits = limits
        fanout = FanoutMachine(partitionCount: partitionCount, directMax: limits.fanoutDirectMax)
        retention = RetentionMachine(milliseconds: limits.retentionMilliseconds)
        typing = TypingMachine(partitionCount: partitionCount, limits: limits)
    }

    package var conversationCount: Int { conversations.count }
    package var groupCount: Int { groups.count }
    package var outstandingCount: Int { fanout.outstandingCount }

    /// Begins: drives again what an earlier leader may not have finished. Call when everything of earlier
    /// terms is applied, then `takeFanout`.
    package mutating func started<View: StateView>(_ reader: ChatReader<View>) { fanout.resume(reader) }

    /// Takes an operation on a conversation. Reads want a state that is fresh enough (rule Q1).
    ///
    /// - Parameter missing: users named in a group request who do not exist, as their partitions said.
    package mutating func handle<View: StateView>(
        _ token: UInt64, _ operation: Operation, missing: [UserID] = [], now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        switch operation {
        case .eraseMember(let request):
            let command = EraseMemberCommand(request: request, at: now.wall, token: token)
            return [.propose(.eraseMember(command))]
        case .clear(let request): return [.propose(.clear(ClearCommand(request: request, token: token)))]
        case .send(let request):
            let id = ConversationID.conversation(of: request.sender, with: request.recipient)
            let limits = limits
            return withConversation(id, now.tick) {
                $0.send(token, request, limits: limits, now: now, reader: reader)
            }
        case .receipt(let request): return receipt(token, request, now: now, reader: reader)
        case .history(let query):
            return [.reply(token, OperationResult(reader.history(query)) { .history($0) })]
        case .catchUp(let query):
            return [.reply(token, OperationResult(caughtUp(query, now, reader)) { .caughtUp($0) })]
        case .groupQuery(let query):
            return [.reply(token, OperationResult(reader.group(query)) { .groupAnswer($0) })]
        case .group(let request):
            return withGroup(request.group, now.tick) {
                $0.handle(token, request, missing: missing, now: now, reader: reader)
            }
        case .setDisappearing(let request):
            return withConversation(request.conversation, now.tick) {
                $0.setDisappearing(token, request, now: now)
            }
        case .changeMessage(let request): return change(token, request, now: now, reader: reader)
        case .messageInfo(let query):
            return [.reply(token, OperationResult(reader.info(query)) { .messageInfo($0) })]
        case .memberFlags(let updates): return flags.handle(token, updates, reader: reader)
        case .typing(let request):
            let count = partitionCount
            let typing = typing
            return typing.handle(token, request, reader: reader) {
                withGroup(request.conversation, now.tick) {
                    $0.roster(reader: reader, partitionCount: count, now: now.tick)
                }
            }
        default:
            preconditionFailure("operation of a user's partition at a conversation's: \(operation)")
        }
    }

    private mutating func caughtUp<View: StateView>(
        _ query: CatchUpQuery, _ now: Moment, _ reader: ChatReader<View>
    ) -> Result<CatchUpPage, Refusal> {
        reader.catchUp(query) { roster(of: query.conversation, now, reader) }
    }

    private mutating func roster<View: StateView>(
        of group: ConversationID, _ now: Moment, _ reader: ChatReader<View>
    ) -> GroupRoster {
        let count = partitionCount
        return withGroup(group, now.tick) {
            $0.roster(reader: reader, partitionCount: count, now: now.tick)
        }
    }

    private mutating func change<View: StateView>(
        _ token: UInt64, _ request: MessageChangeRequest, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        guard let id = reader.conversation(of: request.message) else {
            return [.reply(token, .refused(.noSuchMessage))]
        }
        let limits = limits
        return withConversation(id, now.tick) { $0.change(token, request, limits: limits, now: now) }
    }

    private mutating func receipt<View: StateView>(
        _ token: UInt64, _ request: ReceiptRequest, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        let place: (ConversationID, Seq)
        switch request.target {
        case .upTo(let id, let seq): place = (id, seq)
        case .message(let message):
            guard let id = reader.conversation(of: message), reader.message(message, for: request.user) != nil
            else { return [.reply(token, .refused(.noSuchMessage))] }
            place = (id, message.seq)
        }
        withReceipts.insert(place.0)
        return withConversation(place.0, now.tick) {
            $0.receipt(token, user: request.user, status: request.status, upTo: place.1, now: now)
            return []
        }
    }

    /// One command was applied, whoever proposed it.
    package mutating func applied<View: StateView>(
        _ outcome: CommandOutcome, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        switch outcome {
        case .message(let outcome):
            expiry.note(outcome.change?.message)
            spread(outcome.change, now, reader)
            return conversations[outcome.conversation]?.change({ $0.applied(outcome) }) ?? []
        case .receipts(let outcomes):
            var directives: [ChatDirective] = []
            for outcome in outcomes {
                spread(outcome.change, now, reader)
                directives += conversations[outcome.conversation]?.change({ $0.applied(outcome) }) ?? []
            }
            return directives
        case .group(let outcome):
            let answers = groups[outcome.command.group]?.change({ $0.applied(outcome) }) ?? []
            spread(outcome.change, now, reader)
            return answers
        case .pushed: return []
        case .messageChanged(let outcome):
            spread(outcome.change, now, reader)
            return conversations[outcome.conversation]?.change({ $0.applied(outcome) }) ?? []
        case .disappearingSet(let outcome):
            spread(outcome.change, now, reader)
            return conversations[outcome.request.conversation]?.change({ $0.applied(outcome) }) ?? []
        case .messagesExpired(let changes):
            expiry.done()
            for change in changes { spread(change, now, reader) }
            return []
        case .forgotten(let changes):
            retention.done()
            for change in changes { spread(change, now, reader) }
            return []
        case .memberFlags(let updates): return flags.applied(updates)
        case .memberErased(let outcome):
            for change in outcome.changes { spread(change, now, reader) }
            return [.reply(outcome.token, .account(.erased(next: outcome.next)))]
        case .cleared(let outcome):
            spread(outcome.change, now, reader)
            return [.reply(outcome.token, outcome.refusal.map { .refused($0) } ?? .ok)]
        case .fanoutProgressed, .usersEnsured, .deviceRegistered, .inbox, .deviceAcks, .lastSeen,
            .account, .privacy:
            return []
        }
    }

    private mutating func spread<View: StateView>(
        _ change: ConversationChange?, _ now: Moment, _ reader: ChatReader<View>
    ) {
        guard let change else { return }
        guard change.kind == .group else { return fanout.committed(change, roster: nil) }
        let count = partitionCount
        let roster = withGroup(change.conversation, now.tick) { group in
            group.update(change)
            return group.roster(reader: reader, partitionCount: count, now: now.tick)
        }
        fanout.committed(change, roster: roster)
    }

    /// A command was not proposed after all, or nobody knows what became of it.
    package mutating func refused(_ command: Command, _ refusal: Refusal) -> [ChatDirective] {
        switch command {
        case .sendMessage(let send):
            return conversations[send.conversation]?.change({ $0.refused(send, refusal) }) ?? []
        case .receipts(let batch):
            return batch.marks.flatMap { mark in
                conversations[mark.conversation]?.change({ $0.refused(mark, refusal) }) ?? []
            }
        case .eraseMember(let command): return [.reply(command.token, .refused(refusal))]
        case .clear(let command): return [.reply(command.token, .refused(refusal))]
        case .changeGroup(let change):
            return groups[change.group]?.change({ $0.refused(change, refusal) }) ?? []
        case .changeMessage(let change):
            return conversations[change.conversation]?.change({ $0.refused(change, refusal) }) ?? []
        case .setDisappearing(let request, _):
            return conversations[request.conversation]?.change({ $0.refused(request, refusal) }) ?? []
        case .expireMessages:
            expiry.done()
            return []
        case .retention:
            retention.done()
            return []
        case .memberFlags(let updates): return flags.refused(updates, refusal)
        default: return []
        }
    }

    /// News for the leaders of users' partitions; ask after every batch of outcomes.
    package mutating func takeFanout(now: Tick) -> [FanoutItem] { fanout.takeItems(now: now) }

    /// A users' partition has committed rows.
    package mutating func acknowledged(_ ack: FanoutAck) { fanout.acknowledged(ack) }

    /// Who the members of a large group are, for the leader of some of them.
    package mutating func members<View: StateView>(
        _ query: MemberQuery, now: Moment, reader: ChatReader<View>
    ) -> MemberSnapshot? {
        let count = partitionCount
        return withGroup(query.conversation, now.tick) {
            $0.roster(reader: reader, partitionCount: count, now: now.tick).snapshot(query)
        }
    }

    /// Another node leads a users' partition now.
    package mutating func leaderChanged(of partition: PartitionID) {
        fanout.leaderChanged(of: partition)
        nextResends = .zero
    }

    /// Does what is due; call every 50 ms. Returns what to order, and fan-out to send again.
    package mutating func tick<View: StateView>(
        now: Moment, reader: ChatReader<View>
    ) -> (directives: [ChatDirective], resends: [FanoutItem]) {
        var directives = flushReceipts(now, reader)
        var resends: [FanoutItem] = []
        if now.tick >= nextResends {
            nextResends = now.tick + 250
            resends = fanout.takeResends(now: now.tick)
        }
        for group in fanout.dueCounts(now: now.tick) { fanout.count(group, roster(of: group, now, reader)) }
        resends += fanout.takeItems(now: now.tick)
        if now.tick >= nextProgress {
            nextProgress = now.tick + 1_000
            if let command = expiry.take(now: now.wall, reader: reader) {
                directives.append(.propose(command))
            }
            if let command = retention.take(now: now.wall, reader: reader) {
                directives.append(.propose(command))
            }
            let marks = fanout.takeProgress()
            if !marks.isEmpty { directives.append(.propose(.fanoutProgress(marks))) }
        }
        if now.tick >= nextEviction {
            nextEviction = now.tick + 1_000
            evict(now.tick)
        }
        return (directives, resends)
    }

    private mutating func flushReceipts<View: StateView>(
        _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        var marks: [ReceiptMark] = []
        var directives: [ChatDirective] = []
        for id in withReceipts.sorted() {
            guard let taken = conversations[id]?.change({ $0.takeReceipts(reader: reader) }) else { continue }
            marks += taken.marks
            directives += taken.answers
        }
        withReceipts.removeAll(keepingCapacity: true)
        if !marks.isEmpty { directives.append(.propose(.receipts(ReceiptBatch(at: now.wall, marks: marks)))) }
        return directives
    }

    /// Leadership ends: everybody who waits is answered.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        var directives: [ChatDirective] = []
        for id in conversations.keys.sorted() {
            directives += conversations[id]?.change({ $0.abandon(refusal) }) ?? []
        }
        for id in groups.keys.sorted() { directives += groups[id]?.change({ $0.abandon(refusal) }) ?? [] }
        return directives + flags.abandon(refusal)
    }

    private mutating func evict(_ now: Tick) {
        let idle = limits.actorIdleMilliseconds
        conversations = conversations.filter { !$0.value.read { $0.isIdle(now: now, after: idle) } }
        groups = groups.filter { !$0.value.read { $0.isIdle(now: now, after: idle) } }
    }

    private mutating func withConversation<Result: Sendable>(
        _ id: ConversationID, _ now: Tick, _ body: (inout ConversationMachine) -> Result
    ) -> Result {
        let home = home
        return conversations[id, default: home.house(ConversationMachine(conversation: id, now: now))].change(
            body)
    }

    private mutating func withGroup<Result: Sendable>(
        _ id: ConversationID, _ now: Tick, _ body: (inout GroupMachine) -> Result
    ) -> Result {
        let (home, limits) = (home, limits)
        return groups[id, default: home.house(GroupMachine(group: id, limits: limits, now: now))].change(body)
    }
}
