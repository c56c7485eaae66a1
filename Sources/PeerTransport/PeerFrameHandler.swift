import NIOCore
import Wire

/// Splits a link's bytes into frames and hands each read's frames on as one array, in order.
///
/// A length above the limit or a frame that does not decode closes the link: the other side is broken or hostile.
final class PeerFrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = [PeerFrame]

    private var buffer: ByteBuffer?
    private var frames: [PeerFrame] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if buffer == nil { buffer = incoming } else { buffer?.writeBuffer(&incoming) }
        do {
            try takeFrames()
        } catch {
            frames = []
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !frames.isEmpty {
            let batch = frames
            frames = []
            context.fireChannelRead(wrapInboundOut(batch))
        }
        context.fireChannelReadComplete()
    }

    private func takeFrames() throws {
        guard var pending = buffer else { return }
        buffer = nil
        while let length = pending.getInteger(at: pending.readerIndex, endianness: .little, as: UInt32.self) {
            guard length >= 1, Int(length) <= PeerProtocol.frameBytesMax else {
                throw DecodingFailure.lengthOutOfRange
            }
            guard pending.readableBytes >= 4 + Int(length) else { break }
            pending.moveReaderIndex(forwardBy: 4)
            guard let body = pending.readBytes(length: Int(length)) else { break }
            frames.append(try PeerFrame(body: body[...]))
        }
        if pending.readableBytes > 0 {
            pending.discardReadBytes()
            buffer = pending
        }
    }
}

extension Channel {
    /// Writes and flushes one frame. One that no peer would take closes the channel.
    func writePeerFrame(_ frame: PeerFrame) {
        var writer = ByteWriter()
        frame.encode(into: &writer)
        guard writer.count - 4 <= PeerProtocol.frameBytesMax else { return close(promise: nil) }
        writeAndFlush(ByteBuffer(bytes: writer.bytes), promise: nil)
    }
}
