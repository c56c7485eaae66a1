import Vocabulary

/// Why bytes are not what their schema says.
package enum DecodingFailure: Error, Hashable, Sendable {
    /// The bytes end inside a field.
    case truncated
    /// A varint is longer than ten bytes or does not fit the field.
    case varintOverflow
    /// Text is not UTF-8.
    case invalidUTF8
    /// A tag, flag or value is not one that this version knows.
    case unknown(field: StaticStringText, value: UInt64)
    /// A count or length is larger than the bytes that are left, or than its limit.
    case lengthOutOfRange
    /// Bytes are left over after the last field.
    case trailingBytes
}

/// The name of a field in a failure: a constant text that can be compared.
package struct StaticStringText: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let description: String
    package init(stringLiteral value: String) { description = value }
}

/// Reads what `ByteWriter` writes. Every length is checked against the bytes left before anything is
/// allocated, so hostile input costs at most its own size.
package struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var offset: Int

    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }

    package var remaining: Int { bytes.endIndex - offset }
    package var isAtEnd: Bool { remaining == 0 }

    /// Throws unless everything was read.
    package func finish() throws(DecodingFailure) {
        guard isAtEnd else { throw .trailingBytes }
    }

    package mutating func u8() throws(DecodingFailure) -> UInt8 {
        guard offset < bytes.endIndex else { throw .truncated }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func bool() throws(DecodingFailure) -> Bool {
        switch try u8() {
        case 0: return false
        case 1: return true
        case let other: throw .unknown(field: "bool", value: UInt64(other))
        }
    }

    package mutating func u32() throws(DecodingFailure) -> UInt32 {
        UInt32(truncatingIfNeeded: try fixed(4).byteSwapped >> 32)
    }

    package mutating func u64() throws(DecodingFailure) -> UInt64 { try fixed(8).byteSwapped }

    package mutating func u64BigEndian() throws(DecodingFailure) -> UInt64 { try fixed(8) }

    package mutating func u32BigEndian() throws(DecodingFailure) -> UInt32 {
        UInt32(truncatingIfNeeded: try fixed(4))
    }

    /// `count` bytes as a big-endian integer.
    private mutating func fixed(_ count: Int) throws(DecodingFailure) -> UInt64 {
        guard remaining >= count else { throw .truncated }
        var value: UInt64 = 0
        for place in offset..<offset + count { value = value << 8 | UInt64(bytes[place]) }
        offset += count
        return value
    }

    package mutating func varint() throws(DecodingFailure) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try u8()
            if shift == 63 && byte > 1 { throw .varintOverflow }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .varintOverflow }
        }
    }

    /// A varint that fits a 32-bit field.
    package mutating func varint32() throws(DecodingFailure) -> UInt32 {
        guard let value = UInt32(exactly: try varint()) else { throw .varintOverflow }
        return value
    }

    /// A varint used as a count or size; at most `max`.
    package mutating func length(max: Int = Int.max) throws(DecodingFailure) -> Int {
        guard let value = Int(exactly: try varint()), value <= max else { throw .lengthOutOfRange }
        return value
    }

    package mutating func counter<C: Counter64>(_: C.Type = C.self) throws(DecodingFailure) -> C {
        C(try varint())
    }

    package mutating func timestamp() throws(DecodingFailure) -> Timestamp {
        let zigzag = try varint()
        return Timestamp(Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1))
    }

    package mutating func identity<I: Identity128>(_: I.Type = I.self) throws(DecodingFailure) -> I {
        I(high: try u64BigEndian(), low: try u64BigEndian())
    }

    package mutating func blob(max: Int = Int.max) throws(DecodingFailure) -> [UInt8] {
        [UInt8](try slice(max: max))
    }

    /// A length-prefixed field without a copy.
    package mutating func slice(max: Int = Int.max) throws(DecodingFailure) -> ArraySlice<UInt8> {
        try raw(try length(max: max))
    }

    package mutating func text(max: Int = Int.max) throws(DecodingFailure) -> String {
        guard let text = String(validating: try slice(max: max), as: UTF8.self) else { throw .invalidUTF8 }
        return text
    }

    package mutating func textIdentity<I: TextIdentity>(_: I.Type = I.self) throws(DecodingFailure) -> I {
        I(unchecked: try text(max: 64))
    }

    /// The next `count` bytes.
    package mutating func raw(_ count: Int) throws(DecodingFailure) -> ArraySlice<UInt8> {
        guard count >= 0, remaining >= count else { throw .truncated }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    /// Everything that is left.
    package mutating func rest() -> ArraySlice<UInt8> {
        defer { offset = bytes.endIndex }
        return bytes[offset...]
    }

    package mutating func optional<T>(
        _ read: (inout ByteReader) throws(DecodingFailure) -> T
    ) throws(DecodingFailure) -> T? {
        try bool() ? try read(&self) : nil
    }

    /// A count, then that many elements; each takes at least one byte, so a count past the end is refused.
    package mutating func list<T>(
        max: Int = Int.max, _ read: (inout ByteReader) throws(DecodingFailure) -> T
    ) throws(DecodingFailure) -> [T] {
        let count = try length(max: max)
        guard count <= remaining else { throw .lengthOutOfRange }
        var values: [T] = []
        values.reserveCapacity(min(count, 1_024))
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }
}
