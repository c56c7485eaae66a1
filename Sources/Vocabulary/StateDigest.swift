/// A running hash over every write of one group's state machine, in the order in which apply made them: replicas
/// that applied the same log have the same digest, whatever entries they happened to apply together (rule R4).
///
/// It is for accidents, not for attacks: 64 bits, no key, a few cycles for every eight bytes.
package struct StateDigest: Hashable, Sendable, CustomStringConvertible {
    package private(set) var raw: UInt64

    package init(_ raw: UInt64 = 0) { self.raw = raw }

    package static let zero = StateDigest()

    /// 16 hex digits.
    package var description: String {
        let digits = String(raw, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Takes a write in; `nil` is a removal.
    package mutating func add(_ key: [UInt8], _ value: [UInt8]?) {
        add(key)
        if let value { add(value) } else { mix(0xFFFF_FFFF_FFFF_FFFF) }
    }

    package mutating func add(_ bytes: [UInt8]) {
        mix(UInt64(bytes.count))
        bytes.withUnsafeBytes { buffer in
            var place = 0
            while place + 8 <= buffer.count {
                mix(UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
                place += 8
            }
            guard place < buffer.count else { return }
            var rest: UInt64 = 0
            for byte in buffer[place...] { rest = rest << 8 | UInt64(byte) }
            mix(rest)
        }
    }

    private mutating func mix(_ word: UInt64) {
        raw = (raw ^ word) &* 0x9FB2_1C65_1E98_DF25
        raw ^= raw >> 29
    }
}

/// The digest that a replica had when it had applied exactly the entries up to `index`.
package struct StateMark: Hashable, Sendable {
    package var index: LogIndex
    package var digest: StateDigest

    package init(index: LogIndex, digest: StateDigest) {
        self.index = index
        self.digest = digest
    }

    /// Every replica notes its digest at the same indices: every 256th entry, of group 0 every 16th.
    package static func isDue(at index: LogIndex, of group: GroupID, every entries: UInt64 = 256) -> Bool {
        index.raw % (group == .metadata ? max(1, entries / 16) : entries) == 0
    }
}

/// What a group's state was at an index, by those who have it there: whoever has another one has diverged (rule R4).
package struct StateVerdict: Hashable, Sendable {
    package var mark: StateMark
    /// A majority of the voters has it. Otherwise no majority can agree any more, and the leader's state counts.
    package var isByMajority: Bool

    package init(mark: StateMark, isByMajority: Bool) {
        self.mark = mark
        self.isByMajority = isByMajority
    }
}
