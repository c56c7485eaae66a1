import CLZ4

/// LZ4 blocks without a frame: the log's records carry both lengths themselves.
enum LZ4 {
    /// `bytes` compressed to fewer than `limit` bytes; `nil` when they do not shrink that far.
    static func compress(_ bytes: [UInt8], below limit: Int) -> [UInt8]? {
        guard limit > 1, bytes.count <= LZ4_MAX_INPUT_SIZE else { return nil }
        let packed = [UInt8](unsafeUninitializedCapacity: limit - 1) { buffer, count in
            let written = bytes.withUnsafeBytes { input in
                LZ4_compress_default(
                    input.bindMemory(to: CChar.self).baseAddress,
                    UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self),
                    Int32(bytes.count), Int32(limit - 1))
            }
            count = max(0, Int(written))
        }
        return packed.isEmpty ? nil : packed
    }

    /// The original bytes; `nil` unless `packed` is a block of exactly `count` bytes.
    static func decompress(_ packed: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        guard count <= LZ4_MAX_INPUT_SIZE, packed.count <= LZ4_MAX_INPUT_SIZE else { return nil }
        var isWhole = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            let result = LZ4_decompress_safe(
                packed.bindMemory(to: CChar.self).baseAddress,
                UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self),
                Int32(packed.count), Int32(count))
            isWhole = Int(result) == count
            written = max(0, Int(result))
        }
        return isWhole ? bytes : nil
    }
}
