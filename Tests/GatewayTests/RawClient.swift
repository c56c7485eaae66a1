import NIOCore
import NIOPosix

/// A TCP client that sees every byte: HTTP answers and WebSocket frames are taken apart by hand.
struct RawClient {
    typealias Socket = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// One frame of the server.
    struct Frame: Equatable {
        var opcode: UInt8
        var text: String
        var closeCode: UInt16?
    }

    /// One HTTP answer.
    struct Answer {
        var status: Int
        var body: String
    }

    private var bytes: [UInt8] = []
    private var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    static func connect<T>(
        _ port: Int, _ body: (inout RawClient) async throws -> T
    ) async throws -> T {
        let socket = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture { try Socket(wrappingChannelSynchronously: channel) }
            }
        return try await socket.executeThenClose { inbound, outbound in
            var client = RawClient(iterator: inbound.makeAsyncIterator(), outbound: outbound)
            return try await body(&client)
        }
    }

    private init(
        iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.iterator = iterator
        self.outbound = outbound
    }

    func write(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

    /// False at the end of the stream.
    private mutating func more() async throws -> Bool {
        guard let part = try await iterator.next() else { return false }
        bytes.append(contentsOf: part.readableBytesView)
        return true
    }

    mutating func request(
        _ method: String, _ path: String, token: String? = nil, headers: String = "", body: String = ""
    ) async throws -> Answer {
        try await request(method, path, token: token, headers: headers, bytes: Array(body.utf8))
    }

    mutating func request(
        _ method: String, _ path: String, token: String?, headers: String = "", bytes body: [UInt8]
    ) async throws -> Answer {
        let authorization = token.map { "authorization: Bearer \($0)\r\n" } ?? ""
        try await write(
            Array(
                "\(method) \(path) HTTP/1.1\r\nhost: x\r\n\(authorization)\(headers)content-length: \(body.count)\r\n\r\n"
                    .utf8) + body)
        return try await answer()
    }

    mutating func answer() async throws -> Answer {
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                let head = text[..<end.lowerBound]
                let status = Int(head.split(separator: " ")[1]) ?? 0
                let length =
                    head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                    .flatMap { Int($0.split(separator: " ")[1]) } ?? 0
                let headBytes = text[..<end.upperBound].utf8.count
                if bytes.count >= headBytes + length {
                    let body = String(decoding: bytes[headBytes..<headBytes + length], as: UTF8.self)
                    bytes.removeFirst(headBytes + length)
                    return Answer(status: status, body: body)
                }
            }
            guard try await more() else { return Answer(status: 0, body: "") }
        }
    }

    /// Opens a WebSocket.
    mutating func upgrade(_ path: String, token: String?) async throws -> Answer {
        try await request(
            "GET", path, token: token,
            headers:
                "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
    }

    /// Writes a masked frame.
    func send(_ text: String, first: UInt8 = 0x81) async throws {
        try await send(bytes: Array(text.utf8), first: first)
    }

    func send(bytes payload: [UInt8], first: UInt8 = 0x81) async throws {
        var frame = [first]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame.append(0x80 | 127)
            withUnsafeBytes(of: UInt64(payload.count).bigEndian) { frame.append(contentsOf: $0) }
        }
        let mask: [UInt8] = [1, 2, 3, 4]
        frame += mask
        frame += payload.enumerated().map { $1 ^ mask[$0 & 3] }
        try await write(frame)
    }

    /// The next frame; `nil` at the end of the stream.
    mutating func frame() async throws -> Frame? {
        while true {
            if bytes.count >= 2 {
                var head = 2
                var length = Int(bytes[1])
                if length == 126, bytes.count >= 4 {
                    head = 4
                    length = Int(bytes[2]) << 8 | Int(bytes[3])
                }
                if length != 126 || head == 4, bytes.count >= head + length {
                    let payload = Array(bytes[head..<head + length])
                    let opcode = bytes[0] & 15
                    bytes.removeFirst(head + length)
                    let code = opcode == 8 && length >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
                    return Frame(
                        opcode: opcode, text: String(decoding: payload, as: UTF8.self), closeCode: code)
                }
            }
            guard try await more() else { return nil }
        }
    }

    /// Frames until one of this type.
    mutating func frame(of type: String) async throws -> String? {
        while let frame = try await frame() {
            if frame.text.hasPrefix("{\"type\":\"\(type)\"") { return frame.text }
        }
        return nil
    }

    /// Frames until one with this in it.
    mutating func frame(containing text: String) async throws -> String? {
        while let frame = try await frame() {
            if frame.text.contains(text) { return frame.text }
        }
        return nil
    }

    /// The code of the close frame that ends the stream.
    mutating func closeCode() async throws -> UInt16? {
        while let frame = try await frame() {
            if let code = frame.closeCode { return code }
        }
        return nil
    }

    /// Everything up to and with `end`; empty when the stream ends before it.
    mutating func text(until end: String) async throws -> String {
        let end = Array(end.utf8)
        while true {
            if let range = bytes.firstRange(of: end) {
                let text = String(decoding: bytes[..<range.upperBound], as: UTF8.self)
                bytes.removeSubrange(..<range.upperBound)
                return text
            }
            guard try await more() else { return "" }
        }
    }
}
