import Vocabulary
import Wire

/// Answers questions from applied chat state. Whether that state is fresh enough (rule Q1) is its caller's
/// duty.
package struct ChatReader<View: StateView> {
    let view: View

    package init(_ view: View) { self.view = view }

    /// The conversation's row; `nil` when it does not exist.
    package func conversation(_ id: ConversationID) -> ConversationRecord? { view.conversation(id) }

    /// The conversation of a message id, when it exists and has come that far.
    package func conversation(of message: MessageID) -> ConversationID? {
        guard message.isWellFormed else { return nil }
        var reader = ByteReader(view.value(of: Tables.byMessage(hash60: message.hash60)) ?? [])
        while !reader.isAtEnd {
            guard let id = try? reader.identity(ConversationID.self) else { return nil }
            if let record = view.conversation(id), record.head >= message.seq { return id }
        }
        return nil
    }

    /// A message by its id, for a user who may see it; otherwise `nil` (404).
    package func message(_ message: MessageID, for user: UserID) -> MessageRecord? {
        guard let id = conversation(of: message), let record = view.conversation(id),
            let member = view.member(user, of: id, record), record.shows(message, to: member)
        else { return nil }
        return view.message(id, message.seq, hash60: record.hash60)
    }

    /// A member's row, also of one who has left; `nil` when the user never was one.
    package func member(_ user: UserID, of id: ConversationID) -> ConversationMember? {
        guard let record = view.conversation(id) else { return nil }
        return view.member(user, of: id, record)
    }

    /// All members in the order of their ids, also those who have left.
    package func members(of id: ConversationID) -> [ConversationMember] {
        guard let record = view.conversation(id) else { return [] }
        return view.members(of: id, record)
    }

    /// What an earlier send with this client message id led to; `nil` when there was none.
    package func earlierSend(
        _ id: ConversationID, sender: UserID, clientMessageID: ClientMessageID, digest: UInt64
    ) -> Result<SentResult, Refusal>? {
        earlierSend(id, nil, sender: sender, id: clientMessageID, digest: digest)
    }

    func earlierSend(
        _ id: ConversationID, _ record: ConversationRecord?, sender: UserID,
        id clientMessageID: ClientMessageID,
        digest: UInt64
    ) -> Result<SentResult, Refusal>? {
        guard let earlier = view.dedup(id, sender, clientMessageID) else { return nil }
        guard earlier.digest == digest else { return .failure(.duplicateMismatch) }
        guard let record = record ?? view.conversation(id),
            let message = view.message(id, earlier.seq, hash60: record.hash60)
        else { preconditionFailure("dedup row without its message: \(id) \(earlier.seq)") }
        return .success(SentResult(message, duplicate: true))
    }

    /// Conversations with a change that some target partition may not have acknowledged, in the order of
    /// their ids.
    package func dirtyConversations() -> [ConversationID] {
        view.pairs(in: Tables.allDirty).compactMap { Tables.conversation(atEndOf: $0.key) }
    }
}

extension ChatReader: Sendable where View: Sendable {}
