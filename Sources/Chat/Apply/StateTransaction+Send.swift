import Vocabulary
import Wire

extension StateTransaction {
    /// Orders a message: dedup, membership, seq, timestamp (research 2.10). A refusal takes no seq.
    mutating func apply(_ send: SendCommand) -> MessageOutcome {
        let request = send.request
        var outcome = MessageOutcome(
            conversation: send.conversation, sender: request.sender,
            clientMessageID: request.clientMessageID, result: .failure(.noSuchRecipient), change: nil)
        let stored = conversation(send.conversation)
        // Before membership: a retry by somebody removed since must get its original result (guarantee G4).
        if let stored, let earlier = earlier(send, in: stored) {
            #if MUTANTS
            let isForgotten =
                Mutant.active == .dedupOnlyAtPropose
                || Mutant.active == .dedupByClock
                    && earlier.isOlder(than: 2_000, at: send.at)
            #else
            let isForgotten = false
            #endif
            if !isForgotten {
                outcome.result = earlier
                return outcome
            }
        }
        if case .stale(let missing, let extra)? = request.recipientDevices {
            outcome.result = .failure(.staleDevices(missing: missing, extra: extra))
            return outcome
        }
        guard var record = stored ?? newDirect(send) else { return outcome }
        #if MUTANTS
        let asksMembership = Mutant.active != .sendWithoutMembership
        #else
        let asksMembership = true
        #endif
        guard let sender = member(request.sender, of: send.conversation, record),
            sender.isMember || !asksMembership
        else {
            outcome.result = .failure(.notMember)
            return outcome
        }
        if let refusal = record.sendRefusal(to: sender) {
            outcome.result = .failure(refusal)
            return outcome
        }
        if let replyTo = request.replyTo, !record.shows(replyTo, to: sender) {
            outcome.result = .failure(.noSuchReply)
            return outcome
        }
        for user in request.mentions where member(user, of: send.conversation, record) == nil {
            outcome.result = .failure(.noSuchMention(user))
            return outcome
        }
        if stored == nil {
            indexByMessage(send.conversation, record)
            clearFlagsAhead(of: send.conversation, record)
        }
        let message = append(send, to: &record)
        let members = moveOwnMark(of: sender, to: message, in: &record, send.conversation)
        put(send.conversation, record)
        outcome.result = .success(SentResult(message, duplicate: false))
        outcome.change = ConversationChange(
            send.conversation, record, message: message, members: members, audience: .everyone)
        return outcome
    }

    /// The result of the send that this one repeats.
    private func earlier(_ send: SendCommand, in record: ConversationRecord) -> Result<SentResult, Refusal>? {
        ChatReader(self).earlierSend(
            send.conversation, record, sender: send.request.sender, id: send.request.clientMessageID,
            digest: send.digest)
    }

    /// A direct conversation begins with its first message; a group must exist.
    private func newDirect(_ send: SendCommand) -> ConversationRecord? {
        guard case .user(let peer) = send.request.recipient else { return nil }
        var record = ConversationRecord(
            kind: .direct, name: "", hash60: send.conversation.placementHash >> 4)
        let users = send.request.sender == peer ? [peer] : [send.request.sender, peer].sorted()
        record.memberEpoch = 1
        record.memberCount = users.count
        record.sides = users.map {
            var side = ConversationMember(
                user: $0, role: .member, joinedSeq: Seq(1), joinedEpoch: 1, markOrdinal: .zero)
            side.flags = flagsAhead($0, of: send.conversation) ?? MemberFlags()
            return side
        }
        return record
    }

    private mutating func append(_ send: SendCommand, to record: inout ConversationRecord) -> MessageRecord {
        let request = send.request
        record.ordinal = record.ordinal.next
        var message = MessageRecord(
            conversation: send.conversation, seq: record.head.next, ordinal: record.ordinal,
            messageID: record.messageID(record.head.next), sender: request.sender,
            senderDevice: request.device, recipient: request.recipient,
            clientMessageID: request.clientMessageID, type: request.type, content: request.content,
            timestamp: record.nextTimestamp(send.at), clientTimestamp: request.clientTimestamp,
            replyTo: request.replyTo, mentions: request.mentions,
            expiresInMilliseconds: request.expiresInMilliseconds)
        if message.expiresInMilliseconds == nil, record.disappearingMilliseconds > 0 {
            message.expiresInMilliseconds = record.disappearingMilliseconds
        }
        message.amendments.expiresAt = message.expiresInMilliseconds.map {
            Timestamp(message.timestamp.milliseconds + Int64(clamping: $0))
        }
        #if MUTANTS
        if Mutant.active == .seqAtPropose, let drawn = request.clientTimestamp {
            message.seq = Seq(UInt64(drawn.milliseconds))
        }
        #endif
        write(message, to: &record)
        set(
            Tables.dedup(send.conversation, request.sender, request.clientMessageID),
            DedupRecord(seq: message.seq, digest: send.digest).bytes)
        return message
    }

