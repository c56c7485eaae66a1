import NIOCore

/// Writes the client's frames as compact JSON.
package enum FrameText {
    package static let ping = ByteBuffer(string: #"{"type":"ping"}"#)

    /// A `send` of text; `timestamp` is the device's, in milliseconds since 1970.
    package static func send(
        to recipient: Recipient, text: String, clientMessageID: String, ref: String? = nil,
        timestamp: Int64
    ) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: text.utf8.count + 224)
        out.writeStaticString(#"{"type":"send","#)
        if let ref { out.writeMember("\"ref\":", ref) }
        out.writeMember("\"client_message_id\":", clientMessageID)
        switch recipient {
        case .user(let user):
            out.writeMember("\"recipient_id\":", user)
            out.writeStaticString(#""recipient_type":"user","#)
        case .group(let group):
            out.writeMember("\"recipient_id\":", group)
            out.writeStaticString(#""recipient_type":"group","#)
        }
        out.writeStaticString(#""timestamp":"#)
        out.writeDecimal(timestamp)
        out.writeStaticString(#","message_type":"text","content":"#)
        out.writeJSONString(text)
        out.writeStaticString("}")
        return out
    }

    /// A receipt for everything up to `seq`. With `ref` the server answers `ok`.
    package static func status(
        _ status: Receipt.Status, conversationID: String, upTo seq: UInt64, ref: String? = nil
    ) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: 144)
        out.writeStaticString(#"{"type":"status","#)
        if let ref { out.writeMember("\"ref\":", ref) }
        out.writeMember("\"status\":", status.rawValue)
        out.writeMember("\"conversation_id\":", conversationID)
        out.writeStaticString(#""up_to_seq":"#)
        out.writeDecimal(Int64(clamping: seq))
        out.writeStaticString("}")
        return out
    }

    package static func presence(subscribe: Bool, userIDs: [String]) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: 64 + userIDs.count * 24)
        out.writeStaticString(
            subscribe ? #"{"type":"presence_subscribe","# : #"{"type":"presence_unsubscribe","#)
        out.writeStaticString(#""user_ids":["#)
        for (index, user) in userIDs.enumerated() {
            if index > 0 { out.writeStaticString(",") }
            out.writeJSONString(user)
        }
        out.writeStaticString("]}")
        return out
    }

    package static func typing(conversationID: String, hasStarted: Bool) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: 96)
        out.writeStaticString(#"{"type":"typing","#)
        out.writeMember("\"conversation_id\":", conversationID)
        out.writeStaticString(hasStarted ? #""state":"started"}"# : #""state":"stopped"}"#)
        return out
    }
}

extension ByteBuffer {
    /// Writes `name` (quoted, with its colon), the quoted value and a comma.
    fileprivate mutating func writeMember(_ name: StaticString, _ value: String) {
        writeStaticString(name)
        writeJSONString(value)
        writeStaticString(",")
    }

    /// Writes a quoted JSON string, escaping only what RFC 8259 demands.
    package mutating func writeJSONString(_ text: String) {
        writeInteger(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            writeString(text)
        } else {
            for byte in text.utf8 { writeEscaped(byte) }
        }
        writeInteger(UInt8(ascii: "\""))
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): writeStaticString("\\\"")
        case UInt8(ascii: "\\"): writeStaticString("\\\\")
        case 0x0A: writeStaticString("\\n")
        case 0x0D: writeStaticString("\\r")
        case 0x09: writeStaticString("\\t")
        case 0..<0x20:
            writeStaticString("\\u00")
            writeInteger(hexDigit(byte >> 4))
            writeInteger(hexDigit(byte & 15))
        default: writeInteger(byte)
        }
    }

    package mutating func writeDecimal(_ value: Int64) {
        writeString(String(value))
    }
}

private func hexDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? nibble + UInt8(ascii: "0") : nibble - 10 + UInt8(ascii: "a")
}
