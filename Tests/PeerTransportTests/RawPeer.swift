import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Vocabulary
import Wire

@testable import PeerTransport

/// A socket that speaks whatever the test wants.
struct RawPeer: Sendable {
    let channel: any Channel
    private let frames: AsyncStream<PeerFrame>

    static func dial(_ address: PeerAddress, on loop: any EventLoop) async throws -> RawPeer {
        let (frames, sink) = AsyncStream<PeerFrame>.makeStream()
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        PeerFrameHandler(), Collector(sink: sink),
                    ])
                }
            }
            .connect(host: address.host, port: address.port).get()
        return RawPeer(channel: channel, frames: frames)
    }

    /// The next frame of the other side; `nil` after it has closed.
    func next() async -> PeerFrame? {
        var iterator = frames.makeAsyncIterator()
        return await iterator.next()
    }

    func write(_ frame: PeerFrame) { channel.writePeerFrame(frame) }

    func write(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = [PeerFrame]
        private let sink: AsyncStream<PeerFrame>.Continuation
        init(sink: AsyncStream<PeerFrame>.Continuation) { self.sink = sink }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            for frame in unwrapInboundIn(data) { sink.yield(frame) }
        }
        func channelInactive(context: ChannelHandlerContext) { sink.finish() }
    }
}

/// The answering side of a link that lets everybody in and says nothing more.
final class MuteAnswerer: ChannelInboundHandler {
    typealias InboundIn = [PeerFrame]
    private let node: NodeID

    init(node: NodeID) { self.node = node }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for frame in unwrapInboundIn(data) {
            switch frame {
            case .hello(let hello):
                let challenge = PeerHandshake.freshChallenge()
                let proof = PeerHandshake.proof(
                    role: .answering, key: LinkRig.key, hello: hello, answering: node,
                    cluster: LinkRig.cluster, answerChallenge: challenge)
                let answer = HelloAnswer(
                    cluster: LinkRig.cluster, node: node, proof: proof, challenge: challenge)
                context.channel.writePeerFrame(.helloAnswer(answer))
            case .proof: context.channel.writePeerFrame(.accepted)
            default: break
            }
        }
    }
}
