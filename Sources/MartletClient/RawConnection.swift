import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// Hears about one ``RawConnection``, always on its event loop.
package protocol RawConnectionDelegate: AnyObject {
    /// The upgrade succeeded; frames may be sent.
    func connectionOpened(_ connection: RawConnection)
    /// One whole text frame.
    func connection(_ connection: RawConnection, received text: ByteBuffer)
    /// Everything that one read brought has been handed over; replies are flushed after this.
    func connectionReadComplete(_ connection: RawConnection)
    /// The end, exactly once, also for a connection that never opened.
    func connection(_ connection: RawConnection, ended: RawConnection.End)
}

extension RawConnectionDelegate {
    package func connectionReadComplete(_ connection: RawConnection) {}
}

/// One WebSocket to a node, bound to one event loop: no task, no lock, no promise per frame.
///
/// It frames, masks, answers pings and batches: frames sent while a read is being handled leave in one write
/// after it; others leave at `flush()`. It does not reconnect, retry or time anything; ``MartletClient`` does.
/// Not Sendable on purpose: everything happens on the loop it was made for.
package final class RawConnection: ChannelInboundHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias OutboundOut = WebSocketFrame

    /// What to ask for.
    package struct Target: Sendable {
        package var endpoint: Endpoint
        /// Bearer token.
        package var token: String
        package var device: String
        package var cursor: String?
        /// The local address to connect from; `nil` leaves it to the system.
        package var source: SocketAddress?
        /// Runs on the new channel before anything is written, as to add a TLS handler.
        package var prepare: (@Sendable (any Channel) throws -> Void)?

        package init(
            endpoint: Endpoint, token: String, device: String, cursor: String? = nil,
            source: SocketAddress? = nil, prepare: (@Sendable (any Channel) throws -> Void)? = nil
        ) {
            self.endpoint = endpoint
            self.token = token
            self.device = device
            self.cursor = cursor
            self.source = source
            self.prepare = prepare
        }

        var path: String {
            "/v1/ws?device=\(device)" + (cursor.map { "&cursor=\($0)" } ?? "")
        }
    }

    /// Why a connection is over.
    package enum End {
        /// The node answered the upgrade with something else than 101.
        case refused(status: Int, body: String)
        /// It could not be reached, or the socket failed.
        case failed(any Error)
        /// It was open and ended; `code` is the WebSocket close code, `nil` without one.
        case closed(code: UInt16?)
    }

    /// The owner's own number for this connection.
    package let tag: Int
    package let eventLoop: any EventLoop
    /// Held until the end was reported.
    private var delegate: (any RawConnectionDelegate)?
    package private(set) var isOpen = false

    private let target: Target
    private var context: ChannelHandlerContext?
    private var channel: (any Channel)?
    private var closeCode: UInt16?
    private var hasEnded = false
    private var isReading = false
    private var needsFlush = false
    private var partial: ByteBuffer?
    private var maskState: UInt64

    /// Makes a connection that `open()` starts. Must be called on `eventLoop`, as everything else here.
    package init(
        to target: Target, tag: Int = 0, on eventLoop: any EventLoop, delegate: any RawConnectionDelegate
    ) {
        eventLoop.preconditionInEventLoop()
        self.target = target
        self.tag = tag
        self.eventLoop = eventLoop
        self.delegate = delegate
        maskState = .random(in: 1 ... .max)
    }

    /// Connects and upgrades; the delegate hears how it went.
    package func open() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read per wake-up: asking again mostly costs a system call that says "nothing".
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel) }
            }
        if let source = target.source { bootstrap = bootstrap.bind(to: source) }
        let endpoint = target.endpoint
        let future: EventLoopFuture<any Channel>
        if let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port) {
            future = bootstrap.connect(to: address)
        } else {
            future = bootstrap.connect(host: endpoint.host, port: endpoint.port)
        }
        future.whenFailure { bound.value.end(.failed($0)) }
    }

    /// Queues one text frame. It leaves after the current read, or at the next `flush()`.
    package func send(_ text: ByteBuffer) {
        write(WebSocketFrame(fin: true, opcode: .text, maskKey: nextMask(), data: text))
    }

    /// Writes out what `send` queued, in one system call where the kernel takes it.
    package func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    /// Stops or goes on reading from the socket.
    package func setReading(_ isOn: Bool) {
        try? channel?.syncOptions?.setOption(.autoRead, value: isOn)
        if isOn { channel?.read() }
    }

    /// Says goodbye and closes; the delegate hears the end.
    package func close() {
        if isOpen {
            var data = ByteBufferAllocator().buffer(capacity: 2)
            data.write(webSocketErrorCode: .normalClosure)
            write(WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: nextMask(), data: data))
            flush()
        }
        channel?.close(promise: nil)
    }

    private func write(_ frame: WebSocketFrame) {
        guard let context, isOpen else { return }
        context.write(wrapOutboundOut(frame), promise: nil)
        needsFlush = true
    }

    /// A new key for every frame (RFC 6455, section 5.3). SplitMix is enough: masks guard against intermediaries
    /// confused by a browser's script, which this is not.
    private func nextMask() -> WebSocketMaskingKey {
        maskState &+= 0x9E37_79B9_7F4A_7C15
        var z = maskState
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z ^= z >> 27
        return [
            UInt8(truncatingIfNeeded: z), UInt8(truncatingIfNeeded: z >> 8),
            UInt8(truncatingIfNeeded: z >> 16), UInt8(truncatingIfNeeded: z >> 24),
        ]
    }

    private func end(_ reason: End) {
        guard !hasEnded else { return }
        hasEnded = true
        isOpen = false
        context = nil
        channel = nil
        delegate?.connection(self, ended: reason)
        delegate = nil
    }
}

