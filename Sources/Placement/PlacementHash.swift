import Vocabulary

/// The one hash that decides where a key lives: XXH64 with a seed that never changes.
///
/// Every node and every stored id depends on it, so it is part of the cluster's format: the seed and the
/// algorithm are fixed, and the tests hold golden values.
package enum PlacementHash {
    /// Part of the format; another value would send every key elsewhere.
    package static let seed: UInt64 = 0x6D61_7274_6C65_7431

    /// The placement hash of a key.
    package static func of(bytes: [UInt8]) -> UInt64 { XXH64.hash(bytes, seed: seed) }

    /// The placement hash of a key's UTF-8.
    package static func of(text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// The placement hash of an identity's sixteen bytes, in the order of its text.
    package static func of(id: UInt128ID) -> UInt64 {
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { XXH64.hash($0, seed: seed) }
    }

    /// The partition of a hash: its top bits, so that partitions are equal ranges of the hash space.
    ///
    /// - Parameter count: partitions of the cluster; a power of two, at most 2^31.
    package static func partition(hash: UInt64, count: Int) -> PartitionID {
        precondition(
            count > 0 && count & (count - 1) == 0 && count <= 1 << 31,
            "partition count must be a power of two, is \(count)")
        let bits = count.trailingZeroBitCount
        return bits == 0 ? PartitionID(0) : PartitionID(UInt32(hash >> UInt64(64 - bits)))
    }

    /// The lowest hash of a partition: where it sits on the ring.
    package static func start(of partition: PartitionID, count: Int) -> UInt64 {
        let bits = count.trailingZeroBitCount
        return bits == 0 ? 0 : UInt64(partition.raw) << UInt64(64 - bits)
    }
}
