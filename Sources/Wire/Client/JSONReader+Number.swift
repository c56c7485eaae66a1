extension JSONReader {
    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    mutating func number() throws(JSONFailure) -> JSONValue {
        let start = offset
        let isNegative = bytes[offset] == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let firstDigit = offset
        try digits()
        if bytes[firstDigit] == UInt8(ascii: "0"), offset - firstDigit > 1 {
            throw failure(.unexpectedByte(bytes[firstDigit]))
        }
        var isInteger = true
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            try digits()
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-")
            {
                offset += 1
            }
            try digits()
        }
        if isInteger, let value = integer(firstDigit..<offset, isNegative: isNegative) {
            return .integer(value)
        }
        return try double(start..<offset)
    }

    private mutating func digits() throws(JSONFailure) {
        let start = offset
        while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) {
            offset += 1
        }
        guard offset == start else { return }
        throw offset < bytes.count ? failure(.unexpectedByte(bytes[offset])) : failure(.truncated)
    }

    /// `nil` when it does not fit.
    private func integer(_ range: Range<Int>, isNegative: Bool) -> Int64? {
        var value: Int64 = 0
        for byte in bytes[range] {
            let (tens, overflowsTens) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(byte - UInt8(ascii: "0"))
            // Summed on the side of its sign, so that the smallest integer fits too.
            let (next, overflows) =
                isNegative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
            if overflowsTens || overflows { return nil }
            value = next
        }
        return value
    }

    private func double(_ range: Range<Int>) throws(JSONFailure) -> JSONValue {
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw failure(.numberOutOfRange) }
        // Beyond 2^53 a double names more than one integer.
        if value.rounded() == value, value.magnitude <= 9_007_199_254_740_992 {
            return .integer(Int64(value))
        }
        return .number(value)
    }
}
