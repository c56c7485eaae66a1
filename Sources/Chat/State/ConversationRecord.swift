import Vocabulary
import Wire

/// A conversation's own row: read and written once by every send.
package struct ConversationRecord: Hashable, Sendable {
    package var kind: ConversationKind
    /// A group's name; empty for a direct conversation.
    package var name: String
    /// The top 60 bits of the placement hash, kept so that apply need not hash.
    package var hash60: UInt64
    package var head: Seq = .zero
    package var ordinal: Ordinal = .zero
    package var rev: Rev = .zero
    package var lastTimestamp: Timestamp = .zero
    /// +1 with every change of name or members.
    package var memberEpoch: UInt64 = 0
    package var memberCount: Int = 0
    /// The last rev that changed somebody's inbox row, and the last one that all targets acknowledged.
    package var undeliveredRev: Rev = .zero
    package var fannedOutRev: Rev = .zero
    /// The value of the hash chain at `head`; empty before the first message.
    package var chain: [UInt8] = []
    /// The last rev that changed what lists show of the last message.
    package var previewRev: Rev = .zero
    /// After how long messages disappear that do not say so themselves; zero: never.
    package var disappearingMilliseconds: UInt64 = 0
    /// A direct conversation's members, sorted: one when it is with oneself. Empty for a group.
    package var sides: [ConversationMember] = []

    /// A group's; the defaults for a direct conversation.
    package var settings = GroupSettings()
    /// A group that was deleted: it may be read, and changes no more.
    package var isClosed = false
    /// Everything up to here is gone by the operator's retention, and the user messages among it.
    package var gone: Seq = .zero
    package var goneOrdinal: Ordinal = .zero

    package init(kind: ConversationKind, name: String, hash60: UInt64) {
        self.kind = kind
        self.name = name
        self.hash60 = hash60
    }

    /// The two users of a direct conversation, sorted; empty for a group.
    package var pair: [UserID] {
        guard let first = sides.first, let last = sides.last else { return [] }
        return [first.user, last.user]
    }

    package func messageID(_ seq: Seq) -> MessageID { MessageID(hash60: hash60, seq: seq) }
    package var isDirty: Bool { undeliveredRev > fannedOutRev }
    /// Not even the last message is kept.
    package var isHeadGone: Bool { gone > .zero && gone == head }
}

extension ConversationRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 160)
        writer.u8(kind.rawValue)
        writer.text(name)
        writer.u64(hash60)
        writer.counter(head)
        writer.counter(ordinal)
        writer.counter(rev)
        writer.timestamp(lastTimestamp)
        writer.varint(memberEpoch)
        writer.varint(memberCount)
        writer.counter(undeliveredRev)
        writer.counter(fannedOutRev)
        writer.blob(chain)
        writer.counter(previewRev)
        writer.varint(disappearingMilliseconds)
        writer.list(sides) { $1.write(into: &$0) }
        writer.groupSettings(settings)
        writer.bool(isClosed)
        writer.counter(gone)
        writer.counter(goneOrdinal)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        kind = try ChatCodec.kind(from: &reader)
        name = try reader.text()
        hash60 = try reader.u64()
        head = try reader.counter()
        ordinal = try reader.counter()
        rev = try reader.counter()
        lastTimestamp = try reader.timestamp()
        memberEpoch = try reader.varint()
        memberCount = try reader.length()
        undeliveredRev = try reader.counter()
        fannedOutRev = try reader.counter()
        chain = try reader.blob()
        previewRev = try reader.counter()
        disappearingMilliseconds = try reader.varint()
        sides = try reader.list { (reader) throws(DecodingFailure) in try ConversationMember(from: &reader) }
        settings = try reader.groupSettings()
        isClosed = try reader.bool()
        gone = try reader.counter()
        goneOrdinal = try reader.counter()
        try reader.finish()
    }
}
