import Vocabulary
import Wire

/// A message's value in the messages table: a `MessageRecord` without what its key says.
enum StoredMessage {
    static func bytes(of message: MessageRecord) -> [UInt8] {
        var writer = ByteWriter(capacity: message.content.utf8.count + 96)
        writer.counter(message.ordinal)
        writer.text(message.sender)
        writer.optional(message.senderDevice) { $0.text($1) }
        ChatCodec.write(message.recipient, into: &writer)
        writer.text(message.clientMessageID)
        writer.u8(ChatCodec.code(of: message.type))
        writer.text(message.content)
        writer.timestamp(message.timestamp)
        writer.optional(message.clientTimestamp) { $0.timestamp($1) }
        writer.optional(message.replyTo) { $0.identity($1) }
        writer.list(message.mentions) { $0.text($1) }
        writer.optional(message.expiresInMilliseconds) { $0.varint($1) }
        writer.amendments(message.amendments)
        return writer.bytes
    }

    static func decode(
        _ bytes: [UInt8], conversation: ConversationID, hash60: UInt64, seq: Seq
    ) throws(DecodingFailure) -> MessageRecord {
        var reader = ByteReader(bytes)
        let ordinal = try reader.counter(Ordinal.self)
        let sender = try reader.textIdentity(UserID.self)
        let device = try ChatCodec.optionalDevice(from: &reader)
        var message = MessageRecord(
            conversation: conversation, seq: seq, ordinal: ordinal,
            messageID: MessageID(hash60: hash60, seq: seq), sender: sender, senderDevice: device,
            recipient: try ChatCodec.recipient(from: &reader), clientMessageID: try reader.textIdentity(),
            type: try ChatCodec.messageType(from: &reader), content: try reader.text(),
            timestamp: try reader.timestamp(),
            clientTimestamp: try ChatCodec.optionalTimestamp(from: &reader),
            replyTo: try ChatCodec.optionalMessageID(from: &reader),
            mentions: try ChatCodec.users(from: &reader),
            expiresInMilliseconds: try ChatCodec.optionalVarint(from: &reader))
        message.amendments = try reader.amendments()
        try reader.finish()
        return message
    }
}

/// What a client message id led to: the seq, and the payload a retry must repeat.
struct DedupRecord: Hashable, Sendable {
    var seq: Seq
    var digest: UInt64
}

extension DedupRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.counter(seq)
        writer.u64(digest)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        seq = try reader.counter()
        digest = try reader.u64()
        try reader.finish()
    }
}
