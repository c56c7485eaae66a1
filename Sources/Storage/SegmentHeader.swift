import Vocabulary
import Wire

/// The first bytes of every log segment: whose log it is and which segment.
///
/// Layout, little-endian: magic u64, version u32, salt u32, cluster 16 bytes, node 16 bytes, segment u64,
/// CRC-32C u32 of everything before it, u32 zero.
package struct SegmentHeader: Hashable, Sendable {
    package static let byteCount = 64
    /// The version of the segment and record layout.
    package static let version: UInt32 = 1
    private static let magic: UInt64 = 0x3130_4C41_574C_524D  // "MRLWAL01"

    package var cluster: ClusterID
    package var node: NodeID
    /// 1, 2, 3, ... without gaps.
    package var segment: UInt64
    /// Seeds the checksums of the segment's records, so that message bodies cannot imitate a record.
    package var salt: UInt32

    package init(cluster: ClusterID, node: NodeID, segment: UInt64, salt: UInt32 = 0) {
        self.cluster = cluster
        self.node = node
        self.segment = segment
        self.salt = salt
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: Self.byteCount)
        writer.u64(Self.magic)
        writer.u32(Self.version)
        writer.u32(salt)
        writer.identity(cluster)
        writer.identity(node)
        writer.u64(segment)
        writer.u32(CRC32C.checksum(writer.bytes))
        writer.u32(0)
        return writer.bytes
    }

    /// - Throws: `StorageCorruption` unless `bytes` begin with a header of this version.
    package init(decoding bytes: [UInt8], name: String) throws(StorageCorruption) {
        guard bytes.count >= Self.byteCount else {
            throw StorageCorruption(segment: name, offset: 0, reason: "shorter than a segment header")
        }
        var isNewer = false
        do {
            var reader = ByteReader(bytes[..<Self.byteCount])
            let magic = try reader.u64()
            let version = try reader.u32()
            salt = try reader.u32()
            cluster = try reader.identity()
            node = try reader.identity()
            segment = try reader.u64()
            let crc = try reader.u32()
            let isIntact = magic == Self.magic && crc == CRC32C.checksum(bytes[..<(Self.byteCount - 8)])
            isNewer = isIntact && version > Self.version
            guard isIntact, version == Self.version, try reader.u32() == 0 else {
                throw DecodingFailure.unknown(field: "segment header", value: UInt64(version))
            }
        } catch {
            let what = isNewer ? "is of a newer build" : "is damaged"
            var corruption = StorageCorruption(
                segment: name, offset: 0, reason: "the segment header \(what): \(error)")
            corruption.isOfNewerBuild = isNewer
            throw corruption
        }
    }

    /// The file name of a segment: 16 hexadecimal digits, so that names sort by age.
    package static func fileName(segment: UInt64) -> String {
        let digits = String(segment, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".wal"
    }
}
