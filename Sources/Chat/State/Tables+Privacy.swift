import Vocabulary
import Wire

/// Keys of privacy, see `Tables`.
///
/// | table | key after the table byte | value |
/// |---|---|---|
/// | 0x0E flags ahead | conversation (16), user | `MemberFlags` of a direct conversation that does not exist yet |
/// | 0x15 privacy | user | `PrivacyRecord`: settings, version, number of blocks |
/// | 0x16 blocks | user, 0, blocked user | when it was blocked |
/// | 0x17 flags due | user, 0, conversation (16), zero for all | version that the conversation may not have yet, and its other user |
extension Tables {
    enum PrivacyTable: UInt8 {
        case flagsAhead = 0x0E
        case privacy = 0x15
        case blocks = 0x16
        case flagsDue = 0x17
    }

    static func flagsAhead(_ conversation: ConversationID, _ user: UserID) -> [UInt8] {
        var writer = ByteWriter(capacity: 17 + user.text.utf8.count)
        writer.u8(PrivacyTable.flagsAhead.rawValue)
        writer.identity(conversation)
        writer.raw(user.text.utf8)
        return writer.bytes
    }

    static func privacy(_ user: UserID) -> [UInt8] {
        var writer = ByteWriter(capacity: 1 + user.text.utf8.count)
        writer.u8(PrivacyTable.privacy.rawValue)
        writer.raw(user.text.utf8)
        return writer.bytes
    }

    static func block(_ user: UserID, _ peer: UserID) -> [UInt8] {
        var writer = start(.blocks, user)
        writer.raw(peer.text.utf8)
        return writer.bytes
    }

    /// Blocks of `user` after `peer`, in the order of their ids.
    static func blocks(_ user: UserID, after peer: UserID?) -> KeyRange {
        var range = KeyRange(prefix: start(.blocks, user).bytes)
        // The next key in order: user ids have no zero byte.
        if let peer { range.lower = block(user, peer) + [0] }
        return range
    }

    static func flagsDue(_ user: UserID, _ conversation: ConversationID?) -> [UInt8] {
        var writer = start(.flagsDue, user)
        writer.identity(conversation ?? .zero)
        return writer.bytes
    }

    static func flagsDue(of user: UserID) -> KeyRange { KeyRange(prefix: start(.flagsDue, user).bytes) }

    static let allFlagsDue = KeyRange(prefix: [PrivacyTable.flagsDue.rawValue])

    /// The user at the beginning of a key of these tables, and what follows its zero byte.
    static func user(ofKey key: [UInt8]) -> (user: UserID, rest: ArraySlice<UInt8>)? {
        guard let end = key.dropFirst().firstIndex(of: 0) else { return nil }
        let text = String(decoding: key[1..<end], as: UTF8.self)
        return (UserID(unchecked: text), key[(end + 1)...])
    }

    private static func start(_ table: PrivacyTable, _ user: UserID) -> ByteWriter {
        var writer = ByteWriter(capacity: user.text.utf8.count + 66)
        writer.u8(table.rawValue)
        writer.raw(user.text.utf8)
        writer.u8(0)
        return writer
    }
}
