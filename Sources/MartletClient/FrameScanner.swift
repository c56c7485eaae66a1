/// Walks the members of one JSON object in place: no tree, no copy, no allocation.
///
/// Made for the server's frames, most of which are flat. It checks structure, not every rule of RFC 8259: what a
/// server of this project sends is valid, and a broken frame ends in `nil` or in a missing field, never out of
/// bounds. A key written with escapes is not recognised.
package struct FrameScanner {
    /// One value: where its bytes are, without the quotes of a string.
    package struct Value {
        package enum Kind: UInt8 { case string, escapedString, number, literal, nested }
        package let kind: Kind
        package let start: Int
        package let end: Int

        package var count: Int { end - start }
    }

    package let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var isFirst = true

    /// `nil` unless the bytes begin an object.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        skipSpace()
        guard take(UInt8(ascii: "{")) else { return nil }
    }

    /// The next member, or `nil` at the end of the object or where the text is broken.
    package mutating func next() -> (key: Value, value: Value)? {
        skipSpace()
        if !isFirst {
            guard take(UInt8(ascii: ",")) else { return nil }
            skipSpace()
        }
        isFirst = false
        guard let key = string() else { return nil }
        skipSpace()
        guard take(UInt8(ascii: ":")) else { return nil }
        skipSpace()
        guard let value = value() else { return nil }
        return (key, value)
    }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func string() -> Value? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        var isEscaped = false
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                return Value(kind: isEscaped ? .escapedString : .string, start: start, end: position - 1)
            }
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                position += 1
            }
        }
        return nil
    }

    private mutating func value() -> Value? {
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "{"), UInt8(ascii: "["): return nested()
        case let first:
            let start = position
            while position < bytes.count, !isDelimiter(bytes[position]) { position += 1 }
            guard position > start else { return nil }
            let isNumber = first == UInt8(ascii: "-") || isDigit(first)
            return Value(kind: isNumber ? .number : .literal, start: start, end: position)
        }
    }

    /// An object or array as a whole; brackets inside strings do not count.
    private mutating func nested() -> Value? {
        let start = position
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                guard string() != nil else { return nil }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            position += 1
            if depth == 0 { return Value(kind: .nested, start: start, end: position) }
        }
        return nil
    }
}

private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

private func isDelimiter(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
}

extension FrameScanner {
    /// True when the value's bytes are exactly `text`.
    package func equals(_ value: Value, _ text: StaticString) -> Bool {
        guard value.count == text.utf8CodeUnitCount else { return false }
        let other = text.utf8Start
        for offset in 0..<value.count where bytes[value.start + offset] != other[offset] { return false }
        return true
    }

    /// The value as an integer; `nil` unless it is one and fits.
    package func integer(_ value: Value) -> Int64? {
        guard value.kind == .number else { return nil }
        var index = value.start
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard index < value.end else { return nil }
        var result: Int64 = 0
        while index < value.end {
            guard isDigit(bytes[index]) else { return nil }
            let (product, overflowed) = result.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int64(bytes[index] - UInt8(ascii: "0")))
            guard !overflowed, !carried else { return nil }
            result = sum
            index += 1
        }
        return isNegative ? -result : result
    }

    /// The value's text with escapes resolved; `nil` unless it is a string.
    package func text(_ value: Value) -> String? {
        let slice = UnsafeRawBufferPointer(rebasing: bytes[value.start..<value.end])
        switch value.kind {
        case .string: return String(decoding: slice, as: UTF8.self)
        case .escapedString: return unescaped(slice)
        default: return nil
        }
    }

    /// The bytes of the value as they stand.
    package func raw(_ value: Value) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[value.start..<value.end]), as: UTF8.self)
    }
}

/// Resolves RFC 8259 escapes, surrogate pairs included; a lone surrogate becomes U+FFFD.
private func unescaped(_ bytes: UnsafeRawBufferPointer) -> String {
    var units: [UInt8] = []
    units.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
        let byte = bytes[index]
        index += 1
        guard byte == UInt8(ascii: "\\"), index < bytes.count else {
            units.append(byte)
            continue
        }
        let escape = bytes[index]
        index += 1
        switch escape {
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "u"): units.append(contentsOf: String(escapedScalar(bytes, &index)).utf8)
        default: units.append(escape)
        }
    }
    return String(decoding: units, as: UTF8.self)
}

/// The scalar of `\uXXXX` or of a pair; `index` is behind the `u` and ends behind the last digit used.
private func escapedScalar(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Unicode.Scalar {
    let replacement: Unicode.Scalar = "\u{FFFD}"
    guard let high = fourHexDigits(bytes, at: index) else { return replacement }
    index += 4
    guard high & 0xFC00 == 0xD800 else { return Unicode.Scalar(high) ?? replacement }
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
        let low = fourHexDigits(bytes, at: index + 2), low & 0xFC00 == 0xDC00
    else { return replacement }
    index += 6
    return Unicode.Scalar(0x10000 + (high & 0x3FF) << 10 + low & 0x3FF) ?? replacement
}

private func fourHexDigits(_ bytes: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
    guard start + 4 <= bytes.count else { return nil }
    var value: UInt32 = 0
    for offset in 0..<4 {
        let digit: UInt8
        switch bytes[start + offset] {
        case let byte where isDigit(byte): digit = byte - UInt8(ascii: "0")
        case let byte where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte):
            digit = byte - UInt8(ascii: "a") + 10
        case let byte where (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte):
            digit = byte - UInt8(ascii: "A") + 10
        default: return nil
        }
        value = value << 4 | UInt32(digit)
    }
    return value
}
