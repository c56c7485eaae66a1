import NIOCore
import NIOWebSocket

/// The frames a server writes; they are never masked (RFC 6455, section 5.1).
enum ServerOpcode: UInt8 {
    case text = 0x81
    case close = 0x88
    case pong = 0x8A
}

extension ByteBuffer {
    /// Appends one whole frame.
    mutating func writeServerFrame(_ opcode: ServerOpcode, _ payload: [UInt8]) {
        writeInteger(opcode.rawValue)
        if payload.count < 126 {
            writeInteger(UInt8(payload.count))
        } else if payload.count <= Int(UInt16.max) {
            writeInteger(UInt8(126))
            writeInteger(UInt16(payload.count))
        } else {
            writeInteger(UInt8(127))
            writeInteger(UInt64(payload.count))
        }
        writeBytes(payload)
    }
}

extension WebSocketFrame {
    /// Appends the payload, unmasked, without a copy in between.
    func appendUnmasked(to bytes: inout [UInt8]) {
        guard let key = maskKey else { return bytes.append(contentsOf: data.readableBytesView) }
        let mask = (key[0], key[1], key[2], key[3])
        let start = bytes.count
        bytes.append(contentsOf: data.readableBytesView)
        bytes.withUnsafeMutableBufferPointer { bytes in
            var place = start
            while place + 4 <= bytes.count {
                bytes[place] ^= mask.0
                bytes[place + 1] ^= mask.1
                bytes[place + 2] ^= mask.2
                bytes[place + 3] ^= mask.3
                place += 4
            }
            for rest in place..<bytes.count { bytes[rest] ^= key[(rest - start) & 3] }
        }
    }
}
