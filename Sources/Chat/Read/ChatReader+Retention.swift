import Vocabulary
import Wire

extension ChatReader {
    /// Conversations with a message stamped before `before`, at most `limit`, and else the oldest message's time.
    func beyondRetention(
        before: Timestamp, limit: Int
    ) -> (conversations: [ConversationID], next: Timestamp?) {
        var conversations: [ConversationID] = []
        for pair in view.pairs(in: Tables.allOldestMessages, limit: limit) {
            guard let oldest = Tables.oldestMessage(of: pair.key) else { continue }
            if oldest.at >= before { return (conversations, oldest.at) }
            conversations.append(oldest.conversation)
        }
        return (conversations, nil)
    }
}
