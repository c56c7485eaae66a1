/// A string of the text before decoding: its bytes between the quotation marks.
package struct JSONText {
    var range: Range<Int>
    /// False when the bytes are the string.
    var hasEscapes: Bool
    var isASCII: Bool
}

extension JSONReader {
    /// Scans a string, positioned at its first quotation mark.
    mutating func text() throws(JSONFailure) -> JSONText {
        offset += 1
        let start = offset
        var hasEscapes = false
        var anyByte: UInt8 = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return JSONText(
                    range: start..<offset - 1, hasEscapes: hasEscapes, isASCII: anyByte < 0x80)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                // Whatever is escaped is checked when the string is decoded; here only a quotation mark matters.
                offset += 1
                guard offset < bytes.count else { break }
            }
            guard bytes[offset] >= 0x20 else { throw failure(.controlCharacter) }
            anyByte |= byte
            offset += 1
        }
        throw failure(.truncated)
    }

    /// True when a key is this word.
    package func isKey(_ key: JSONText, _ word: StaticString) -> Bool {
        guard key.range.count == word.utf8CodeUnitCount, !key.hasEscapes else { return false }
        var place = 0
        while place < word.utf8CodeUnitCount {
            if bytes[key.range.lowerBound + place] != word.utf8Start[place] { return false }
            place += 1
        }
        return true
    }

    /// Decodes a scanned string.
    package func string(of text: JSONText) throws(JSONFailure) -> String {
        if text.hasEscapes { return try unescaped(text.range) }
        let part = UnsafeBufferPointer(rebasing: bytes[text.range])
        // Nothing to validate, and the generic validation is slow.
        if text.isASCII { return String(decoding: part, as: UTF8.self) }
        guard let string = String(validating: part, as: UTF8.self) else {
            throw JSONFailure(reason: .invalidUTF8, offset: text.range.lowerBound)
        }
        return string
    }

    private func unescaped(_ range: Range<Int>) throws(JSONFailure) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(range.count)
        var place = range.lowerBound
        while place < range.upperBound {
            let byte = bytes[place]
            place += 1
            guard byte == UInt8(ascii: "\\") else {
                decoded.append(byte)
                continue
            }
            let escape = bytes[place]
            place += 1
            if escape == UInt8(ascii: "u") {
                decoded.append(contentsOf: Array(String(try scalar(&place, below: range.upperBound)).utf8))
            } else if let plain = plainEscape(escape) {
                decoded.append(plain)
            } else {
                throw JSONFailure(reason: .badEscape, offset: place - 1)
            }
        }
        guard let string = String(validating: decoded, as: UTF8.self) else {
            throw JSONFailure(reason: .invalidUTF8, offset: range.lowerBound)
        }
        return string
    }

    private func plainEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }

    /// One scalar of one `\uXXXX` or of a surrogate pair of two, `place` behind the first `u`.
    private func scalar(_ place: inout Int, below end: Int) throws(JSONFailure) -> Unicode.Scalar {
        let first = try hexWord(&place, below: end)
        if let scalar = Unicode.Scalar(first) { return scalar }
        let isPair =
            first < 0xDC00 && place + 1 < end && bytes[place] == UInt8(ascii: "\\")
            && bytes[place + 1] == UInt8(ascii: "u")
        guard isPair else { throw JSONFailure(reason: .loneSurrogate, offset: place) }
        place += 2
        let second = try hexWord(&place, below: end)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw JSONFailure(reason: .loneSurrogate, offset: place) }
        return scalar
    }

    private func hexWord(_ place: inout Int, below end: Int) throws(JSONFailure) -> UInt32 {
        guard place + 4 <= end else { throw JSONFailure(reason: .badEscape, offset: place) }
        var value: UInt32 = 0
        for byte in bytes[place..<place + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw JSONFailure(reason: .badEscape, offset: place)
            }
            value = value << 4 | UInt32(digit)
        }
        place += 4
        return value
    }
}
