import Vocabulary

/// What was done for one row of the push outbox: every device was told of the messages up to `through`, or is not to be.
package struct PushedMark: Hashable, Sendable {
    package var user: UserID
    package var conversation: ConversationID
    package var through: Seq
    /// The last message that some device shows a notification of; zero when none was shown.
    package var shown: Seq
    /// What was shown has been cleared.
    package var isCleared: Bool

    package init(
        user: UserID, conversation: ConversationID, through: Seq, shown: Seq = .zero, isCleared: Bool = false
    ) {
        self.user = user
        self.conversation = conversation
        self.through = through
        self.shown = shown
        self.isCleared = isCleared
    }
}

extension PushedMark {
    func write(into writer: inout ByteWriter) {
        writer.text(user)
        writer.identity(conversation)
        writer.counter(through)
        writer.counter(shown)
        writer.bool(isCleared)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            user: try reader.textIdentity(), conversation: try reader.identity(),
            through: try reader.counter(),
            shown: try reader.counter(), isCleared: try reader.bool())
    }
}
