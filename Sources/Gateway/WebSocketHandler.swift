import ClientSession
import NIOCore
import NIOWebSocket

/// Between the frames of one channel and its connection: fragments, control frames, broken framing.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let connection: ClientConnection
    private let hub: LoopHub
    private let bytesMax: Int
    /// The message so far, while its fragments arrive.
    private var fragments: [UInt8]?

    init(connection: ClientConnection, hub: LoopHub, bytesMax: Int) {
        self.connection = connection
        self.hub = hub
        self.bytesMax = bytesMax
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        // Clients mask, and no extension was agreed on.
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return violated() }
        switch frame.opcode {
        case .text: text(frame)
        case .continuation: continuation(frame)
        case .ping:
            let payload = frame.unmaskedData
            connection.assumeIsolated { $0.pong(payload) }
        case .pong: connection.assumeIsolated { $0.heard() }
        case .connectionClose:
            let payload = frame.unmaskedData
            connection.assumeIsolated { $0.closedByClient(payload) }
        default: violated()
        }
    }

    private func text(_ frame: WebSocketFrame) {
        guard fragments == nil else { return violated() }
        guard frame.fin else {
            var bytes: [UInt8] = []
            frame.appendUnmasked(to: &bytes)
            fragments = bytes
            return
        }
        hub.scratch.removeAll(keepingCapacity: true)
        frame.appendUnmasked(to: &hub.scratch)
        deliver(hub.scratch)
        // One large frame must not keep its room for ever.
        if hub.scratch.capacity > 65_536 { hub.scratch = [] }
    }

    private func continuation(_ frame: WebSocketFrame) {
        guard var bytes = fragments else { return violated() }
        fragments = nil
        guard bytes.count + frame.data.readableBytes <= bytesMax else { return tooBig() }
        frame.appendUnmasked(to: &bytes)
        if frame.fin { deliver(bytes) } else { fragments = bytes }
    }

    private func deliver(_ bytes: [UInt8]) {
        connection.assumeIsolated { connection in
            bytes.withUnsafeBufferPointer { connection.received($0) }
        }
    }

    private func violated() { connection.assumeIsolated { $0.violated() } }

    private func tooBig() {
        connection.assumeIsolated { $0.end(code: CloseCode.tooBig, reason: "frame too large") }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.readComplete() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        connection.assumeIsolated { $0.writabilityChanged(isWritable) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.inactive() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOWebSocketError.invalidFrameLength: tooBig()
        case is NIOWebSocketError: violated()
        default: context.close(promise: nil)
        }
    }
}
