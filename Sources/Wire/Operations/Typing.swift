import Vocabulary

/// A user writes, or has stopped: for the leader of the conversation's partition. A hint that nobody keeps.
package struct TypingRequest: Hashable, Sendable {
    package var conversation: ConversationID
    package var user: UserID
    package var isTyping: Bool
    package init(conversation: ConversationID, user: UserID, isTyping: Bool) {
        self.conversation = conversation
        self.user = user
        self.isTyping = isTyping
    }
}

/// The hint on its way to the leader of the partition of all `targets`; sent once, lost without harm.
package struct TypingItem: Hashable, Sendable {
    package var partition: PartitionID
    package var event: TypingRequest
    package var targets: [UserID]
    package init(partition: PartitionID, event: TypingRequest, targets: [UserID]) {
        self.partition = partition
        self.event = event
        self.targets = targets
    }
}

extension TypingRequest {
    func write(into writer: inout ByteWriter) {
        writer.identity(conversation)
        writer.text(user)
        writer.bool(isTyping)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            conversation: try reader.identity(), user: try reader.textIdentity(), isTyping: try reader.bool())
    }
}

extension TypingItem {
    func write(into writer: inout ByteWriter) {
        writer.varint(UInt64(partition.raw))
        event.write(into: &writer)
        writer.list(targets) { $0.text($1) }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            partition: PartitionID(try reader.varint32()), event: try TypingRequest(from: &reader),
            targets: try reader.userIDs())
    }
}