extension RawConnection {
    private func configure(_ channel: any Channel) throws {
        self.channel = channel
        try target.prepare?(channel)
        try EndpointSecurity(target.endpoint)?.add(to: channel)
        let handshake = HandshakeHandler(target: target) { [self] in end($0) }
        let boundHandshake = NIOLoopBound(handshake, eventLoop: eventLoop)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: 1 << 22) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                pipeline.removeHandler(boundHandshake.value, promise: nil)
                try pipeline.addHandler(bound.value)
            }
        }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHTTPClientHandlers(
            leftOverBytesStrategy: .forwardBytes,
            withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
        try pipeline.addHandler(handshake)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isOpen = true
        delegate?.connectionOpened(self)
        flush()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text where frame.fin && partial == nil: delegate?.connection(self, received: frame.data)
        case .text, .continuation: assemble(frame)
        case .ping: write(WebSocketFrame(fin: true, opcode: .pong, maskKey: nextMask(), data: frame.data))
        case .connectionClose:
            var data = frame.data
            closeCode = data.readInteger()
            write(WebSocketFrame(fin: true, opcode: .connectionClose, maskKey: nextMask(), data: frame.data))
            flush()
            context.close(promise: nil)
        default: break
        }
    }

    private func assemble(_ frame: WebSocketFrame) {
        var whole = partial ?? ByteBuffer()
        whole.writeImmutableBuffer(frame.data)
        guard frame.fin else {
            partial = whole
            return
        }
        partial = nil
        delegate?.connection(self, received: whole)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        delegate?.connectionReadComplete(self)
        flush()
    }

    package func channelInactive(context: ChannelHandlerContext) { end(.closed(code: closeCode)) }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(isOpen && closeCode == nil ? .failed(error) : .closed(code: closeCode))
        context.close(promise: nil)
    }
}

/// Sends the upgrade request and reports every answer that is no upgrade.
private final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let target: RawConnection.Target
    private let onEnd: (RawConnection.End) -> Void
    private var status = 0
    private var body = ""

    init(target: RawConnection.Target, onEnd: @escaping (RawConnection.End) -> Void) {
        self.target = target
        self.onEnd = onEnd
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers: HTTPHeaders = [
            "Host": target.endpoint.description, "Authorization": "Bearer \(target.token)",
        ]
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target.path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let part):
            if body.utf8.count < 4_096 { body += String(buffer: part) }
        case .end:
            onEnd(.refused(status: status, body: body))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd(status == 0 ? .failed(ChannelError.eof) : .refused(status: status, body: body))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        onEnd(.failed(error))
        context.close(promise: nil)
    }
}
