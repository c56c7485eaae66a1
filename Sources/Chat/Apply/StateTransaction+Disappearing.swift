import Vocabulary
import Wire

/// How setting a conversation's disappearing time ended.
package struct DisappearingOutcome: Hashable, Sendable {
    package var request: DisappearingRequest
    /// `nil` when it was done, also when it was so before.
    package var refusal: Refusal?
    package var change: ConversationChange?
}

extension StateTransaction {
    /// For messages sent from now on: either side of a direct conversation, in a group whoever may edit it. Written down as
    /// a system message, so that everybody knows since when.
    mutating func apply(_ request: DisappearingRequest, at: Timestamp) -> DisappearingOutcome {
        var outcome = DisappearingOutcome(request: request, refusal: nil, change: nil)
        guard var record = conversation(request.conversation),
            let actor = member(request.actor, of: request.conversation, record)
        else {
            outcome.refusal = .noSuchConversation
            return outcome
        }
        if !actor.isMember {
            outcome.refusal = .notMember
        } else if record.isClosed {
            outcome.refusal = .groupClosed
        } else if record.kind == .group && !record.settings.lets(actor, record.settings.editInfo) {
            outcome.refusal = .mayNotEdit
        }
        if outcome.refusal != nil || record.disappearingMilliseconds == request.milliseconds {
            return outcome
        }
        record.disappearingMilliseconds = request.milliseconds
        let event = SystemEvent(
            event: .disappearing, actor: request.actor, disappearingMilliseconds: request.milliseconds)
        let peer = record.pair.first { $0 != request.actor } ?? request.actor
        let seq = record.head.next
        let message = MessageRecord(
            conversation: request.conversation, seq: seq, ordinal: record.ordinal,
            messageID: record.messageID(seq), sender: request.actor, senderDevice: nil,
            recipient: record.kind == .group ? .group(request.conversation) : .user(peer),
            clientMessageID: ClientMessageID(unchecked: ""), type: .system, content: event.json,
            timestamp: record.nextTimestamp(at), clientTimestamp: nil)
        write(message, to: &record)
        put(request.conversation, record)
        outcome.change = ConversationChange(
            request.conversation, record, message: message, members: record.sides, audience: .everyone)
        return outcome
    }
}
