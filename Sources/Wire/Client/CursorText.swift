import Vocabulary

/// Cursors as clients see them: opaque base64url without padding, `[A-Za-z0-9_-]+`.
///
/// The bytes are a kind, the fields, and a 16-bit sum, so that a cursor of another kind or a cut one is refused
/// (`bad_cursor`) and never misread.
package enum CursorText {
    package enum Kind: UInt8, Sendable {
        case sync = 0xA1, history = 0xA2, conversations = 0xA3, members = 0xB1
        case blocks = 0xA4
        case export = 0xAD
    }

    package static let badCursor = Refusal(
        .badCursor, "the cursor is not one of this server's", details: [.init("field", .text("cursor"))])

    package static func text(_ cursor: SyncCursor) -> String { seal(.sync) { $0.syncCursor(cursor) } }

    package static func syncCursor(_ text: String) throws(Refusal) -> SyncCursor {
        try open(text, .sync) { reader throws(DecodingFailure) in try reader.syncCursor() }
    }

    /// History pages go on from a seq, which is the same after a failover.
    package static func text(history bound: Seq) -> String { seal(.history) { $0.counter(bound) } }

    package static func history(_ text: String) throws(Refusal) -> Seq {
        try open(text, .history) { reader throws(DecodingFailure) in try reader.counter() }
    }

    package static func text(_ cursor: ConversationsCursor) -> String {
        seal(.conversations) { $0.conversationsCursor(cursor) }
    }

    package static func conversations(_ text: String) throws(Refusal) -> ConversationsCursor {
        try open(text, .conversations) { reader throws(DecodingFailure) in try reader.conversationsCursor() }
    }

    /// Pages of a group's members, or of who waits to be one, go on after a user.
    package static func text(member user: UserID) -> String { seal(.members) { $0.text(user) } }

    package static func member(_ text: String) throws(Refusal) -> UserID {
        try user(text, .members)
    }

    /// Pages of blocks go on after a user.
    package static func text(blocks after: UserID) -> String { seal(.blocks) { $0.text(after) } }

    package static func blocks(_ text: String) throws(Refusal) -> UserID {
        try user(text, .blocks)
    }

    private static func user(_ text: String, _ kind: Kind) throws(Refusal) -> UserID {
        let user = try open(text, kind) { reader throws(DecodingFailure) in try reader.text(max: 64) }
        // The sum is no secret: what comes back is checked like everything a client says.
        guard let user = UserID(user) else { throw badCursor }
        return user
    }

    static func seal(_ kind: Kind, _ write: (inout ByteWriter) -> Void) -> String {
        var writer = ByteWriter()
        writer.u8(kind.rawValue)
        write(&writer)
        let sum = checksum(writer.bytes[...])
        writer.u8(UInt8(truncatingIfNeeded: sum))
        writer.u8(UInt8(truncatingIfNeeded: sum >> 8))
        return Base64URL.encode(writer.bytes)
    }

    static func open<T>(
        _ text: String, _ kind: Kind, _ read: (inout ByteReader) throws(DecodingFailure) -> T
    ) throws(Refusal) -> T {
        guard let bytes = Base64URL.decode(text), bytes.count > 3, bytes[0] == kind.rawValue else {
            throw badCursor
        }
        let fields = bytes[..<(bytes.count - 2)]
        let sum = UInt16(bytes[bytes.count - 2]) | UInt16(bytes[bytes.count - 1]) << 8
        guard checksum(fields) == sum else { throw badCursor }
        var reader = ByteReader(fields.dropFirst())
        do throws(DecodingFailure) {
            let value = try read(&reader)
            try reader.finish()
            return value
        } catch {
            throw badCursor
        }
    }

    /// FNV-1a, folded to 16 bits.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var hash: UInt32 = 2_166_136_261
        for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return UInt16(truncatingIfNeeded: hash ^ hash >> 16)
    }
}

/// Base64 with the URL alphabet and without padding (RFC 4648, section 5).
package enum Base64URL {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var held = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            held += 8
            while held >= 6 {
                held -= 6
                text.append(alphabet[Int(bits >> UInt32(held)) & 63])
            }
        }
        if held > 0 { text.append(alphabet[Int(bits << UInt32(6 - held)) & 63]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` unless every character is of the alphabet and no bits are left over.
    package static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var bits: UInt32 = 0
        var held = 0
        for character in text.utf8 {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        let rest = bits & (1 << UInt32(held) - 1)
        return held < 6 && rest == 0 ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
