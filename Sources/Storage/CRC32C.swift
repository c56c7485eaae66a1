/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes at a time (Kounavis and Berry, 2005).
package struct CRC32C: Sendable {
    private var state: UInt32

    /// - Parameter seed: the checksum of what comes before; checksums of two parts chain to that of the whole.
    package init(seed: UInt32 = 0) { state = ~seed }

    package var value: UInt32 { ~state }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard var cursor = bytes.baseAddress else { return }
        var left = bytes.count
        var crc = state
        let table = tables
        while left >= 8 {
            let word = UInt64(littleEndian: cursor.loadUnaligned(as: UInt64.self))
            let low = UInt32(truncatingIfNeeded: word) ^ crc
            let high = UInt32(truncatingIfNeeded: word >> 32)
            crc = table[7 << 8 | Int(low & 0xFF)] ^ table[6 << 8 | Int(low >> 8 & 0xFF)]
            crc ^= table[5 << 8 | Int(low >> 16 & 0xFF)] ^ table[4 << 8 | Int(low >> 24)]
            crc ^= table[3 << 8 | Int(high & 0xFF)] ^ table[2 << 8 | Int(high >> 8 & 0xFF)]
            crc ^= table[1 << 8 | Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
            cursor += 8
            left -= 8
        }
        while left > 0 {
            crc = table[Int((crc ^ UInt32(cursor.load(as: UInt8.self))) & 0xFF)] ^ (crc >> 8)
            cursor += 1
            left -= 1
        }
        state = crc
    }

    package mutating func update(_ bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            update(Array(bytes))
        }
    }

    /// The checksum of `bytes` alone.
    package static func checksum(_ bytes: some Collection<UInt8>, seed: UInt32 = 0) -> UInt32 {
        var crc = CRC32C(seed: seed)
        crc.update(bytes)
        return crc.value
    }
}

/// Eight tables of 256: table k gives the effect of a byte that is followed by k zero bytes.
///
/// Filled once and never freed; a plain pointer because array bounds checks cost half the speed.
private nonisolated(unsafe) let tables: UnsafePointer<UInt32> = {
    let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
    for byte in 0..<256 {
        var crc = UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        tables[byte] = crc
    }
    for place in 256..<8 * 256 {
        let before = tables[place - 256]
        tables[place] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return UnsafePointer(tables)
}()
