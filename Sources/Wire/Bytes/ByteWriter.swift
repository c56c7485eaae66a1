import Vocabulary

/// Appends binary fields to a byte array: LEB128 varints, little-endian fixed integers, length-prefixed bytes.
///
/// The one writer behind every peer frame, log record and stored value of this package.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}
    package init(capacity: Int) { bytes.reserveCapacity(capacity) }

    package var count: Int { bytes.count }

    package mutating func u8(_ value: UInt8) { bytes.append(value) }

    package mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    package mutating func u32(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func u64(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Eight bytes, most significant first: keys that must sort by value.
    package mutating func u64BigEndian(_ value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Four bytes, most significant first: keys that must sort by value.
    package mutating func u32BigEndian(_ value: UInt32) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// An unsigned LEB128, 1 to 10 bytes.
    package mutating func varint(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    package mutating func varint(_ value: Int) { varint(UInt64(value)) }

    package mutating func counter(_ value: some Counter64) { varint(value.raw) }

    package mutating func timestamp(_ value: Timestamp) {
        // Zigzag, so that times before 1970 stay short and legal.
        varint(UInt64(bitPattern: (value.milliseconds << 1) ^ (value.milliseconds >> 63)))
    }

    package mutating func identity(_ value: some Identity128) {
        u64BigEndian(value.raw.high)
        u64BigEndian(value.raw.low)
    }

    /// A varint length, then the bytes.
    package mutating func blob(_ value: some Collection<UInt8>) {
        varint(value.count)
        bytes.append(contentsOf: value)
    }

    /// A varint length, then UTF-8.
    package mutating func text(_ value: String) {
        var value = value
        value.withUTF8 { utf8 in
            varint(utf8.count)
            bytes.append(contentsOf: utf8)
        }
    }

    package mutating func text(_ value: some TextIdentity) { text(value.text) }

    /// Bytes without a length.
    package mutating func raw(_ value: some Collection<UInt8>) { bytes.append(contentsOf: value) }

    /// A presence byte, then the value.
    package mutating func optional<T>(_ value: T?, _ write: (inout ByteWriter, T) -> Void) {
        bool(value != nil)
        if let value { write(&self, value) }
    }

    /// A varint count, then each element.
    package mutating func list<C: Collection>(_ values: C, _ write: (inout ByteWriter, C.Element) -> Void) {
        varint(values.count)
        for value in values { write(&self, value) }
    }
}

extension ByteWriter {
    /// Writes what `body` writes, preceded by its length as a little-endian u32.
    package mutating func lengthPrefixed(_ body: (inout ByteWriter) -> Void) {
        let start = bytes.count
        u32(0)
        body(&self)
        let length = UInt32(bytes.count - start - 4)
        for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(place))) }
    }
}
