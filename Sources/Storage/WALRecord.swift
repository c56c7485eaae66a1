import Vocabulary
import Wire

/// The frame around one batch of log items.
///
/// Layout, little-endian: mark u32, stored length u32 (bytes of payload as stored, before padding), raw
/// length u32 (before compression), flags u32, segment u64, batch u64, previous CRC u32, CRC-32C u32; then the
/// payload, padded with zeros to eight bytes. The CRC covers all of it but itself, seeded with the segment's
/// salt. `previous CRC` chains the records: none can be lost or repeated unnoticed.
struct WALRecord: Hashable, Sendable {
    static let headerBytes = 40
    static let alignment = 8
    private static let magic: UInt32 = 0xA7C3_5E1D
    static let compressedFlag: UInt32 = 1
    static let crcOffset = 36

    var storedBytes: Int
    var rawBytes: Int
    var flags: UInt32
    var segment: UInt64
    var batch: UInt64
    var previousCRC: UInt32
    var crc: UInt32

    /// The first word of a record. It depends on the salt, so that a search for records in damaged bytes meets
    /// none that a client made up.
    static func mark(salt: UInt32) -> UInt32 { magic ^ salt }

    /// Bytes on disk.
    var byteCount: Int { Self.byteCount(storedBytes: storedBytes) }

    static func byteCount(storedBytes: Int) -> Int {
        (headerBytes + storedBytes + alignment - 1) & ~(alignment - 1)
    }

    /// The bytes on disk that a record's header at `offset` speaks of, whether they are there or not; `nil` without one.
    static func claimedBytes(_ bytes: UnsafeRawBufferPointer, at offset: Int, salt: UInt32) -> Int? {
        guard offset + headerBytes <= bytes.count, word(bytes, offset) == mark(salt: salt) else { return nil }
        return byteCount(storedBytes: Int(word(bytes, offset + 4)))
    }

    /// The record at `offset`, whole and with the right checksum; `nil` otherwise.
    static func read(_ bytes: UnsafeRawBufferPointer, at offset: Int, salt: UInt32) -> WALRecord? {
        guard offset + headerBytes <= bytes.count, word(bytes, offset) == mark(salt: salt) else { return nil }
        let record = WALRecord(
            storedBytes: Int(word(bytes, offset + 4)), rawBytes: Int(word(bytes, offset + 8)),
            flags: word(bytes, offset + 12), segment: long(bytes, offset + 16),
            batch: long(bytes, offset + 24), previousCRC: word(bytes, offset + 32),
            crc: word(bytes, offset + crcOffset))
        guard record.byteCount <= bytes.count - offset else { return nil }
        let whole = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + record.byteCount])
        #if MUTANTS
        if Mutant.active == .checksumIgnored { return record }
        #endif
        return checksum(whole, salt: salt) == record.crc ? record : nil
    }

    /// The checksum of a whole record, its own CRC field left out.
    static func checksum(_ record: UnsafeRawBufferPointer, salt: UInt32) -> UInt32 {
        var crc = CRC32C(seed: salt)
        crc.update(UnsafeRawBufferPointer(rebasing: record[..<crcOffset]))
        crc.update(UnsafeRawBufferPointer(rebasing: record[headerBytes...]))
        return crc.value
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    private static func long(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
