import Chat
import Consensus
import NIOCore
import Observability
import RocksStorage
import Vocabulary
import Wire

/// What the leader of a partition has beside the replicated state: its actors, and who waits for what. Lost with
/// the leadership; clients and other leaders bring back what matters. Only its shard touches it.
final class LeadingPartition {
    let group: GroupID
    let partition: PartitionID
    let term: Term
    var conversations: [ConversationID: ConversationActor] = [:]
    var groups: [ConversationID: GroupActor] = [:]
    var users: [UserID: UserActor] = [:]
    var fanout: FanoutMachine
    var inbox = InboxMerger()
    var erasure = ErasureMachine()
    var acks = AckMerger()
    var snapshots = MemberSnapshots()
    var expiry = ExpiryMachine()
    var push: PushMachine
    var privacy: PrivacyMachine
    var board: PresenceBoard
    var flags = FlagsReceiver()
    let typing: TypingMachine
    /// Who asked, by the token that the machines answer with.
    var origins: [UInt64: WaitingOrigin] = [:]
    /// Conversations with receipts that are not proposed yet.
    var withReceipts: Set<ConversationID> = []
    /// Users that are being written down as existing.
    var ensuring: [UserID: [UInt64]] = [:]
    private var nextToken: UInt64 = 1

    init(
        group: GroupID, partition: PartitionID, term: Term, partitionCount: Int, limits: Limits,
        push rules: PushMachine.Rules
    ) {
        push = PushMachine(partition: partition, rules: rules)
        self.group = group
        self.partition = partition
        self.term = term
        fanout = FanoutMachine(partitionCount: partitionCount, directMax: limits.fanoutDirectMax)
        privacy = PrivacyMachine(limits: limits)
        board = PresenceBoard(limits: limits)
        typing = TypingMachine(partitionCount: partitionCount, limits: limits)
    }

    func token(for origin: RequestOrigin) -> UInt64 {
        defer { nextToken += 1 }
        origins[nextToken] = WaitingOrigin(origin: origin, since: .now())
        return nextToken
    }
}

/// Who asked, and when.
struct WaitingOrigin {
    var origin: RequestOrigin
    var since: NIODeadline
}

extension ShardActor {
    typealias Reader = ChatReader<RocksStateStore.View>

    func reader(_ group: GroupID) -> Reader {
        ChatReader(store.view(group: group, generation: groups[group]?.generation ?? 0))
    }

    func moment() -> Moment { Moment(tick: clock.tick(), wall: clock.timestamp()) }

    func conversationActor(_ id: ConversationID, in leading: LeadingPartition) -> ConversationActor {
        if let actor = leading.conversations[id] { return actor }
        let actor = ConversationActor(conversation: id, loop: loop, now: clock.tick())
        leading.conversations[id] = actor
        return actor
    }

    func groupActor(_ id: ConversationID, in leading: LeadingPartition) -> GroupActor {
        if let actor = leading.groups[id] { return actor }
        let actor = GroupActor(group: id, limits: limits, loop: loop, now: clock.tick())
        leading.groups[id] = actor
        return actor
    }

    func userActor(_ user: UserID, in leading: LeadingPartition) -> UserActor {
        if let actor = leading.users[user] { return actor }
        let actor = UserActor(user: user, limits: limits, loop: loop)
        leading.users[user] = actor
        return actor
    }

    // MARK: Becoming and ceasing to be leader

    /// Once the entry that opens the term is applied, everything committed before it is in the state. After a
    /// restart that may be before the metadata is known; then `adopt` comes back to it.
    func startLeadingIfOpen(_ group: GroupID) {
        guard let hosted = groups[group], hosted.isLeader, hosted.isTermOpen, hosted.leading == nil,
            let partition = group.partition, let metadata, metadata.partitionCount > 0
        else { return }
        let term = hosted.term
        let leading = LeadingPartition(
            group: group, partition: partition, term: term, partitionCount: metadata.partitionCount,
            limits: limits, push: ports.pushRules)
        leading.fanout.resume(reader(group))
        leading.push.resume(reader(group), now: clock.tick())
        leading.privacy.started(reader(group))
        withFanout.insert(group)
        groups[group]?.leading = leading
        ports.announceLeading(group, term: term)
    }

    func stopLeading(_ group: GroupID) {
        ports.withdrawLeading(group)
        guard let leading = groups[group]?.leading else { return }
        groups[group]?.leading = nil
        for (_, waiting) in leading.origins.sorted(by: { $0.key < $1.key }) {
            decline(waiting.origin, group, isInterrupted: true)
        }
        for (token, read) in reads.sorted(by: { $0.key < $1.key }) where read.group == group {
            reads[token] = nil
            decline(read.origin, group)
        }
    }

