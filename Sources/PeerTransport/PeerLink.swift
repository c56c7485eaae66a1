import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Vocabulary
import Wire

/// The dialled link to one peer: its outbox, its socket, and the redialling.
///
/// The outbox is shared between threads; everything else belongs to `loop`.
final class PeerLink: Sendable {
    private struct Outbox {
        var writer = ByteWriter()
        var isScheduled = false
        var isOpen = false
        /// A frame was dropped: nothing more is taken until the link has opened again.
        var hasLost = false
    }

    /// What only the loop touches.
    private struct Connection {
        var address: PeerAddress
        /// The number of the attempt that is dialling or open; what others report comes too late.
        var attempt: UInt64?
        var attempts: UInt64 = 0
        /// Every socket of the attempt: a name with several addresses is dialled at more than one.
        var sockets: [any Channel] = []
        /// The socket whose handshake succeeded.
        var channel: (any Channel)?
        var isStopped = false
        var failures = 0
        var lastHeard = NIODeadline.now()
        var watch: RepeatedTask?
    }

    /// Silence after which a link is closed and dialled again (rule L5).
    private static let silence = TimeAmount.seconds(1)

    let node: NodeID
    private let loop: any EventLoop
    private let transport: PeerTransport
    private let bytesMax: Int
    private let outbox = NIOLockedValueBox(Outbox())
    private let connection: NIOLoopBoundBox<Connection>

    init(node: NodeID, address: PeerAddress, loop: any EventLoop, transport: PeerTransport, bytesMax: Int) {
        self.node = node
        self.loop = loop
        self.transport = transport
        self.bytesMax = bytesMax
        connection = .makeBoxSendingValue(Connection(address: address), eventLoop: loop)
    }

    var isOpen: Bool { outbox.withLockedValue { $0.isOpen && !$0.hasLost } }
    var queuedBytes: Int { outbox.withLockedValue { $0.writer.count } }

    func send(_ frame: PeerFrame) { send([frame]) }

    /// Takes frames of an open link. One that does not fit is lost, and the link closes for it: a peer never
    /// misses a frame in the middle of a link.
    func send(_ frames: [PeerFrame]) {
        let mustSchedule: Bool = outbox.withLockedValue { outbox in
            guard outbox.isOpen, !outbox.hasLost else { return false }
            for frame in frames where !append(frame, to: &outbox.writer) {
                outbox.hasLost = true
                outbox.writer = ByteWriter()
                // Also when a flush is scheduled already: that one may run before this.
                return true
            }
            if outbox.isScheduled { return false }
            outbox.isScheduled = true
            return true
        }
        if mustSchedule { loop.execute { self.flush() } }
    }

    private func append(_ frame: PeerFrame, to writer: inout ByteWriter) -> Bool {
        if writer.count > bytesMax { return false }
        let before = writer.count
        frame.encode(into: &writer)
        return writer.count - before - 4 <= PeerProtocol.frameBytesMax
    }

