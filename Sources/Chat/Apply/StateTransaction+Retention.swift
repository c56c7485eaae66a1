import Vocabulary
import Wire

/// The operator's retention: the oldest messages of a conversation go, with everything that was kept about them. Seqs
/// are never given again, and the chain's value at the last one that is gone stays, so that the next still follows it.
extension StateTransaction {
    mutating func apply(_ command: RetentionCommand) -> [ConversationChange] {
        command.conversations.compactMap { forgetOldest(of: $0, command) }
    }

    private mutating func forgetOldest(
        of id: ConversationID, _ command: RetentionCommand
    ) -> ConversationChange? {
        guard var record = conversation(id) else { return nil }
        let earlier = record.gone
        let (old, next) = oldest(of: id, record, command)
        guard let first = old.first, let last = old.last else { return nil }
        for message in old { forget(message) }
        for seq in max(earlier.raw, 1)..<last.seq.raw { remove(Tables.chain(id, Seq(seq))) }
        remove(Tables.oldestMessage(first.timestamp, id))
        if let next { set(Tables.oldestMessage(next, id), []) }
        record.gone = last.seq
        record.goneOrdinal = last.ordinal
        let change = changeOfLists(id, &record)
        put(id, record)
        return change
    }

    /// The messages to go, and when the one after them was sent.
    private func oldest(
        of id: ConversationID, _ record: ConversationRecord, _ command: RetentionCommand
    ) -> (old: [MessageRecord], next: Timestamp?) {
        var old: [MessageRecord] = []
        let range = KeyRange(
            lower: Tables.message(id, record.gone.next), upper: Tables.message(id, record.head.next))
        for pair in pairs(in: range, limit: max(command.step, 1) + 1) {
            let message = decoded(pair) { (bytes) throws(DecodingFailure) in
                guard let seq = Tables.seq(atEndOf: pair.key) else { throw .truncated }
                return try StoredMessage.decode(bytes, conversation: id, hash60: record.hash60, seq: seq)
            }
            // Times only grow within a conversation.
            if message.timestamp >= command.before || old.count == max(command.step, 1) {
                return (old, message.timestamp)
            }
            old.append(message)
        }
        return (old, nil)
    }

    private mutating func forget(_ message: MessageRecord) {
        let id = message.conversation
        let amendments = message.amendments
        if amendments.editedRev > .zero { remove(Tables.change(id, amendments.editedRev)) }
        for (user, mark) in marks(of: id, message.seq) {
            if mark.reactionRev > .zero { remove(Tables.change(id, mark.reactionRev)) }
            if mark.hiddenRev > .zero { remove(Tables.change(id, mark.hiddenRev)) }
            remove(Tables.messageMark(id, message.seq, user))
        }
        if let expiresAt = amendments.expiresAt { remove(Tables.expiry(expiresAt, id, message.seq)) }
        remove(Tables.dedup(id, message.sender, message.clientMessageID))
        remove(Tables.message(id, message.seq))
    }

    /// What is gone counts as unread no more, its receipts' times go, and of a last message that is gone no list shows
    /// anything. `nil` when that is no news for anybody.
    private mutating func changeOfLists(
        _ id: ConversationID, _ record: inout ConversationRecord
    ) -> ConversationChange? {
        var changed: [ConversationMember] = []
        for var member in members(of: id, record) {
            for status in [ReceiptStatus.delivered, .read] {
                let range = KeyRange(
                    lower: Tables.receiptTime(id, member.user, status, .zero),
                    upper: Tables.receiptTime(id, member.user, status, record.gone.next))
                for pair in pairs(in: range) { remove(pair.key) }
            }
            guard member.isMember, member.markOrdinal < record.goneOrdinal else { continue }
            #if MUTANTS
            if Mutant.active == .goneStillUnread { continue }
            #endif
            member.markOrdinal = record.goneOrdinal
            store(member, of: id, in: &record)
            changed.append(member)
        }
        let isPreview = record.isHeadGone
        if changed.isEmpty && !isPreview { return nil }
        record.rev = record.rev.next
        if isPreview { record.previewRev = record.rev }
        markDirty(id, &record)
        var change = ConversationChange(
            id, record, members: isPreview && record.kind == .direct ? record.sides : changed,
            audience: isPreview ? .everyone : .none)
        if isPreview { change.showsNothing(of: record) }
        return change
    }
}

extension ConversationChange {
    /// Lists keep the conversation at its place, without words.
    mutating func showsNothing(of record: ConversationRecord) {
        preview = ""
        previewRev = record.previewRev
        lastAt = record.lastTimestamp
    }
}
