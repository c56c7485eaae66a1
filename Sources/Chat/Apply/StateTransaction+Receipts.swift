import Vocabulary
import Wire

extension StateTransaction {
    /// Moves a member's watermarks forward, at most to what it may see (guarantee G7). Read implies
    /// delivered; each advance is one rev.
    mutating func apply(_ mark: ReceiptMark, at: Timestamp) -> ReceiptOutcome {
        var outcome = ReceiptOutcome(
            conversation: mark.conversation, user: mark.user, refusal: .noSuchConversation, change: nil)
        guard var record = conversation(mark.conversation) else { return outcome }
        guard var member = member(mark.user, of: mark.conversation, record) else {
            outcome.refusal = .notMember
            return outcome
        }
        outcome.refusal = nil
        let before = member
        let last = member.lastVisible(head: record.head)
        let isBlocked = record.isBlocked
        #if MUTANTS
        let delivered = Mutant.active == .readNotDelivered ? mark.delivered : max(mark.delivered, mark.read)
        #else
        let delivered = max(mark.delivered, mark.read)
        #endif
        member.moveDelivered(to: min(delivered, last), at: at, &record.rev, isPrivate: isBlocked)
        member.moveRead(
            to: min(mark.read, last), at: at, &record.rev, isPrivate: isBlocked || record.hidesReads)
        guard member != before else { return outcome }
        if member.read > before.read {
            member.markOrdinal = max(
                member.markOrdinal, ordinal(of: member.read, in: record, mark.conversation))
        }
        noteTimes(of: member, since: before, in: mark.conversation)
        store(member, of: mark.conversation, in: &record)
        let change = change(mark.conversation, record, from: before, to: member)
        if !change.members.isEmpty || change.audience != .none {
            markDirty(mark.conversation, &record)
            outcome.change = change
        }
        put(mark.conversation, record)
        return outcome
    }

    /// Times as run lengths: each stands for every seq above the earlier one, so message info is a look-up. What
    /// others may not see leaves no time.
    private mutating func noteTimes(
        of member: ConversationMember, since before: ConversationMember, in id: ConversationID
    ) {
        if member.delivered > before.delivered, !member.isDeliveredPrivate {
            let key = Tables.receiptTime(id, member.user, .delivered, member.delivered)
            set(key, Tables.value(of: member.deliveredAt))
        }
        if member.read > before.read, !member.isReadPrivate {
            set(Tables.receiptTime(id, member.user, .read, member.read), Tables.value(of: member.readAt))
        }
    }

    func ordinal(of seq: Seq, in record: ConversationRecord, _ id: ConversationID) -> Ordinal {
        if seq == record.head { return record.ordinal }
        if seq <= record.gone { return record.goneOrdinal }
        return message(id, seq, hash60: record.hash60)?.ordinal ?? .zero
    }

    /// Who is to hear of it: those whose messages it covers, and for `read` the member's own devices.
    private func change(
        _ id: ConversationID, _ record: ConversationRecord, from before: ConversationMember,
        to member: ConversationMember
    ) -> ConversationChange {
        let readMoved = member.read > before.read
        // News for those who sent something that the receipt newly covers.
        let lowest = readMoved ? before.read : before.delivered
        var members = readMoved ? [member] : []
        var audience = ConversationChange.Audience.none
        let statuses = member.statuses(id, record, after: max(before.deliveredRev, before.readRev))
        if record.kind == .direct, statuses.contains(where: { !$0.isPrivate }) {
            members += record.sides.filter { $0.user != member.user && $0.lastSent > lowest }
        } else if record.kind == .group {
            let isLarge = record.memberCount > ChatRules.statusMembersMax
            audience = isLarge ? .countedAfter(lowest) : .sendersAfter(lowest)
        }
        var change = ConversationChange(
            id, record, statuses: statuses, members: members, audience: audience)
        change.receiver = member
        return change
    }
}

extension ConversationMember {
    fileprivate mutating func moveDelivered(
        to seq: Seq, at: Timestamp, _ rev: inout Rev, isPrivate: Bool
    ) {
        #if MUTANTS
        if Mutant.active == .receiptsOverwrite, seq > .zero, seq < delivered { delivered = .zero }
        #endif
        guard seq > delivered else { return }
        rev = rev.next
        delivered = seq
        deliveredAt = at
        deliveredRev = rev
        isDeliveredPrivate = isPrivate
    }

    fileprivate mutating func moveRead(to seq: Seq, at: Timestamp, _ rev: inout Rev, isPrivate: Bool) {
        #if MUTANTS
        if Mutant.active == .receiptsOverwrite, seq > .zero, seq < read { read = .zero }
        #endif
        guard seq > read else { return }
        rev = rev.next
        read = seq
        readAt = at
        readRev = rev
        isReadPrivate = isPrivate
    }

    /// This member's receipts that changed after `rev`, in the order of their revs.
    func statuses(_ id: ConversationID, _ record: ConversationRecord, after rev: Rev) -> [StatusEvent] {
        var events: [StatusEvent] = []
        if deliveredRev > rev {
            events.append(status(.delivered, delivered, deliveredAt, deliveredRev, id, record))
        }
        if readRev > rev {
            events.append(status(.read, read, readAt, readRev, id, record))
        }
        return events.sorted { $0.rev < $1.rev }
    }

    private func status(
        _ status: ReceiptStatus, _ seq: Seq, _ at: Timestamp, _ rev: Rev, _ id: ConversationID,
        _ record: ConversationRecord
    ) -> StatusEvent {
        StatusEvent(
            conversation: id, messageID: record.messageID(seq), seq: seq, user: user, status: status,
            timestamp: at, rev: rev, isPrivate: status == .read ? isReadPrivate : isDeliveredPrivate)
    }
}