    private func flush() {
        let channel = connection.value.channel
        // A socket that does not take bytes keeps them here, where they are counted.
        let (bytes, hasLost): ([UInt8], Bool) = outbox.withLockedValue { outbox in
            outbox.isScheduled = false
            guard !outbox.hasLost, let channel, channel.isWritable else { return ([], outbox.hasLost) }
            let bytes = outbox.writer.bytes
            outbox.writer = ByteWriter(capacity: min(bytes.count, 1 << 16))
            return (bytes, false)
        }
        if hasLost { return closeAfterLoss() }
        guard !bytes.isEmpty, let channel else { return }
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    private func closeAfterLoss() {
        transport.logger.warning(
            "a frame did not fit; the link closes and is dialled again", metadata: ["peer.node": "\(node)"])
        end(connection.value.attempt)
    }

    /// Keeps the link at `address`; when it moved, what was dialled before is closed.
    func dial(at address: PeerAddress) {
        loop.execute {
            if self.connection.value.address != address {
                self.connection.value.address = address
                self.end(self.connection.value.attempt)
            }
            self.connection.value.failures = 0
            self.dial()
        }
    }

    func stop() {
        loop.execute {
            self.connection.value.isStopped = true
            self.end(self.connection.value.attempt)
        }
    }
}

// MARK: Dialling

extension PeerLink {
    private func dial() {
        guard !connection.value.isStopped, connection.value.attempt == nil else { return }
        connection.value.attempts += 1
        let attempt = connection.value.attempts
        connection.value.attempt = attempt
        let address = connection.value.address
        let bound = NIOLoopBound(self, eventLoop: loop)
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(1))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 1 << 20, high: 4 << 20))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.prepare(channel, attempt: attempt) }
            }
            .connect(host: address.host, port: address.port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): self.connected(channel, attempt: attempt)
                case .failure(let error):
                    if Self.isRefused(error) { self.transport.delegate?.portRefused(by: self.node) }
                    self.end(attempt)
                }
            }
    }

    /// By all addresses that the name has.
    private static func isRefused(_ error: any Error) -> Bool {
        let errors = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
        return !errors.isEmpty && errors.allSatisfy { ($0 as? IOError)?.errnoCode == ECONNREFUSED }
    }

    private func prepare(_ channel: any Channel, attempt: UInt64) throws {
        guard connection.value.attempt == attempt else { throw ChannelError.ioOnClosedChannel }
        connection.value.sockets.append(channel)
        try transport.secure(dialled: channel)
        let handler = PeerDiallingHandler(transport: transport, expected: node) { event in
            self.handle(event, channel: channel, attempt: attempt)
        }
        try channel.pipeline.syncOperations.addHandlers([
            PeerFrameHandler(), handler, PeerWritability { self.flush() },
        ])
    }

    private func connected(_ channel: any Channel, attempt: UInt64) {
        guard connection.value.attempt == attempt else { return channel.close(promise: nil) }
        connection.value.lastHeard = .now()
        connection.value.watch?.cancel()
        connection.value.watch = loop.scheduleRepeatedTask(
            initialDelay: .milliseconds(250), delay: .milliseconds(250)
        ) { _ in
            if NIODeadline.now() - self.connection.value.lastHeard > Self.silence { self.end(attempt) }
        }
        channel.closeFuture.assumeIsolated().whenComplete { _ in self.end(attempt) }
    }

    private func handle(_ event: PeerDiallingHandler.Event, channel: any Channel, attempt: UInt64) {
        guard connection.value.attempt == attempt else { return channel.close(promise: nil) }
        connection.value.lastHeard = .now()
        switch event {
        case .opened: opened(channel)
        case .refused(let refusal):
            connection.value.failures += 5
            transport.tell("a peer refused the link", of: "\(node)", refusal)
            transport.delegate?.refused(by: node, refusal)
        case .frames: break
        }
    }

    private func opened(_ channel: any Channel) {
        connection.value.channel = channel
        connection.value.failures = 0
        outbox.withLockedValue { $0 = Outbox(isOpen: true) }
        transport.delegate?.linkOpened(to: node)
    }

    /// Closes what the attempt opened, says so once, and dials again after a while. Nothing when the attempt is
    /// over already.
    private func end(_ attempt: UInt64?) {
        guard let attempt, connection.value.attempt == attempt else { return }
        let sockets = connection.value.sockets
        connection.value.attempt = nil
        connection.value.sockets = []
        connection.value.channel = nil
        connection.value.watch?.cancel()
        connection.value.watch = nil
        let wasOpen = outbox.withLockedValue { outbox in
            defer { outbox = Outbox() }
            return outbox.isOpen
        }
        for socket in sockets { socket.close(promise: nil) }
        if wasOpen { transport.delegate?.linkClosed(to: node) }
        guard !connection.value.isStopped else { return }
        connection.value.failures += 1
        let delay = min(1_000, 50 << min(connection.value.failures, 5))
        loop.scheduleTask(in: .milliseconds(Int64(delay))) { self.dial() }
    }
}

/// Tells the link that its socket takes bytes again.
final class PeerWritability: ChannelInboundHandler {
    typealias InboundIn = [PeerFrame]
    private let resume: () -> Void
    init(resume: @escaping () -> Void) { self.resume = resume }
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { resume() }
        context.fireChannelWritabilityChanged()
    }
}
