import Testing
import Vocabulary
import Wire

@testable import Chat

/// Partitions with their leader machines, a network between them that may lose, double and reorder, and
/// devices. No log: what is proposed is applied at the next `settle`.
final class TestCluster {
    struct Partition {
        var store = TestStore()
        var conversations: ConversationPartition<MachinesInPlace>
        var users: UserPartition<MachinesInPlace>
        var proposals: [Command] = []
        /// Everything applied, in order.
        var log: [Command] = []
    }

    enum Packet {
        case item(FanoutItem)
        case ack(FanoutAck)
        case query(MemberQuery)
        case members(MemberSnapshot)
        case flags(MemberFlagsUpdate, from: Int)
        case flagsDelivered([MemberFlagsUpdate], to: Int)
        case typing(TypingItem)
    }

    let limits: Limits
    let node = NodeID(high: 9, low: 9)
    var partitions: [Partition] = []
    var now = Moment(tick: Tick(10_000), wall: Timestamp(1_000_000))
    var network: [Packet] = []
    var chance = SeededGenerator(seed: 1)
    var lossPercent = 0.0
    /// How often somebody asked for the members of a large group.
    var queryCount = 0
    var results: [UInt64: OperationResult] = [:]
    var devices: [UInt64: TestDevice] = [:]
    var proposed: [Command] = []
    private var flagTokens: [UInt64: ([MemberFlagsUpdate], Int)] = [:]
    private var nextNumber: UInt64 = 1
    /// What leaders of users asked of conversations.
    private var erasures: [(place: Int, request: EraseMemberRequest, token: UInt64)] = []

    init(partitions count: Int = 4, seed: UInt64 = 1, limits: Limits = Limits()) {
        self.limits = limits
        chance = SeededGenerator(seed: seed)
        for place in 0..<count {
            partitions.append(Partition(conversations: newConversations(count), users: newUsers(place)))
        }
    }

    private func newConversations(_ count: Int) -> ConversationPartition<MachinesInPlace> {
        ConversationPartition(partitionCount: count, limits: limits, home: MachinesInPlace())
    }
    private func newUsers(_ place: Int) -> UserPartition<MachinesInPlace> {
        UserPartition(
            partition: PartitionID(UInt32(place)), limits: limits, push: .off, home: MachinesInPlace())
    }

    func index(of user: UserID) -> Int { Int(PartitionID.of(user, count: partitions.count).raw) }
    func index(of conversation: ConversationID) -> Int {
        Int(PartitionID.of(conversation, count: partitions.count).raw)
    }
    func store(of user: UserID) -> TestStore { partitions[index(of: user)].store }
    func store(of conversation: ConversationID) -> TestStore { partitions[index(of: conversation)].store }

    func number() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    /// Hands in an operation without letting anything else happen; its token.
    @discardableResult
    func ask(_ operation: Operation, missing: [UserID] = []) -> UInt64 {
        let token = number()
        switch operation {
        case .send(let request):
            toConversation(
                .conversation(of: request.sender, with: request.recipient), token, operation, missing)
        case .receipt(let request):
            switch request.target {
            case .upTo(let id, _): toConversation(id, token, operation, missing)
            case .message(let id): toMessage(id, token, operation)
            }
        case .history(let query): toConversation(query.conversation, token, operation, missing)
        case .catchUp(let query): toConversation(query.conversation, token, operation, missing)
        case .group(let request): toConversation(request.group, token, operation, missing)
        case .ensureUser(let user): toUser(user, token, operation)
        case .usersExist(let users): toUser(users[0], token, operation)
        case .openSession(let open): toUser(open.user, token, operation)
        case .closeSession(let user, _): toUser(user, token, operation)
        case .refreshSessions(let refreshes): toUser(refreshes[0].user, token, operation)
        case .deviceAcks(let acks): toUser(acks[0].user, token, operation)
        case .conversations(let query): toUser(query.user, token, operation)
        case .presence(_, let users): toUser(users[0], token, operation)
        case .devices(let user): toUser(user, token, operation)
        case .changeMessage(let request): toMessage(request.message, token, operation)
        case .setDisappearing(let request): toConversation(request.conversation, token, operation, missing)
        case .messageInfo(let query): toMessage(query.message, token, operation)
        case .groupQuery(let query): toConversation(query.group, token, operation, missing)
        case .mayAdd(_, let users): toUser(users[0], token, operation)
        case .account(let request): toUser(request.user, token, operation)
        case .privacy, .presenceOf, .watchPresence, .memberFlags, .typing:
            toPartition(token, operation)
        case .subscribePresence: Issue.record("nodes split \(operation)")
        case .eraseMember(let request): toConversation(request.conversation, token, operation, missing)
        case .clear(let request): toConversation(request.conversation, token, operation, missing)
        }
        return token
    }

