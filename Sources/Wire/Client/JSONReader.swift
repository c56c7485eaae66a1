/// A strict RFC 8259 reader over UTF-8 bytes, for one pass: objects are walked key by key, so that a caller who
/// knows its fields builds no tree.
///
/// Holds a pointer and lives only inside the closure that lends it.
package struct JSONReader {
    /// Values inside each other, the outermost included.
    package static let depthMax = 32

    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0
    private var depth = 0

    package init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Parses one whole text.
    package static func parse(_ text: [UInt8]) throws(JSONFailure) -> JSONValue {
        try withBytes(text) { bytes throws(JSONFailure) in
            var reader = JSONReader(bytes)
            let value = try reader.value()
            try reader.finish()
            return value
        }
    }

    /// Lends the bytes of an array with a typed error.
    package static func withBytes<T, Failure: Error>(
        _ text: [UInt8], _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> T
    ) throws(Failure) -> T {
        let outcome = text.withUnsafeBufferPointer { bytes -> Result<T, Failure> in
            do throws(Failure) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    func failure(_ reason: JSONFailure.Reason) -> JSONFailure { JSONFailure(reason: reason, offset: offset) }

    /// The next byte after white space, not consumed.
    mutating func peek() throws(JSONFailure) -> UInt8 {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            offset += 1
        }
        throw failure(.truncated)
    }

    private mutating func expect(_ byte: UInt8) throws(JSONFailure) {
        let found = try peek()
        guard found == byte else { throw failure(.unexpectedByte(found)) }
        offset += 1
    }

    /// Throws unless only white space is left.
    package mutating func finish() throws(JSONFailure) {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                throw failure(.trailingBytes)
            }
            offset += 1
        }
    }

    /// Enters an object; `nextKey` then hands out its keys.
    package mutating func enterObject() throws(JSONFailure) {
        try expect(UInt8(ascii: "{"))
        try descend()
    }

    /// The next key, positioned before its value; `nil` after the last one, with the object left.
    package mutating func nextKey(isFirst: Bool) throws(JSONFailure) -> JSONText? {
        guard try nextElement(isFirst: isFirst, closing: UInt8(ascii: "}")) else { return nil }
        let found = try peek()
        guard found == UInt8(ascii: "\"") else { throw failure(.unexpectedByte(found)) }
        let key = try text()
        try expect(UInt8(ascii: ":"))
        return key
    }

    private mutating func descend() throws(JSONFailure) {
        guard depth < Self.depthMax else { throw failure(.tooDeep) }
        depth += 1
    }

    /// Steps over the comma, or over the closing byte: then false.
    private mutating func nextElement(isFirst: Bool, closing: UInt8) throws(JSONFailure) -> Bool {
        let found = try peek()
        if found == closing {
            offset += 1
            depth -= 1
            return false
        }
        if isFirst { return true }
        try expect(UInt8(ascii: ","))
        return true
    }

    package mutating func value() throws(JSONFailure) -> JSONValue {
        switch try peek() {
        case UInt8(ascii: "\""): return .string(try string(of: try text()))
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default: return try number()
        }
    }

    private mutating func object() throws(JSONFailure) -> JSONObject {
        try enterObject()
        var object = JSONObject()
        while let key = try nextKey(isFirst: object.members.isEmpty) {
            object.members.append(.init(name: try string(of: key), value: try value()))
        }
        return object
    }

    private mutating func array() throws(JSONFailure) -> [JSONValue] {
        try expect(UInt8(ascii: "["))
        try descend()
        var values: [JSONValue] = []
        while try nextElement(isFirst: values.isEmpty, closing: UInt8(ascii: "]")) {
            values.append(try value())
        }
        return values
    }

    /// Checks a value without keeping it.
    package mutating func skipValue() throws(JSONFailure) {
        switch try peek() {
        case UInt8(ascii: "\""): _ = try string(of: try text())
        case UInt8(ascii: "{"):
            try enterObject()
            var isFirst = true
            while let key = try nextKey(isFirst: isFirst) {
                _ = try string(of: key)
                try skipValue()
                isFirst = false
            }
        case UInt8(ascii: "["):
            try expect(UInt8(ascii: "["))
            try descend()
            var isFirst = true
            while try nextElement(isFirst: isFirst, closing: UInt8(ascii: "]")) {
                try skipValue()
                isFirst = false
            }
        default: _ = try value()
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONFailure) {
        for place in 0..<word.utf8CodeUnitCount {
            guard offset < bytes.count else { throw failure(.truncated) }
            guard bytes[offset] == word.utf8Start[place] else {
                throw failure(.unexpectedByte(bytes[offset]))
            }
            offset += 1
        }
    }
}
