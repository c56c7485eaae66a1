import Vocabulary

/// The binary form of the values that commands and stored chat records share.
///
/// Apart from the codecs of peer frames, because these bytes live as long as the data: they may only grow.
package enum ChatCodec {
    /// Stable codes of message types on disk; never reused.
    package static func code(of type: MessageType) -> UInt8 {
        switch type {
        case .system: 0
        case .text: 1
        case .image: 2
        case .video: 3
        case .audio: 4
        case .file: 5
        case .location: 6
        case .contact: 7
        case .custom: 8
        }
    }

    package static func messageType(from reader: inout ByteReader) throws(DecodingFailure) -> MessageType {
        switch try reader.u8() {
        case 0: return .system
        case 1: return .text
        case 2: return .image
        case 3: return .video
        case 4: return .audio
        case 5: return .file
        case 6: return .location
        case 7: return .contact
        case 8: return .custom
        case let other: throw .unknown(field: "message type", value: UInt64(other))
        }
    }

    package static func write(_ recipient: Recipient, into writer: inout ByteWriter) {
        switch recipient {
        case .user(let user):
            writer.u8(0)
            writer.text(user)
        case .group(let group):
            writer.u8(1)
            writer.identity(group)
        }
    }

    package static func recipient(from reader: inout ByteReader) throws(DecodingFailure) -> Recipient {
        switch try reader.u8() {
        case 0: return .user(try reader.textIdentity())
        case 1: return .group(try reader.identity())
        case let other: throw .unknown(field: "recipient", value: UInt64(other))
        }
    }

    package static func kind(from reader: inout ByteReader) throws(DecodingFailure) -> ConversationKind {
        let raw = try reader.u8()
        guard let kind = ConversationKind(rawValue: raw) else {
            throw .unknown(field: "conversation kind", value: UInt64(raw))
        }
        return kind
    }

    /// A row without its version.
    package static func write(_ row: InboxRow, into writer: inout ByteWriter) {
        writer.identity(row.conversation)
        writer.u8(row.kind.rawValue)
        writer.optional(row.peer) { $0.text($1) }
        writer.text(row.title)
        writer.counter(row.head)
        writer.counter(row.rev)
        writer.timestamp(row.lastAt)
        writer.text(row.preview)
        writer.counter(row.headOrdinal)
        writer.counter(row.markOrdinal)
        writer.counter(row.read)
        writer.varint(row.memberEpoch)
        writer.bool(row.isMember)
        writer.counter(row.previewRev)
        writer.rowSettings(row.settings)
        writer.counter(row.cleared)
    }

    /// A row without its version, which is zero.
    package static func inboxRow(from reader: inout ByteReader) throws(DecodingFailure) -> InboxRow {
        var row = InboxRow(
            conversation: try reader.identity(), kind: try kind(from: &reader),
            peer: try optionalUser(from: &reader), title: try reader.text(), head: try reader.counter(),
            rev: try reader.counter(), lastAt: try reader.timestamp(), preview: try reader.text(),
            headOrdinal: try reader.counter(), markOrdinal: try reader.counter(), read: try reader.counter(),
            memberEpoch: try reader.varint(), isMember: try reader.bool(), version: .zero)
        row.previewRev = try reader.counter()
        row.settings = try reader.rowSettings()
        row.cleared = try reader.counter()
        return row
    }

    package static func users(from reader: inout ByteReader) throws(DecodingFailure) -> [UserID] {
        try reader.list { (reader) throws(DecodingFailure) in try reader.textIdentity(UserID.self) }
    }

    package static func optionalUser(from reader: inout ByteReader) throws(DecodingFailure) -> UserID? {
        try reader.bool() ? try reader.textIdentity() : nil
    }

    package static func optionalDevice(from reader: inout ByteReader) throws(DecodingFailure) -> DeviceID? {
        try reader.bool() ? try reader.textIdentity() : nil
    }

    package static func optionalTimestamp(from reader: inout ByteReader) throws(DecodingFailure) -> Timestamp?
    {
        try reader.bool() ? try reader.timestamp() : nil
    }

    package static func optionalMessageID(from reader: inout ByteReader) throws(DecodingFailure) -> MessageID?
    {
        try reader.bool() ? try reader.identity() : nil
    }

    package static func optionalVarint(from reader: inout ByteReader) throws(DecodingFailure) -> UInt64? {
        try reader.bool() ? try reader.varint() : nil
    }
}
