/// A 128-bit identity, written as a UUID string (`8-4-4-4-12` lower-case hex digits).
///
/// The two halves are big-endian: `high` holds the first eight bytes of the text.
package struct UInt128ID: Hashable, Sendable, Comparable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func < (a: Self, b: Self) -> Bool {
        (a.high, a.low) < (b.high, b.low)
    }
}

extension UInt128ID: LosslessStringConvertible {
    /// Parses 36 characters with dashes at the RFC 9562 places; either case of hex digit is taken.
    package init?(_ description: String) {
        var description = description
        let parsed: (UInt64, UInt64)? = description.withUTF8 { text in
            guard text.count == 36 else { return nil }
            var high: UInt64 = 0
            var low: UInt64 = 0
            var digits = 0
            for (position, byte) in text.enumerated() {
                if position == 8 || position == 13 || position == 18 || position == 23 {
                    guard byte == UInt8(ascii: "-") else { return nil }
                    continue
                }
                guard let value = hexValue(byte) else { return nil }
                if digits < 16 { high = high << 4 | UInt64(value) } else { low = low << 4 | UInt64(value) }
                digits += 1
            }
            return (high, low)
        }
        guard let parsed else { return nil }
        self.init(high: parsed.0, low: parsed.1)
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var out = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[out] = UInt8(ascii: "-")
                    out += 1
                }
                let half = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (digit & 15))) & 15
                buffer[out] = nibble < 10 ? nibble + UInt8(ascii: "0") : nibble - 10 + UInt8(ascii: "a")
                out += 1
            }
            return 36
        }
    }
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// A typed 128-bit identity: one wrapper per noun, so that a node is never taken for a conversation.
package protocol Identity128: Hashable, Sendable, Comparable, LosslessStringConvertible {
    var raw: UInt128ID { get }
    init(raw: UInt128ID)
}

extension Identity128 {
    package init(high: UInt64, low: UInt64) { self.init(raw: UInt128ID(high: high, low: low)) }
    package init?(_ description: String) {
        guard let raw = UInt128ID(description) else { return nil }
        self.init(raw: raw)
    }
    package var description: String { raw.description }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
}

/// Names one cluster; made once by `init`, part of every handshake and datagram (rule M5).
package struct ClusterID: Identity128 {
    package var raw: UInt128ID
    package init(raw: UInt128ID) { self.raw = raw }
}

/// Names one node for the life of its disk; a wiped disk is a new node (rule M4).
package struct NodeID: Identity128 {
    package var raw: UInt128ID
    package init(raw: UInt128ID) { self.raw = raw }
}

/// Names a conversation; a group's conversation has the group's id.
package struct ConversationID: Identity128 {
    package var raw: UInt128ID
    package init(raw: UInt128ID) { self.raw = raw }
}

/// A UUIDv8: 60 bits of the conversation's placement hash, 48 bits of seq, 14 bits zero.
package struct MessageID: Identity128 {
    package var raw: UInt128ID
    package init(raw: UInt128ID) { self.raw = raw }
}

/// A short text identity; the characters allowed are checked where it enters the system.
package protocol TextIdentity: Hashable, Sendable, Comparable, CustomStringConvertible {
    var text: String { get }
    init(unchecked text: String)
}

extension TextIdentity {
    package var description: String { text }
    package static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}

/// A user, as the token's `sub` names it: `[A-Za-z0-9._@-]{1,64}`.
package struct UserID: TextIdentity {
    package let text: String
    package init(unchecked text: String) { self.text = text }

    /// `nil` unless `text` has 1 to 64 characters of `[A-Za-z0-9._@-]`.
    package init?(_ text: String) {
        guard isIdentityText(text, longest: 64) else { return nil }
        self.text = text
    }
}

/// One device of a user, named by the client: same characters and length as a user id.
package struct DeviceID: TextIdentity {
    package let text: String
    package init(unchecked text: String) { self.text = text }

    /// `nil` unless `text` has 1 to 64 characters of `[A-Za-z0-9._@-]`.
    package init?(_ text: String) {
        guard isIdentityText(text, longest: 64) else { return nil }
        self.text = text
    }
}

/// The client's own name of a send, 1 to 64 bytes; the dedup scope is (conversation, sender, this).
package struct ClientMessageID: TextIdentity {
    package let text: String
    package init(unchecked text: String) { self.text = text }

    /// `nil` when empty or longer than 64 bytes of UTF-8.
    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count) else { return nil }
        self.text = text
    }
}

private func isIdentityText(_ text: String, longest: Int) -> Bool {
    let bytes = text.utf8
    guard (1...longest).contains(bytes.count) else { return false }
    return bytes.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "@"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
