import Vocabulary
import Wire

extension ChatReader {
    /// Changes of messages after the query's rev, at most `limit`, and the rev they are complete up to.
    func updates(
        _ id: ConversationID, _ record: ConversationRecord, for member: ConversationMember,
        _ query: CatchUpQuery
    ) -> (events: [UpdateEvent], end: Rev) {
        // Who has left learns of nothing that came later.
        guard record.rev > query.after.rev, member.isMember else { return ([], record.rev) }
        let limit = max(query.limit, 1)
        let pairs = view.pairs(in: Tables.changes(id, after: query.after.rev), limit: limit + 1)
        let isCut = pairs.count > limit
        var end = record.rev
        var events: [UpdateEvent] = []
        for pair in pairs.prefix(limit) {
            let (rev, change) = view.decoded(pair) { (bytes) throws(DecodingFailure) in
                guard let rev = Tables.rev(atEndOf: pair.key) else { throw .truncated }
                return (rev, try ChangeRecord(bytes))
            }
            if isCut { end = rev }
            guard change.seq >= member.firstDelivered, change.kind != .hidden || change.user == member.user,
                let event = event(change, rev, id, record)
            else { continue }
            events.append(event)
        }
        return (events, end)
    }

    private func event(
        _ change: ChangeRecord, _ rev: Rev, _ id: ConversationID, _ record: ConversationRecord
    ) -> UpdateEvent? {
        var event = UpdateEvent(
            conversation: id, messageID: record.messageID(change.seq), seq: change.seq, user: change.user,
            change: .reaction(nil), timestamp: .zero, rev: rev)
        switch change.kind {
        case .edited, .deleted, .expired:
            guard let message = view.message(id, change.seq, hash60: record.hash60) else { return nil }
            let amendments = message.amendments
            event.timestamp = amendments.deletedAt ?? amendments.editedAt ?? message.timestamp
            event.change =
                switch change.kind {
                case .edited: .edited(content: message.content)
                case .expired: .deleted(.expired)
                default: .deleted(.everyone)
                }
        case .hidden, .reaction:
            guard let mark = view.messageMark(id, change.seq, change.user) else { return nil }
            event.timestamp = change.kind == .hidden ? mark.hiddenAt ?? .zero : mark.reactedAt
            event.change =
                change.kind == .hidden ? .deleted(.me) : .reaction(mark.emoji.isEmpty ? nil : mark.emoji)
        }
        return event
    }

    /// A message as one member sees it: with its reactions, and as a tombstone when it deleted it for itself.
    func shown(
        _ message: MessageRecord, to member: ConversationMember, _ record: ConversationRecord
    ) -> MessageRecord {
        var message = message
        if member.hiddenCount > 0,
            let hiddenAt = view.messageMark(message.conversation, message.seq, member.user)?.hiddenAt
        {
            message.becomeTombstone(at: hiddenAt)
        } else if message.amendments.reactors > 0 {
            message.reactions = reactions(of: message)
        }
        return message
    }

    /// By emoji, in the order of the first user's id of each.
    private func reactions(of message: MessageRecord) -> [Reaction] {
        var reactions: [Reaction] = []
        for (user, mark) in view.marks(of: message.conversation, message.seq) where !mark.emoji.isEmpty {
            if let place = reactions.firstIndex(where: { $0.emoji == mark.emoji }) {
                reactions[place].users.append(user)
            } else {
                reactions.append(Reaction(emoji: mark.emoji, users: [user]))
            }
        }
        return reactions
    }

    /// Messages whose time is over at `now`, at most `limit`; and when the next one's will be.
    package func expired(
        at now: Timestamp, limit: Int
    ) -> (places: [ExpiryCommand.Place], next: Timestamp?) {
        var places: [ExpiryCommand.Place] = []
        for pair in view.pairs(in: Tables.allExpiries, limit: limit + 1) {
            guard let expiry = Tables.expiry(of: pair.key) else { continue }
            if expiry.at > now || places.count == limit { return (places, expiry.at) }
            places.append(expiry.place)
        }
        return (places, nil)
    }
}

extension ChatReader {
    /// Who has a message, and since when: its sender and the members of its group may ask.
    package func info(_ query: InfoQuery) -> Result<MessageInfo, Refusal> {
        guard let message = message(query.message, for: query.user),
            let record = view.conversation(message.conversation)
        else { return .failure(.noSuchMessage) }
        guard record.kind == .group || message.sender == query.user else { return .failure(.notOwnMessage) }
        let members = view.members(of: message.conversation, record).filter {
            $0.user != message.sender && $0.joinedSeq <= message.seq
                && $0.lastVisible(head: record.head) >= message.seq
        }
        return .success(
            MessageInfo(
                message: query.message,
                members: members.map { member in
                    let (delivered, read) = times(of: member, message)
                    return MessageInfo.Member(
                        user: member.user, deliveredAt: delivered, readAt: read,
                        leftAt: member.isMember
                            ? nil
                            : view.message(message.conversation, member.leftSeq, hash60: record.hash60)?
                                .timestamp)
                }))
    }

    private func times(
        of member: ConversationMember, _ message: MessageRecord
    ) -> (delivered: Timestamp?, read: Timestamp?) {
        func time(_ status: ReceiptStatus, _ watermark: Seq) -> Timestamp? {
            guard watermark >= message.seq else { return nil }
            let range = Tables.receiptTimes(message.conversation, member.user, status, from: message.seq)
            return view.pairs(in: range, limit: 1).first.flatMap { Tables.time($0.value) }
        }
        return (time(.delivered, member.delivered), time(.read, member.read))
    }
}

extension MessageRecord {
    mutating func becomeTombstone(at: Timestamp) {
        content = ""
        replyTo = nil
        mentions = []
        amendments = Amendments()
        amendments.deletedAt = at
        reactions = []
    }
}

extension StateView {
    func messageMark(_ id: ConversationID, _ seq: Seq, _ user: UserID) -> MessageMark? {
        record(Tables.messageMark(id, seq, user)) { (bytes) throws(DecodingFailure) in
            try MessageMark(bytes)
        }
    }

    /// All marks of one message, in the order of the users.
    func marks(of id: ConversationID, _ seq: Seq) -> [(user: UserID, mark: MessageMark)] {
        pairs(in: Tables.messageMarks(id, seq)).map { pair in
            decoded(pair) { (bytes) throws(DecodingFailure) in
                guard let user = Tables.markUser(atEndOf: pair.key) else { throw .truncated }
                return (user, try MessageMark(bytes))
            }
        }
    }
}
