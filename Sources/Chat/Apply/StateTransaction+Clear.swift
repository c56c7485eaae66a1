import Vocabulary
import Wire

/// How taking a conversation out of a user's list ended.
package struct ClearOutcome: Hashable, Sendable {
    package var token: UInt64
    /// `nil` when it was done, also when it was so before.
    package var refusal: Refusal?
    package var change: ConversationChange?
}

extension StateTransaction {
    /// Raises the first seq that the member may see. Its row follows by fan-out; what is gone counts as unread no more,
    /// and the receipts that others see stay where they are.
    mutating func apply(_ command: ClearCommand) -> ClearOutcome {
        let request = command.request
        var outcome = ClearOutcome(token: command.token, refusal: nil, change: nil)
        guard var record = conversation(request.conversation) else {
            outcome.refusal = .noSuchConversation
            return outcome
        }
        guard var member = member(request.user, of: request.conversation, record) else {
            outcome.refusal = .notMember
            return outcome
        }
        let last = member.lastVisible(head: record.head)
        let upTo = min(request.upTo ?? last, last)
        guard upTo > member.cleared else { return outcome }
        // Also below the joining: the group may show that, and devices may have it from an earlier membership.
        member.cleared = upTo
        member.firstVisible = max(member.firstVisible, upTo.next)
        member.markOrdinal = max(member.markOrdinal, ordinal(of: upTo, in: record, request.conversation))
        record.rev = record.rev.next
        store(member, of: request.conversation, in: &record)
        markDirty(request.conversation, &record)
        put(request.conversation, record)
        outcome.change = ConversationChange(
            request.conversation, record, members: [member], audience: .none)
        return outcome
    }
}