    /// Hands in an operation and settles; its answer.
    func call(_ operation: Operation, missing: [UserID] = []) -> OperationResult? {
        let token = ask(operation, missing: missing)
        settle()
        return results[token]
    }

    private func toConversation(
        _ id: ConversationID, _ token: UInt64, _ operation: Operation, _ missing: [UserID]
    ) {
        let place = index(of: id)
        let reader = partitions[place].store.reader
        let directives = partitions[place].conversations.handle(
            token, operation, missing: missing, now: now, reader: reader)
        perform(directives, place)
    }

    private func toMessage(_ id: MessageID, _ token: UInt64, _ operation: Operation) {
        let place = Int(PartitionID.of(id, count: partitions.count).raw)
        let reader = partitions[place].store.reader
        perform(partitions[place].conversations.handle(token, operation, now: now, reader: reader), place)
    }

    private func toPartition(_ token: UInt64, _ operation: Operation) {
        let place = Int(operation.partition(count: partitions.count).raw)
        let reader = partitions[place].store.reader
        switch operation {
        case .memberFlags, .typing:
            perform(
                partitions[place].conversations.handle(token, operation, now: now, reader: reader), place)
        default:
            perform(partitions[place].users.handle(token, operation, now: now, reader: reader), place)
        }
    }

    private func toUser(_ user: UserID, _ token: UInt64, _ operation: Operation) {
        let place = index(of: user)
        let reader = partitions[place].store.reader
        perform(partitions[place].users.handle(token, operation, now: now, reader: reader), place)
    }

    func perform(_ directives: [ChatDirective], _ place: Int) {
        for directive in directives {
            switch directive {
            case .propose(let command): partitions[place].proposals.append(command)
            case .reply(let token, let result):
                results[token] = result
                guard let (updates, origin) = flagTokens.removeValue(forKey: token), result == .ok else {
                    continue
                }
                network.append(.flagsDelivered(updates, to: origin))
            case .push(_, let push): deliver(push)
            case .acknowledge(let ack): network.append(.ack(ack))
            case .askMembers(let query): network.append(.query(query))
            case .eraseMember(let request): erasures.append((place, request, ask(.eraseMember(request))))
            case .typing(let items): network += items.map { .typing($0) }
            case .seen, .covered, .notify, .presenceChanged:
                Issue.record("a partition merges \(directive) itself")
            }
        }
    }

    private func deliver(_ push: SessionPush) {
        for addressee in push.addressees {
            devices[addressee.session]?.receive(push.event, addressee.position)
        }
    }

    /// Applies, fans out and delivers until nothing is left to do at this moment.
    func settle() {
        var isBusy = true
        while isBusy {
            isBusy = false
            for place in partitions.indices { isBusy = apply(place) || isBusy }
            isBusy = deliverNetwork() || isBusy
            isBusy = answerErasures() || isBusy
        }
    }

    private func apply(_ place: Int) -> Bool {
        let commands = partitions[place].proposals
        partitions[place].proposals = []
        proposed += commands
        partitions[place].log += commands
        if !commands.isEmpty {
            guard let outcomes = try? partitions[place].store.apply(all: commands) else {
                Issue.record("entry does not decode")
                return false
            }
            let reader = partitions[place].store.reader
            for outcome in outcomes {
                perform(partitions[place].conversations.applied(outcome, now: now, reader: reader), place)
                perform(partitions[place].users.applied(outcome, now: now, reader: reader), place)
            }
        }
        let items = partitions[place].conversations.takeFanout(now: now.tick)
        network += items.map { .item($0) }
        let copies = partitions[place].users.takeCopies(
            now: now.tick, reader: partitions[place].store.reader)
        network += copies.map { .flags($0, from: place) }
        return !commands.isEmpty || !items.isEmpty || !copies.isEmpty
    }