    // MARK: Orders of the machines

    func perform(_ directives: [ChatDirective], in leading: LeadingPartition) {
        for directive in directives {
            switch directive {
            case .propose(let command): propose(command, in: leading)
            case .reply(let token, let result):
                guard let waiting = leading.origins.removeValue(forKey: token) else { continue }
                if case .sent = result { metrics.sendToCommit.observe((.now() - waiting.since).microseconds) }
                ports.answer(waiting.origin, .result(result))
            case .push(let node, let push): outgoing.pushes.append((node, push))
            case .acknowledge(let ack): outgoing.acks.append(ack)
            case .askMembers(let query): outgoing.queries.append(query)
            case .seen(let mark): leading.acks.see(mark)
            case .covered(let version): leading.acks.cover(version)
            case .notify(let job): order(job, in: leading)
            case .presenceChanged(let user): leading.board.changed(user)
            case .typing(let items): ports.send(typing: items)
            case .eraseMember(let request): ask(request, in: leading)
            }
        }
    }

    func propose(_ command: Command, in leading: LeadingPartition) {
        switch raft.propose(group: leading.group, command: Command.encode([command])) {
        case .success: return
        case .failure(.overloaded):
            let refusal = Refusal(
                .overloaded, "This partition has too much in hand.", retryAfterMilliseconds: 100)
            refuse(command, refusal, in: leading)
        case .failure: handOn(command, in: leading)
        }
    }

    /// The leadership is going or gone: whoever waits asks the next leader.
    private func handOn(_ command: Command, in leading: LeadingPartition) {
        let refusal = Refusal(.unavailable, "The partition changes its leader.", retryAfterMilliseconds: 100)
        for case .reply(let token, _) in withdraw(command, refusal, in: leading) {
            if let origin = leading.origins.removeValue(forKey: token)?.origin {
                decline(origin, leading.group)
            }
        }
    }

    private func refuse(_ command: Command, _ refusal: Refusal, in leading: LeadingPartition) {
        perform(withdraw(command, refusal, in: leading), in: leading)
    }

    /// Tells the machine that its command was not proposed.
    private func withdraw(
        _ command: Command, _ refusal: Refusal, in leading: LeadingPartition
    ) -> [ChatDirective] {
        switch command {
        case .sendMessage(let send):
            return conversationActor(send.conversation, in: leading).assumeIsolated {
                $0.refused(send, refusal)
            }
        case .receipts(let batch):
            return batch.marks.flatMap { mark in
                conversationActor(mark.conversation, in: leading).assumeIsolated { $0.refused(mark, refusal) }
            }
        case .changeGroup(let change):
            return groupActor(change.group, in: leading).assumeIsolated { $0.refused(change, refusal) }
        case .registerDevice(let device):
            return userActor(device.user, in: leading).assumeIsolated { $0.refused(device.device, refusal) }
        case .ensureUsers(let users, _):
            return users.flatMap { user in
                (leading.ensuring.removeValue(forKey: user) ?? []).map { .reply($0, .refused(refusal)) }
            }
        case .inboxBatch:
            leading.inbox.refused()
            return []
        case .deviceAcks(let batch):
            leading.acks.refused(batch)
            return []
        case .lastSeen(let marks):
            for mark in marks { leading.acks.see(mark) }
            return []
        case .account(let command): return [.reply(command.token, .refused(refusal))]
        case .eraseMember(let command): return [.reply(command.token, .refused(refusal))]
        case .clear(let command): return [.reply(command.token, .refused(refusal))]
        case .fanoutProgress: return []
        case .pushed(let marks):
            leading.push.refused(marks, now: clock.tick())
            return []
        case .changeMessage(let change):
            return conversationActor(change.conversation, in: leading).assumeIsolated {
                $0.refused(change, refusal)
            }
        case .setDisappearing(let request, _):
            return conversationActor(request.conversation, in: leading).assumeIsolated {
                $0.refused(request, refusal)
            }
        case .expireMessages:
            leading.expiry.done()
            return []
        case .privacy(let command): return leading.privacy.refused(command, refusal)
        case .memberFlags(let updates): return leading.flags.refused(updates, refusal)
        }
    }
}

extension TimeAmount {
    fileprivate var microseconds: UInt64 { UInt64(max(0, nanoseconds / 1_000)) }
}
