import Chat
import Consensus
import PeerTransport
import Vocabulary
import Wire

/// Settings, blocks, presence and typing on the leader: what the machines of `LeadingPartition` are asked, and
/// where their answers go.
extension ShardActor {
    func privacy(_ request: PrivacyRequest, origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        let now = moment()
        let reader = reader(leading.group)
        perform(leading.privacy.handle(token, request, now: now, reader: reader), in: leading)
    }

    func take(_ updates: [MemberFlagsUpdate], origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        perform(leading.flags.handle(token, updates, reader: reader(leading.group)), in: leading)
    }

    func typing(_ request: TypingRequest, origin: RequestOrigin, in leading: LeadingPartition) {
        guard let metadata else { return ports.answer(origin, .result(.ok)) }
        let token = leading.token(for: origin)
        let reader = reader(leading.group)
        let now = clock.tick()
        let orders = leading.typing.handle(token, request, reader: reader) {
            groupActor(request.conversation, in: leading).assumeIsolated {
                $0.roster(reader: reader, partitionCount: metadata.partitionCount, now: now)
            }
        }
        perform(orders, in: leading)
    }

    func watch(_ watches: [PresenceWatch], origin: RequestOrigin, in leading: LeadingPartition) {
        let reader = reader(leading.group)
        let orders = leading.board.watch(
            watches, now: clock.tick(), states: { self.presence(of: $0, in: leading) }, reader: reader)
        ports.answer(origin, .result(.ok))
        perform(orders, in: leading)
    }

    func receive(typing items: [TypingItem]) {
        for item in items {
            guard let leading = groups[GroupID(item.partition)]?.leading else { continue }
            let reader = reader(leading.group)
            for user in item.targets {
                guard let actor = leading.users[user], !reader.isBlocked(item.event.user, by: user) else {
                    continue
                }
                perform(actor.assumeIsolated { $0.typing(item.event) }.merged, in: leading)
            }
        }
        schedulePump()
    }

    /// Settings or blocks are committed: watchers and the user's own sessions learn it, and conversations are
    /// told.
    func handle(_ outcome: PrivacyOutcome, in leading: LeadingPartition) {
        let pending = outcome.user.map { leading.inbox.rows(of: $0) } ?? []
        perform(leading.privacy.applied(outcome, pending: pending, now: moment()), in: leading)
        if outcome.isChange, let user = outcome.user {
            leading.board.changed(user)
            if let actor = leading.users[user] {
                perform(actor.assumeIsolated { $0.tell(.privacyChanged) }.merged, in: leading)
            }
        }
        sendCopies(leading, now: clock.tick())
    }

    /// A new direct conversation learns at once that a user has receipts off: a flush later its first receipt
    /// might be there before.
    func met(_ item: FanoutItem, in leading: LeadingPartition, now: Tick) {
        leading.privacy.met(item, reader(leading.group))
        sendCopies(leading, now: now)
    }

    /// Part of every flush of a partition.
    func tellPrivacy(_ leading: LeadingPartition, now: Tick) {
        if leading.board.isDue(now) {
            let reader = reader(leading.group)
            let news = leading.board.tick(
                now: now, states: { self.presence(of: $0, in: leading) }, reader: reader)
            perform(news, in: leading)
        }
        sendCopies(leading, now: now)
    }

    /// Flags for conversations of any partitions; what is not answered in time is sent again.
    private func sendCopies(_ leading: LeadingPartition, now: Tick) {
        guard leading.privacy.hasCopies, let metadata else { return }
        let copies = leading.privacy.takeCopies(now: now, reader: reader(leading.group))
        guard !copies.isEmpty else { return }
        let mailbox = ports.shards[index]
        let group = leading.group
        let parts = Dictionary(grouping: copies) { GroupID.of($0.conversation, metadata.partitionCount) }
        for (target, part) in parts.sorted(by: { $0.key < $1.key }) {
            ports.perform(.memberFlags(part), group: target, on: index) { result in
                if result == .ok { mailbox.post(.flagsDelivered(group, part)) }
            }
        }
    }

    func flagsDelivered(_ updates: [MemberFlagsUpdate], group: GroupID) {
        guard let leading = groups[group]?.leading else { return }
        perform(leading.privacy.delivered(updates), in: leading)
    }
}