    private func answerErasures() -> Bool {
        let asked = erasures
        erasures = []
        for erasure in asked {
            guard let result = results[erasure.token] else {
                erasures.append(erasure)
                continue
            }
            let orders = partitions[erasure.place].users.erased(erasure.request, result, now: now)
            perform(orders, erasure.place)
        }
        return erasures.count != asked.count
    }

    private func deliverNetwork() -> Bool {
        var packets = network
        network = []
        if packets.isEmpty { return false }
        if lossPercent > 0 { packets.shuffle(using: &chance) }
        for packet in packets where !chance.chance(percent: lossPercent) {
            deliver(packet)
            if chance.chance(percent: lossPercent) { deliver(packet) }
        }
        return true
    }

    func deliver(_ packet: Packet) {
        switch packet {
        case .item(let item):
            let place = Int(item.partition.raw)
            let reader = partitions[place].store.reader
            var live = LiveBatch()
            let directives = partitions[place].users.received(item, now: now, reader: reader, live: &live)
            perform(live.take() + directives, place)
        case .ack(let ack): partitions[index(of: ack.conversation)].conversations.acknowledged(ack)
        case .query(let query):
            queryCount += 1
            let place = index(of: query.conversation)
            let reader = partitions[place].store.reader
            let members = partitions[place].conversations.members(query, now: now, reader: reader)
            if let members { network.append(.members(members)) }
        case .members(let snapshot):
            let place = Int(snapshot.partition.raw)
            let reader = partitions[place].store.reader
            perform(partitions[place].users.received(snapshot, now: now, reader: reader), place)
        case .flags(let update, let origin):
            let token = ask(.memberFlags([update]))
            if results[token] == .ok {
                network.append(.flagsDelivered([update], to: origin))
            } else {
                flagTokens[token] = ([update], origin)
            }
        case .flagsDelivered(let updates, let origin):
            perform(partitions[origin].users.delivered(updates), origin)
        case .typing(let item):
            let place = Int(item.partition.raw)
            perform(
                partitions[place].users.received(item, reader: partitions[place].store.reader), place)
        }
    }

    /// Lets time pass in steps of 50 ms.
    func advance(_ milliseconds: UInt64) {
        for _ in 0..<(milliseconds / 50) {
            now.tick = now.tick + 50
            now.wall = Timestamp(now.wall.milliseconds + 50)
            for place in partitions.indices {
                let reader = partitions[place].store.reader
                let (directives, resends) = partitions[place].conversations.tick(now: now, reader: reader)
                perform(directives, place)
                network += resends.map { .item($0) }
                perform(
                    partitions[place].users.tick(now: now, reader: reader) { _, _ in false }, place)
            }
            settle()
            for number in devices.keys.sorted() { devices[number]?.tick() }
        }
    }

    /// Another node becomes leader of a partition: the state stays, what was in memory and what was proposed
    /// is gone.
    func failover(_ place: Int) {
        partitions[place].proposals = []
        partitions[place].conversations = newConversations(partitions.count)
        partitions[place].users = newUsers(place)
        partitions[place].conversations.started(partitions[place].store.reader)
        partitions[place].users.started(partitions[place].store.reader, now: now.tick)
        for other in partitions.indices {
            partitions[other].conversations.leaderChanged(of: PartitionID(UInt32(place)))
        }
    }

    func send(
        _ sender: UserID, to recipient: Recipient, _ id: String, _ content: String = "hello",
        device: DeviceID? = nil
    ) -> OperationResult? {
        call(.send(request(sender, to: recipient, id, content, device: device)))
    }

    func rows(of user: UserID) -> [InboxRow] {
        guard
            case .conversations(let page)? = call(
                .conversations(ConversationsQuery(user: user, before: nil, limit: 100)))
        else { return [] }
        return page.rows
    }
}
