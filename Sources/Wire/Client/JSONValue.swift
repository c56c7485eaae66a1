/// Why a text is not JSON (RFC 8259) within this server's bounds.
package struct JSONFailure: Error, Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The text ends inside a value.
        case truncated
        /// A byte that cannot stand here.
        case unexpectedByte(UInt8)
        /// A control character inside a string.
        case controlCharacter
        /// A backslash before something that is no escape.
        case badEscape
        /// Half of a surrogate pair without the other.
        case loneSurrogate
        case invalidUTF8
        /// A number that no `Int64` and no finite `Double` can hold.
        case numberOutOfRange
        /// More than `JSONReader.depthMax` values inside each other.
        case tooDeep
        /// Something follows the value.
        case trailingBytes
    }
    package var reason: Reason
    /// Bytes before the failure.
    package var offset: Int
}

/// Any JSON value.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// Every integral number that fits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of an object in the order of the text; of duplicate names the last one counts.
package struct JSONObject: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var name: String
        package var value: JSONValue
        package init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }
    package var members: [Member]
    package init(members: [Member] = []) { self.members = members }

    package subscript(name: String) -> JSONValue? {
        members.last { $0.name == name }?.value
    }
}
