import Vocabulary

/// The part of the one key space that holds one generation of one group: keys begin with group and generation,
/// both u32 big-endian. The key that is only this prefix holds the applied index.
struct StateKeys: Hashable, Sendable {
    static let prefixBytes = 8

    let group: GroupID
    let generation: UInt32

    var prefix: [UInt8] { Self.bytes(UInt64(group.raw) << 32 | UInt64(generation)) }

    /// The first key after all of the generation's; empty when there is none.
    var end: [UInt8] {
        let (next, overflow) = (UInt64(group.raw) << 32 | UInt64(generation)).addingReportingOverflow(1)
        return overflow ? [] : Self.bytes(next)
    }

    init(group: GroupID, generation: UInt32) {
        self.group = group
        self.generation = generation
    }

    /// The generation that a stored key belongs to; `nil` for a key that is too short.
    init?(key: [UInt8]) {
        guard key.count >= Self.prefixBytes else { return nil }
        let raw = key[..<Self.prefixBytes].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        group = GroupID(UInt32(raw >> 32))
        generation = UInt32(truncatingIfNeeded: raw)
    }

    private static func bytes(_ raw: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: raw >> (56 - 8 * UInt64($0))) }
    }
}