    /// An own send counts as seen by its sender, and moves no receipt that others see.
    private mutating func moveOwnMark(
        of sender: ConversationMember, to message: MessageRecord, in record: inout ConversationRecord,
        _ id: ConversationID
    ) -> [ConversationMember] {
        var sender = sender
        sender.lastSent = message.seq
        #if MUTANTS
        let isUnread = Mutant.active == .ownSendUnread
        #else
        let isUnread = false
        #endif
        if !isUnread { sender.markOrdinal = max(sender.markOrdinal, message.ordinal) }
        store(sender, of: id, in: &record)
        return record.kind == .direct ? record.sides : [sender]
    }

    /// Writes a message as the new head: the one place where seq, rev and last timestamp move together.
    mutating func write(_ message: MessageRecord, to record: inout ConversationRecord) {
        if let expiresAt = message.amendments.expiresAt {
            set(Tables.expiry(expiresAt, message.conversation, message.seq), [])
        }
        if record.gone == record.head {
            set(Tables.oldestMessage(message.timestamp, message.conversation), [])
        }
        set(Tables.message(message.conversation, message.seq), StoredMessage.bytes(of: message))
        extendChain(with: message, in: &record)
        record.head = message.seq
        record.lastTimestamp = message.timestamp
        record.rev = record.rev.next
        record.previewRev = record.rev
        markDirty(message.conversation, &record)
    }

    /// Stores a member where its kind of conversation keeps it; the caller writes `record`.
    mutating func store(
        _ member: ConversationMember, of id: ConversationID, in record: inout ConversationRecord
    ) {
        if let side = record.sides.firstIndex(where: { $0.user == member.user }) {
            record.sides[side] = member
        } else {
            put(member, of: id)
        }
    }

    /// Notes that somebody's inbox lacks the latest rev, for a later leader; the caller writes `record`.
    mutating func markDirty(_ id: ConversationID, _ record: inout ConversationRecord) {
        if !record.isDirty { set(Tables.dirty(id), []) }
        record.undeliveredRev = record.rev
    }

    /// Makes the conversation findable from the ids of its messages.
    mutating func indexByMessage(_ id: ConversationID, _ record: ConversationRecord) {
        let key = Tables.byMessage(hash60: record.hash60)
        var writer = ByteWriter(capacity: 16)
        writer.raw(value(of: key) ?? [])
        writer.identity(id)
        set(key, writer.bytes)
    }

    /// Every target partition has acknowledged the conversation up to the mark.
    mutating func apply(_ mark: FanoutMark) {
        guard var record = conversation(mark.conversation), mark.rev > record.fannedOutRev else { return }
        let wasDirty = record.isDirty
        record.fannedOutRev = min(mark.rev, record.rev)
        if wasDirty && !record.isDirty { remove(Tables.dirty(mark.conversation)) }
        put(mark.conversation, record)
    }
}

extension ConversationRecord {
    /// Times only grow within a conversation, whatever the leaders' clocks do.
    func nextTimestamp(_ stamped: Timestamp) -> Timestamp {
        max(Timestamp(lastTimestamp.milliseconds + 1), stamped)
    }

    /// Why one of its members may not write now.
    fileprivate func sendRefusal(to sender: ConversationMember) -> Refusal? {
        if isBlocked { return .blocked }
        if isClosed { return kind == .group ? .groupClosed : .accountErased }
        return settings.send == .admins && !sender.isAdmin ? .sendRestricted : nil
    }

    /// Whether `message` is one of this conversation that `member` may see.
    func shows(_ message: MessageID, to member: ConversationMember) -> Bool {
        message.hash60 == hash60 && message.seq >= max(member.firstVisible, gone.next)
            && message.seq <= member.lastVisible(head: head)
    }
}

#if MUTANTS
extension Result<SentResult, Refusal> {
    fileprivate func isOlder(than milliseconds: Int64, at now: Timestamp) -> Bool {
        guard case .success(let sent) = self else { return false }
        return now.milliseconds - sent.timestamp.milliseconds > milliseconds
    }
}
#endif

extension SentResult {
    init(_ message: MessageRecord, duplicate: Bool) {
        self.init(
            messageID: message.messageID, conversation: message.conversation, seq: message.seq,
            timestamp: message.timestamp, duplicate: duplicate)
    }
}
