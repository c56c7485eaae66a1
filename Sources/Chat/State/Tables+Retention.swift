import Vocabulary
import Wire

/// Where the operator's retention begins to look.
///
/// | table | key after the table byte | value |
/// |---|---|---|
/// | 0x30 oldest messages | time (8), conversation (16): of its oldest message, one row for each that has one | nothing |
extension Tables {
    private static let oldestMessages: UInt8 = 0x30

    static func oldestMessage(_ at: Timestamp, _ conversation: ConversationID) -> [UInt8] {
        var writer = ByteWriter(capacity: 25)
        writer.u8(oldestMessages)
        writer.u64BigEndian(UInt64(bitPattern: at.milliseconds) ^ (1 << 63))
        writer.identity(conversation)
        return writer.bytes
    }

    static let allOldestMessages = KeyRange(prefix: [oldestMessages])

    /// What a key of the oldest messages says.
    static func oldestMessage(of key: [UInt8]) -> (at: Timestamp, conversation: ConversationID)? {
        var reader = ByteReader(key.dropFirst())
        guard let time = try? reader.u64BigEndian(), let id = try? reader.identity(ConversationID.self) else {
            return nil
        }
        return (Timestamp(Int64(bitPattern: time ^ (1 << 63))), id)
    }
}
