import Vocabulary
import Wire

/// Every key of a partition's chat state. The first byte is the table; numbers are big-endian, so keys sort
/// by value; a zero byte ends a user id (user ids have no zero byte).
///
/// | table | key after the table byte | value |
/// |---|---|---|
/// | 0x01 conversations | conversation (16) | `ConversationRecord`: kind, pair or name, head, rev, ... |
/// | 0x02 by message | hash60 (8) | the conversations with that hash, 16 bytes each: in practice one |
/// | 0x03 messages | conversation (16), seq (8) | `StoredMessage` |
/// | 0x04 dedup | conversation (16), length of sender (1), sender, client message id | seq, payload digest |
/// | 0x05 members | conversation (16), user | `ConversationMember`; groups only: a pair is in the conversation |
/// | 0x06 dirty | conversation (16) | nothing: some target partition may lack the latest rev |
/// | 0x0F chain | conversation (16), seq (8) | `ChainRecord`: content hash and chain value |
/// | 0x07 changes | conversation (16), rev (8) | what changed at that rev: kind, seq, user |
/// | 0x08 message marks | conversation (16), seq (8), user | `MessageMark`: the user's reaction, or that it hid it |
/// | 0x09 receipt times | conversation (16), user, 0, delivered or read (1), watermark (8) | when it got there |
/// | 0x0A expiries | time (8), conversation (16), seq (8) | nothing |
/// | 0x0B group profiles | conversation (16) | `GroupProfile` |
/// | 0x0C join requests | conversation (16), user | when the user asked to be let in |
/// | 0x0D invites | conversation (16), secret (16) | `GroupInvite` |
/// | 0x10 users | user | `UserRecord`: created, inbox version, last seen, devices |
/// | 0x11 positions | user, 0, conversation (16) | `PositionsRecord`: where the user's devices stand |
/// | 0x12 inbox | user, 0, conversation (16) | the inbox row |
/// | 0x13 inbox versions | user, 0, version (8) | conversation (16) |
/// | 0x14 activity | user, 0, pinned (1), last activity (8), conversation (16) | nothing |
/// | 0x18 devices | user, 0, device | `DeviceDetails`: name, push registration |
/// | 0x19 device keys | user, 0, device | `DeviceKeysRecord` |
/// | 0x1A one-time prekeys | user, 0, device, 0, id (4) | the key |
/// | 0x1C erasures | user, 0, conversation (16) | nothing: the conversation may hold what the erased user wrote |
/// | 0x1B key fetches | user, 0, fetch (16) | `KeyFetchRecord`: what a fetch handed out |
/// | 0x1F push outbox | user, 0, conversation (16) | `PushOutboxRecord`: what devices may have to be told |
/// | 0x0E, 0x15 to 0x17 | see `Tables+Privacy` | |
enum Tables {
    enum Table: UInt8 {
        case conversations = 0x01
        case byMessage = 0x02
        case messages = 0x03
        case dedup = 0x04
        case members = 0x05
        case dirty = 0x06
        case chain = 0x0F
        case changes = 0x07
        case messageMarks = 0x08
        case receiptTimes = 0x09
        case expiries = 0x0A
        case users = 0x10
        case positions = 0x11
        case inbox = 0x12
        case inboxVersions = 0x13
        case activity = 0x14
        case groupProfiles = 0x0B
        case joinRequests = 0x0C
        case invites = 0x0D
        case devices = 0x18
        case deviceKeys = 0x19
        case oneTimePrekeys = 0x1A
        case keyFetches = 0x1B
        case pushOutbox = 0x1F
        case erasures = 0x1C
    }

    /// The table of a key, as people read it: `members (0x05)`.
    static func name(ofKey key: [UInt8]) -> String {
        guard let number = key.first else { return "none" }
        let name = Table(rawValue: number).map { "\($0)" } ?? PrivacyTable(rawValue: number).map { "\($0)" }
        return
            "\(name ?? "unknown") (0x\(number < 16 ? "0" : "")\(String(number, radix: 16, uppercase: true)))"
    }

    static func conversation(_ id: ConversationID) -> [UInt8] { key(.conversations, id) }

    static func byMessage(hash60: UInt64) -> [UInt8] {
        var writer = start(.byMessage, 8)
        writer.u64BigEndian(hash60)
        return writer.bytes
    }

    static func message(_ conversation: ConversationID, _ seq: Seq) -> [UInt8] {
        var writer = start(.messages, 24)
        writer.identity(conversation)
        writer.u64BigEndian(seq.raw)
        return writer.bytes
    }

    static func chain(_ conversation: ConversationID, _ seq: Seq) -> [UInt8] {
        var writer = start(.chain, 24)
        writer.identity(conversation)
        writer.u64BigEndian(seq.raw)
        return writer.bytes
    }

