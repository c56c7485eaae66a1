import Vocabulary
import Wire

/// Keys of what happens to messages after they were sent.
extension Tables {
    static func change(_ conversation: ConversationID, _ rev: Rev) -> [UInt8] {
        var writer = start(.changes, 24)
        writer.identity(conversation)
        writer.u64BigEndian(rev.raw)
        return writer.bytes
    }

    /// Changes after `rev`, ascending.
    static func changes(_ conversation: ConversationID, after rev: Rev) -> KeyRange {
        var prefix = start(.changes, 16)
        prefix.identity(conversation)
        return KeyRange(lower: change(conversation, rev.next), upper: KeyRange(prefix: prefix.bytes).upper)
    }

    /// The rev that ends a key of the changes table.
    static func rev(atEndOf key: [UInt8]) -> Rev? {
        var reader = ByteReader(key.suffix(8))
        return (try? reader.u64BigEndian()).map { Rev($0) }
    }

    static func messageMark(_ conversation: ConversationID, _ seq: Seq, _ user: UserID) -> [UInt8] {
        var writer = start(.messageMarks, 24 + user.text.utf8.count)
        writer.identity(conversation)
        writer.u64BigEndian(seq.raw)
        writer.raw(user.text.utf8)
        return writer.bytes
    }

    /// Everybody's marks of one message, in the order of the users.
    static func messageMarks(_ conversation: ConversationID, _ seq: Seq) -> KeyRange {
        var prefix = start(.messageMarks, 24)
        prefix.identity(conversation)
        prefix.u64BigEndian(seq.raw)
        return KeyRange(prefix: prefix.bytes)
    }

    /// The user that ends a key of the message marks.
    static func markUser(atEndOf key: [UInt8]) -> UserID? {
        UserID(String(decoding: key.dropFirst(25), as: UTF8.self))
    }

    static func receiptTime(
        _ conversation: ConversationID, _ user: UserID, _ status: ReceiptStatus, _ watermark: Seq
    ) -> [UInt8] {
        var writer = start(.receiptTimes, user.text.utf8.count + 26)
        writer.identity(conversation)
        writer.raw(user.text.utf8)
        writer.u8(0)
        writer.u8(status == .read ? 1 : 0)
        writer.u64BigEndian(watermark.raw)
        return writer.bytes
    }

    /// The watermarks at or above `seq`: the first says when the user had it.
    static func receiptTimes(
        _ conversation: ConversationID, _ user: UserID, _ status: ReceiptStatus, from seq: Seq
    ) -> KeyRange {
        KeyRange(
            lower: receiptTime(conversation, user, status, seq),
            upper: receiptTime(conversation, user, status, Seq(.max)))
    }

    static func expiry(_ at: Timestamp, _ conversation: ConversationID, _ seq: Seq) -> [UInt8] {
        var writer = start(.expiries, 32)
        writer.u64BigEndian(UInt64(bitPattern: at.milliseconds) ^ (1 << 63))
        writer.identity(conversation)
        writer.u64BigEndian(seq.raw)
        return writer.bytes
    }

    static let allExpiries = KeyRange(prefix: [Table.expiries.rawValue])

    /// What a key of the expiries says.
    static func expiry(of key: [UInt8]) -> (at: Timestamp, place: ExpiryCommand.Place)? {
        var reader = ByteReader(key.dropFirst())
        guard let time = try? reader.u64BigEndian(), let id = try? reader.identity(ConversationID.self),
            let seq = try? reader.u64BigEndian()
        else { return nil }
        let at = Timestamp(Int64(bitPattern: time ^ (1 << 63)))
        return (at, ExpiryCommand.Place(conversation: id, seq: Seq(seq)))
    }

    /// A time as the value of a row.
    static func value(of time: Timestamp) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.timestamp(time)
        return writer.bytes
    }

    static func time(_ value: [UInt8]) -> Timestamp? {
        var reader = ByteReader(value)
        return try? reader.timestamp()
    }
}
