import Vocabulary

/// How many members have a message, for its sender's devices: what senders in large groups get live in place of
/// each member's receipts.
package struct ReceiptCounts: Hashable, Sendable {
    package var conversation: ConversationID
    package var messageID: MessageID
    package var seq: Seq
    /// Members who have it, of those who are to have it; the sender is none of them.
    package var delivered: Int
    package var read: Int
    package var members: Int
    /// The conversation's rev as of which they are.
    package var rev: Rev

    package init(
        conversation: ConversationID, messageID: MessageID, seq: Seq, delivered: Int, read: Int, members: Int,
        rev: Rev
    ) {
        self.conversation = conversation
        self.messageID = messageID
        self.seq = seq
        self.delivered = delivered
        self.read = read
        self.members = members
        self.rev = rev
    }

    /// Whether both say the same, be it at different times.
    package func says(_ other: ReceiptCounts) -> Bool {
        seq == other.seq && delivered == other.delivered && read == other.read && members == other.members
    }
}

extension ByteWriter {
    package mutating func receiptCounts(_ value: ReceiptCounts) {
        identity(value.conversation)
        identity(value.messageID)
        counter(value.seq)
        varint(value.delivered)
        varint(value.read)
        varint(value.members)
        counter(value.rev)
    }
}

extension ByteReader {
    package mutating func receiptCounts() throws(DecodingFailure) -> ReceiptCounts {
        ReceiptCounts(
            conversation: try identity(), messageID: try identity(), seq: try counter(),
            delivered: try length(), read: try length(), members: try length(), rev: try counter())
    }
}

extension ServerFrame {
    package static func receipts(_ counts: ReceiptCounts) -> [UInt8] {
        frame("receipts") { json in
            json.field("conversation_id", counts.conversation)
            json.field("message_id", counts.messageID)
            json.field("seq", counts.seq)
            json.field("delivered_count", counts.delivered)
            json.field("read_count", counts.read)
            json.field("member_count", counts.members)
        }
    }
}
