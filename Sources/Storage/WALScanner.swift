import Vocabulary
import Wire

/// Reads segments back, oldest first, and tells a torn tail from corruption (rule D6).
///
/// The writer syncs every batch before it writes the next one, so at most the last record can be incomplete.
/// Bad bytes are a torn tail only when no valid record follows in their segment and nothing at all was written
/// to a later one. Everything else is damage to what was acknowledged, and the scan throws.
package struct WALScanner: Sendable {
    private let cluster: ClusterID
    private let node: NodeID
    private var result = WALScan()
    private var segmentExpected: UInt64?
    private var batchExpected: UInt64?
    /// What the torn tail is if a later segment turns out to be in use.
    private var torn: StorageCorruption?

    package init(cluster: ClusterID, node: NodeID) {
        self.cluster = cluster
        self.node = node
    }

    /// Scans all segments at once: names with contents, oldest first.
    ///
    /// A segment's bytes may end with its last record or go on with zeros.
    package static func scan(
        segments: [(name: String, bytes: [UInt8])], cluster: ClusterID, node: NodeID
    ) throws(StorageCorruption) -> WALScan {
        var scanner = WALScanner(cluster: cluster, node: node)
        var items: [LogItem] = []
        for segment in segments { items += try scanner.scan(name: segment.name, bytes: segment.bytes) }
        var scan = scanner.finish()
        scan.items = items
        return scan
    }

    /// The items of the next segment.
    ///
    /// - Parameter capacity: the file's bytes; those that are missing are zeros. By default none are missing.
    package mutating func scan(
        name: String, bytes: [UInt8], capacity: Int? = nil
    ) throws(StorageCorruption) -> [LogItem] {
        var bytes = bytes
        let header = try acceptHeader(of: bytes, name: name)
        let end = bytes.withUnsafeBytes { SegmentFile.contentEnd($0[...]) }
        guard end > SegmentHeader.byteCount else {
            acceptUnused(header)
            return []
        }
        #if MUTANTS
        if let torn, Mutant.active != .corruptionTruncated { throw torn }
        #else
        if let torn { throw torn }
        #endif
        var items: [LogItem] = []
        var offset = SegmentHeader.byteCount
        while let record = Self.record(in: &bytes, at: offset, capacity: capacity, salt: header.salt) {
            try acceptChain(record, header: header, name: name, offset: offset)
            items += try Self.items(of: record, in: bytes, at: offset, name: name)
            offset += record.byteCount
        }
        if offset < end { try acceptTear(in: bytes, at: offset, end: end, header: header, name: name) }
        result.unused = []
        result.last = header
        result.validLengthOfLast = offset
        result.tornEndOfLast = max(offset, end)
        return items
    }

    /// Where the log goes on. Call after the last segment.
    package func finish() -> WALScan { result }

    /// The last record's own last bytes can be zeros that were left out.
    private static func record(
        in bytes: inout [UInt8], at offset: Int, capacity: Int?, salt: UInt32
    ) -> WALRecord? {
        let claimed = bytes.withUnsafeBytes { WALRecord.claimedBytes($0, at: offset, salt: salt) }
        if let claimed, let capacity, offset + claimed <= capacity, offset + claimed > bytes.count {
            bytes += [UInt8](repeating: 0, count: offset + claimed - bytes.count)
        }
        return bytes.withUnsafeBytes { WALRecord.read($0, at: offset, salt: salt) }
    }

    private mutating func acceptHeader(
        of bytes: [UInt8], name: String
    ) throws(StorageCorruption) -> SegmentHeader {
        let header = try SegmentHeader(decoding: bytes, name: name)
        guard header.cluster == cluster, header.node == node else {
            throw StorageCorruption(
                segment: name, offset: 0,
                reason: "written by node \(header.node) of cluster \(header.cluster)")
        }
        if let segmentExpected, header.segment != segmentExpected {
            throw StorageCorruption(
                segment: name, offset: 0,
                reason: "is segment \(header.segment) where \(segmentExpected) belongs")
        }
        segmentExpected = header.segment + 1
        return header
    }

    private mutating func acceptUnused(_ header: SegmentHeader) {
        if result.last == nil { result.last = header } else { result.unused.append(header) }
    }

    /// A valid record must be the successor of the one before it; only the first of all has none to follow.
    private mutating func acceptChain(
        _ record: WALRecord, header: SegmentHeader, name: String, offset: Int
    ) throws(StorageCorruption) {
        let follows = batchExpected.map { record.batch == $0 && record.previousCRC == result.lastCRC } ?? true
        guard record.segment == header.segment, follows else {
            throw StorageCorruption(
                segment: name, offset: offset,
                reason: "batch \(record.batch) does not follow batch \(result.nextBatch - 1)")
        }
        batchExpected = record.batch + 1
        result.nextBatch = record.batch + 1
        result.lastCRC = record.crc
    }

    /// Takes bad bytes for a torn tail, unless a valid record follows them.
    private mutating func acceptTear(
        in bytes: [UInt8], at offset: Int, end: Int, header: SegmentHeader, name: String
    ) throws(StorageCorruption) {
        let later = bytes.withUnsafeBytes { Self.recordAfter(offset, in: $0, end: end, salt: header.salt) }
        #if MUTANTS
        if Mutant.active == .corruptionTruncated { return }
        #endif
        if let later {
            throw StorageCorruption(
                segment: name, offset: offset,
                reason: "a bad record, and batch \(later.batch) follows it")
        }
        torn = StorageCorruption(
            segment: name, offset: offset, reason: "a bad record, and a later segment is in use")
    }

    private static func recordAfter(
        _ offset: Int, in bytes: UnsafeRawBufferPointer, end: Int, salt: UInt32
    ) -> WALRecord? {
        let mark = WALRecord.mark(salt: salt).littleEndian
        var place = offset + WALRecord.alignment
        while place + WALRecord.headerBytes <= end {
            if bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self) == mark,
                let record = WALRecord.read(bytes, at: place, salt: salt)
            {
                return record
            }
            place += WALRecord.alignment
        }
        return nil
    }

    private static func items(
        of record: WALRecord, in bytes: [UInt8], at offset: Int, name: String
    ) throws(StorageCorruption) -> [LogItem] {
        let start = offset + WALRecord.headerBytes
        let stored = start..<start + record.storedBytes
        do throws(DecodingFailure) {
            var reader = ByteReader(bytes[stored])
            if record.flags == WALRecord.compressedFlag {
                let raw = bytes.withUnsafeBytes {
                    LZ4.decompress(UnsafeRawBufferPointer(rebasing: $0[stored]), count: record.rawBytes)
                }
                guard let raw else { throw DecodingFailure.truncated }
                reader = ByteReader(raw)
            } else if record.flags != 0 {
                throw DecodingFailure.unknown(field: "record flags", value: UInt64(record.flags))
            }
            let items = try reader.list { reader throws(DecodingFailure) in try reader.logItem() }
            try reader.finish()
            return items
        } catch {
            var corruption = StorageCorruption(
                segment: name, offset: offset, reason: "batch \(record.batch) cannot be read: \(error)")
            // The record's checksum is right.
            if case .unknown = error { corruption.isOfNewerBuild = true }
            throw corruption
        }
    }
}
