import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The handlers that a channel has for HTTP and loses when it becomes a WebSocket.
final class UpgradePipeline {
    private let encoder = HTTPResponseEncoder()
    private let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
    private let pipelining = HTTPServerPipelineHandler()

    /// Adds the HTTP handlers, without the front handler.
    func add(to pipeline: ChannelPipeline) throws {
        try pipeline.syncOperations.addHandlers([encoder, decoder, pipelining])
    }

    /// An event stream goes on writing HTTP: its encoder stays.
    func addEventStream(connection: ClientConnection, to pipeline: ChannelPipeline) throws {
        try pipeline.syncOperations.addHandler(EventStreamHandler(connection: connection))
    }

    /// First what reads, so that nothing more is taken for HTTP.
    func removeDecoders(from pipeline: ChannelPipeline) -> EventLoopFuture<Void> {
        let operations = pipeline.syncOperations
        return operations.removeHandler(pipelining).and(operations.removeHandler(decoder)).map { _ in }
    }

    /// Once the answer to the handshake is encoded.
    func removeEncoder(from pipeline: ChannelPipeline) {
        pipeline.syncOperations.removeHandler(encoder).whenFailure { _ in }
    }

    func addWebSocket(
        connection: ClientConnection, hub: LoopHub, bytesMax: Int, to pipeline: ChannelPipeline
    ) throws {
        try pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: bytesMax)),
            WebSocketHandler(connection: connection, hub: hub, bytesMax: bytesMax),
        ])
    }
}
