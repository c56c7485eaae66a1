import Vocabulary
import Wire

/// What one user did with one message: its reaction, and whether it deleted it for itself. The row stays when a
/// reaction is taken back, so that devices which were away learn that too.
package struct MessageMark: Hashable, Sendable {
    /// Empty when there is none.
    package var emoji = ""
    package var reactedAt: Timestamp = .zero
    package var reactionRev: Rev = .zero
    package var hiddenAt: Timestamp?
    package var hiddenRev: Rev = .zero
}

extension MessageMark {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.text(emoji)
        writer.timestamp(reactedAt)
        writer.counter(reactionRev)
        writer.optional(hiddenAt) { $0.timestamp($1) }
        writer.counter(hiddenRev)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        emoji = try reader.text()
        reactedAt = try reader.timestamp()
        reactionRev = try reader.counter()
        hiddenAt = try ChatCodec.optionalTimestamp(from: &reader)
        hiddenRev = try reader.counter()
        try reader.finish()
    }
}

/// What changed at one rev of a conversation. The content is where it always is; this only says where to look.
struct ChangeRecord: Hashable, Sendable {
    enum Kind: UInt8, Hashable, Sendable { case edited = 0, deleted, expired, hidden, reaction }
    var kind: Kind
    var seq: Seq
    var user: UserID
}

extension ChangeRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 24)
        writer.u8(kind.rawValue)
        writer.counter(seq)
        writer.text(user)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let raw = try reader.u8()
        guard let kind = Kind(rawValue: raw) else { throw .unknown(field: "change", value: UInt64(raw)) }
        self.kind = kind
        seq = try reader.counter()
        user = try reader.textIdentity()
        try reader.finish()
    }
}
