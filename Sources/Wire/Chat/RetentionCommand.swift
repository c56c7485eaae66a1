import Vocabulary

/// Messages that are older than the operator keeps them, forgotten from the oldest of each conversation on.
package struct RetentionCommand: Hashable, Sendable {
    /// What is stamped before this is to go.
    package var before: Timestamp
    package var conversations: [ConversationID]
    /// Messages of each conversation at most.
    package var step: Int

    package init(before: Timestamp, conversations: [ConversationID], step: Int) {
        self.before = before
        self.conversations = conversations
        self.step = step
    }
}

extension RetentionCommand {
    func write(into writer: inout ByteWriter) {
        writer.timestamp(before)
        writer.list(conversations) { $0.identity($1) }
        writer.varint(step)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            before: try reader.timestamp(),
            conversations: try reader.list { (reader) throws(DecodingFailure) in try reader.identity() },
            step: try reader.length())
    }
}
