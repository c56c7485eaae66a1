import Vocabulary

extension ByteWriter {
    package mutating func recipient(_ value: Recipient) {
        switch value {
        case .user(let user):
            u8(0)
            text(user)
        case .group(let group):
            u8(1)
            identity(group)
        }
    }

    package mutating func messageRecord(_ value: MessageRecord) {
        identity(value.conversation)
        counter(value.seq)
        counter(value.ordinal)
        identity(value.messageID)
        text(value.sender)
        optional(value.senderDevice) { $0.text($1) }
        recipient(value.recipient)
        text(value.clientMessageID)
        u8(value.type.tag)
        text(value.content)
        timestamp(value.timestamp)
        optional(value.clientTimestamp) { $0.timestamp($1) }
        optional(value.replyTo) { $0.identity($1) }
        list(value.mentions) { $0.text($1) }
        optional(value.expiresInMilliseconds) { $0.varint($1) }
        amendments(value.amendments)
        if value.amendments.reactors > 0 { reactions(value.reactions) }
    }

    package mutating func statusEvent(_ value: StatusEvent) {
        identity(value.conversation)
        identity(value.messageID)
        counter(value.seq)
        text(value.user)
        bool(value.status == .read)
        timestamp(value.timestamp)
        counter(value.rev)
        bool(value.isPrivate)
    }
}

extension ByteReader {
    package mutating func recipient() throws(DecodingFailure) -> Recipient {
        switch try u8() {
        case 0: return .user(try textIdentity())
        case 1: return .group(try identity())
        case let tag: throw .unknown(field: "recipient", value: UInt64(tag))
        }
    }

    package mutating func messageType() throws(DecodingFailure) -> MessageType {
        let tag = try u8()
        guard let type = MessageType(tag: tag) else {
            throw .unknown(field: "message type", value: UInt64(tag))
        }
        return type
    }

    package mutating func messageRecord() throws(DecodingFailure) -> MessageRecord {
        var record = MessageRecord(
            conversation: try identity(), seq: try counter(), ordinal: try counter(),
            messageID: try identity(),
            sender: try textIdentity(),
            senderDevice: try optional { r throws(DecodingFailure) in try r.textIdentity(DeviceID.self) },
            recipient: try recipient(), clientMessageID: try textIdentity(), type: try messageType(),
            content: try text(), timestamp: try timestamp(),
            clientTimestamp: try optional { r throws(DecodingFailure) in try r.timestamp() },
            replyTo: try optional { r throws(DecodingFailure) in try r.identity(MessageID.self) },
            mentions: try list { r throws(DecodingFailure) in try r.textIdentity(UserID.self) },
            expiresInMilliseconds: try optional { r throws(DecodingFailure) in try r.varint() })
        record.amendments = try amendments()
        if record.amendments.reactors > 0 { record.reactions = try reactions() }
        return record
    }

    package mutating func statusEvent() throws(DecodingFailure) -> StatusEvent {
        StatusEvent(
            conversation: try identity(), messageID: try identity(), seq: try counter(),
            user: try textIdentity(), status: try bool() ? .read : .delivered, timestamp: try timestamp(),
            rev: try counter(), isPrivate: try bool())
    }
}

extension MessageType {
    /// The kind's byte on the wire and on disk; never changes.
    package var tag: UInt8 {
        switch self {
        case .text: 0
        case .image: 1
        case .video: 2
        case .audio: 3
        case .file: 4
        case .location: 5
        case .contact: 6
        case .custom: 7
        case .system: 8
        }
    }

    package init?(tag: UInt8) {
        guard let type = Self.allCases.first(where: { $0.tag == tag }) else { return nil }
        self = type
    }
}
