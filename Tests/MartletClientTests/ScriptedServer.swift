import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

@testable import MartletClient

/// A WebSocket server whose every answer is a test's script.
final class ScriptedServer: Sendable {
    /// What to do about one frame: texts to write, then perhaps a close frame, or the connection just breaks.
    struct Reply: Sendable {
        var texts: [String] = []
        var breaks = false
        var closeCode: Int?
    }

    /// Called with the number of the connection (from 1) and a frame; an empty frame means it has just opened.
    typealias Script = @Sendable (_ connection: Int, _ frame: String) -> Reply

    let endpoint: Endpoint
    private let channel: any Channel
    private let received: NIOLockedValueBox<[String]>

    /// Every frame that came, over all connections.
    var frames: [String] { received.withLockedValue { $0 } }

    private init(channel: any Channel, port: Int, received: NIOLockedValueBox<[String]>) {
        self.channel = channel
        self.received = received
        endpoint = Endpoint(host: "127.0.0.1", port: port)
    }

    static func start(_ script: @escaping Script) async throws -> ScriptedServer {
        let received = NIOLockedValueBox<[String]>([])
        let connections = NIOLockedValueBox(0)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: 1 << 20,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let number = connections.withLockedValue { count in
                        count += 1
                        return count
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ScriptHandler(number: number, script: script, received: received))
                }
            })
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedServer(channel: channel, port: channel.localAddress?.port ?? 0, received: received)
    }

    func stop() async throws { try await channel.close() }
}

private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let number: Int
    private let script: ScriptedServer.Script
    private let received: NIOLockedValueBox<[String]>

    init(number: Int, script: @escaping ScriptedServer.Script, received: NIOLockedValueBox<[String]>) {
        self.number = number
        self.script = script
        self.received = received
    }

    func handlerAdded(context: ChannelHandlerContext) { answer("", context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard frame.opcode == .text else { return }
        let text = String(buffer: frame.unmaskedData)
        received.withLockedValue { $0.append(text) }
        answer(text, context)
    }

    private func answer(_ text: String, _ context: ChannelHandlerContext) {
        let reply = script(number, text)
        for text in reply.texts {
            context.write(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text))),
                promise: nil)
        }
        if let code = reply.closeCode {
            var data = ByteBuffer()
            data.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: code))
            context.write(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)), promise: nil
            )
        }
        context.flush()
        if reply.breaks { context.close(promise: nil) }
    }
}