    static func dedup(_ conversation: ConversationID, _ sender: UserID, _ id: ClientMessageID) -> [UInt8] {
        var writer = start(.dedup, 96)
        writer.identity(conversation)
        writer.text(sender)
        writer.raw(id.text.utf8)
        return writer.bytes
    }

    static func member(_ conversation: ConversationID, _ user: UserID) -> [UInt8] {
        var writer = start(.members, 16 + user.text.utf8.count)
        writer.identity(conversation)
        writer.raw(user.text.utf8)
        return writer.bytes
    }

    static func members(_ conversation: ConversationID) -> KeyRange {
        KeyRange(prefix: key(.members, conversation))
    }

    static func dirty(_ conversation: ConversationID) -> [UInt8] { key(.dirty, conversation) }
    static let allDirty = KeyRange(prefix: [Table.dirty.rawValue])

    static func user(_ user: UserID) -> [UInt8] {
        var writer = start(.users, user.text.utf8.count)
        writer.raw(user.text.utf8)
        return writer.bytes
    }

    static func positions(_ user: UserID, _ conversation: ConversationID) -> [UInt8] {
        key(.positions, user, conversation)
    }

    static func inbox(_ user: UserID, _ conversation: ConversationID) -> [UInt8] {
        key(.inbox, user, conversation)
    }

    /// How all inbox keys of a user begin.
    static func inboxPrefix(_ user: UserID) -> [UInt8] { start(.inbox, user).bytes }

    static func inboxVersion(_ user: UserID, _ version: InboxVersion) -> [UInt8] {
        var writer = start(.inboxVersions, user)
        writer.u64BigEndian(version.raw)
        return writer.bytes
    }

    /// Versions after `version`, ascending.
    static func inboxVersions(_ user: UserID, after version: InboxVersion) -> KeyRange {
        let all = KeyRange(prefix: start(.inboxVersions, user).bytes)
        return KeyRange(lower: inboxVersion(user, version.next), upper: all.upper)
    }

    static func activity(_ user: UserID, _ place: ConversationsCursor) -> [UInt8] {
        var writer = start(.activity, user)
        writer.bool(place.isPinned)
        // The sign bit turned round, so that times before 1970 sort first.
        writer.u64BigEndian(UInt64(bitPattern: place.lastAt.milliseconds) ^ (1 << 63))
        writer.identity(place.conversation)
        return writer.bytes
    }

    /// All activity of `user` before `cursor`.
    static func activity(_ user: UserID, before cursor: ConversationsCursor?) -> KeyRange {
        var range = KeyRange(prefix: start(.activity, user).bytes)
        if let cursor { range.upper = activity(user, cursor) }
        return range
    }

    /// A conversation as the value of an index.
    static func value(of conversation: ConversationID) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.identity(conversation)
        return writer.bytes
    }

    /// The conversation that ends a key of the positions, inbox and activity tables, or is a whole value.
    static func conversation(atEndOf bytes: [UInt8]) -> ConversationID? {
        var reader = ByteReader(bytes.suffix(16))
        return try? reader.identity(ConversationID.self)
    }

    /// The seq that ends a key of the messages table.
    static func seq(atEndOf key: [UInt8]) -> Seq? {
        var reader = ByteReader(key.suffix(8))
        return (try? reader.u64BigEndian()).map { Seq($0) }
    }

    static func start(_ table: Table, _ capacity: Int) -> ByteWriter {
        var writer = ByteWriter(capacity: capacity + 1)
        writer.u8(table.rawValue)
        return writer
    }

    static func start(_ table: Table, _ user: UserID) -> ByteWriter {
        var writer = start(table, user.text.utf8.count + 25)
        writer.raw(user.text.utf8)
        writer.u8(0)
        return writer
    }

    static func key(_ table: Table, _ conversation: ConversationID) -> [UInt8] {
        var writer = start(table, 16)
        writer.identity(conversation)
        return writer.bytes
    }

    private static func key(_ table: Table, _ user: UserID, _ conversation: ConversationID) -> [UInt8] {
        var writer = start(table, user)
        writer.identity(conversation)
        return writer.bytes
    }
}

/// Keys from `lower` up to, not including, `upper`.
struct KeyRange {
    var lower: [UInt8]
    var upper: [UInt8]

    init(lower: [UInt8], upper: [UInt8]) {
        self.lower = lower
        self.upper = upper
    }

    /// All keys that begin with `prefix`.
    init(prefix: [UInt8]) {
        lower = prefix
        upper = prefix
        while let last = upper.last {
            if last < 0xFF {
                upper[upper.count - 1] = last + 1
                return
            }
            upper.removeLast()
        }
    }
}

extension StateView {
    func pairs(in range: KeyRange, limit: Int = .max, reverse: Bool = false) -> [StatePair] {
        pairs(from: range.lower, to: range.upper, limit: limit, reverse: reverse)
    }
}
