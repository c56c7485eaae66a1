import Vocabulary
import Wire

/// Turns batches of log items into the bytes that are appended to a segment. Pure: the caller writes and syncs.
package struct WALEncoder: Sendable {
    /// A payload is compressed from this size on, when it shrinks below nine tenths.
    package static let compressionBytesMin = 4_096

    /// A batch's payload before it has a place in a segment.
    package struct Payload: Sendable {
        var bytes: [UInt8]
        var rawBytes: Int
        var isCompressed: Bool
        /// What the record will take on disk.
        package var recordBytes: Int { WALRecord.byteCount(storedBytes: bytes.count) }
    }

    /// The number that the next batch gets; the first ever is 1.
    package private(set) var nextBatch: UInt64
    /// The checksum of the batch before it; 0 before the first.
    package private(set) var previousCRC: UInt32
    private var header: SegmentHeader

    /// - Parameters:
    ///   - header: of the segment that is appended to.
    ///   - nextBatch: and `previousCRC`: from a `WALScan` when the log goes on.
    package init(header: SegmentHeader, nextBatch: UInt64 = 1, previousCRC: UInt32 = 0) {
        self.header = header
        self.nextBatch = nextBatch
        self.previousCRC = previousCRC
    }

    /// What follows goes to another segment.
    package mutating func rotate(to header: SegmentHeader) { self.header = header }

    /// One record, ready to be appended to the segment at a multiple of eight bytes.
    package mutating func encode(_ items: [LogItem]) -> [UInt8] { seal(Self.payload(of: items)) }

    package static func payload(of items: [LogItem]) -> Payload {
        var writer = ByteWriter(capacity: 64 + items.reduce(0) { $0 + $1.approximateBytes })
        writer.list(items) { $0.logItem($1) }
        let raw = writer.bytes
        if raw.count >= compressionBytesMin, let packed = LZ4.compress(raw, below: raw.count * 9 / 10) {
            return Payload(bytes: packed, rawBytes: raw.count, isCompressed: true)
        }
        return Payload(bytes: raw, rawBytes: raw.count, isCompressed: false)
    }

    /// Frames a payload as the next batch of the current segment.
    package mutating func seal(_ payload: Payload) -> [UInt8] {
        var writer = ByteWriter(capacity: payload.recordBytes)
        writer.u32(WALRecord.mark(salt: header.salt))
        writer.u32(UInt32(payload.bytes.count))
        writer.u32(UInt32(payload.rawBytes))
        writer.u32(payload.isCompressed ? WALRecord.compressedFlag : 0)
        writer.u64(header.segment)
        writer.u64(nextBatch)
        writer.u32(previousCRC)
        var crc = CRC32C(seed: header.salt)
        crc.update(writer.bytes)
        let padding = [UInt8](
            repeating: 0, count: payload.recordBytes - WALRecord.headerBytes - payload.bytes.count)
        crc.update(payload.bytes)
        crc.update(padding)
        writer.u32(crc.value)
        writer.raw(payload.bytes)
        writer.raw(padding)
        nextBatch += 1
        previousCRC = crc.value
        return writer.bytes
    }
}

extension LogItem {
    /// About what the item takes in memory and on disk: for bounds on queues and batches.
    package var approximateBytes: Int {
        switch self {
        case .entries(_, _, let entries): Self.bytes(of: entries)
        case .restated(let replica): 128 + Self.bytes(of: replica.entries)
        case .replicaCreated, .compacted, .snapshotApplied: 256
        case .hardState, .truncatedSuffix, .replicaBuried: 32
        }
    }

    private static func bytes(of entries: [LogEntry]) -> Int {
        entries.reduce(16) { total, entry in
            switch entry.payload {
            case .empty: total + 16
            case .configuration: total + 256
            case .command(let bytes): total + 24 + bytes.count
            }
        }
    }
}
