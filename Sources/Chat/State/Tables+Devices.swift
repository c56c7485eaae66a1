import Vocabulary
import Wire

extension Tables {
    static func device(_ user: UserID, _ device: DeviceID) -> [UInt8] { key(.devices, user, device) }

    static func deviceKeys(_ user: UserID, _ device: DeviceID) -> [UInt8] {
        key(.deviceKeys, user, device)
    }

    static func oneTimePrekey(_ user: UserID, _ device: DeviceID, _ id: UInt32) -> [UInt8] {
        var writer = start(.oneTimePrekeys, user)
        writer.raw(device.text.utf8)
        writer.u8(0)
        writer.u32BigEndian(id)
        return writer.bytes
    }

    /// Ascending by id.
    static func oneTimePrekeys(_ user: UserID, _ device: DeviceID) -> KeyRange {
        KeyRange(prefix: Array(oneTimePrekey(user, device, 0).dropLast(4)))
    }

    static func prekeyID(atEndOf key: [UInt8]) -> UInt32? {
        var reader = ByteReader(key.suffix(4))
        return try? reader.u32BigEndian()
    }

    static func keyFetch(_ user: UserID, _ id: KeyFetchID) -> [UInt8] {
        var writer = start(.keyFetches, user)
        writer.identity(id)
        return writer.bytes
    }

    static func keyFetches(_ user: UserID) -> KeyRange { KeyRange(prefix: start(.keyFetches, user).bytes) }

    static func erasure(_ user: UserID, _ conversation: ConversationID) -> [UInt8] {
        var writer = start(.erasures, user)
        writer.identity(conversation)
        return writer.bytes
    }

    static let allErasures = KeyRange(prefix: [Table.erasures.rawValue])

    /// The user of a key of the erasures table.
    static func user(ofErasure key: [UInt8]) -> UserID {
        UserID(unchecked: String(decoding: key.dropFirst().dropLast(17), as: UTF8.self))
    }

    /// All positions of a user's devices.
    static func positions(_ user: UserID) -> KeyRange { KeyRange(prefix: start(.positions, user).bytes) }

    /// Inbox rows with a conversation after `conversation`, in the order of the conversations.
    static func inbox(_ user: UserID, after conversation: ConversationID?) -> KeyRange {
        var range = KeyRange(prefix: start(.inbox, user).bytes)
        if let conversation { range.lower = inbox(user, conversation) + [0] }
        return range
    }

    /// The pinned part of a user's activity.
    static func pinned(_ user: UserID) -> KeyRange {
        KeyRange(prefix: start(.activity, user).bytes + [1])
    }

    private static func key(_ table: Table, _ user: UserID, _ device: DeviceID) -> [UInt8] {
        var writer = start(table, user)
        writer.raw(device.text.utf8)
        return writer.bytes
    }
}
