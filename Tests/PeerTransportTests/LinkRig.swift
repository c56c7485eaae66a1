import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Vocabulary
import Wire

@testable import PeerTransport

/// What a transport reported, in order.
enum LinkReport: Equatable, Sendable {
    case opened(NodeID)
    case closed(NodeID)
    case refused(NodeID, HandshakeRefusal)
    case frame(PeerFrame, from: NodeID)
}

/// Takes a transport's reports; a test waits for the next one.
final class Reports: PeerTransportDelegate {
    private let stream: AsyncStream<LinkReport>
    private let sink: AsyncStream<LinkReport>.Continuation
    private let log = NIOLockedValueBox<[LinkReport]>([])
    private let closedPorts = AsyncStream<NodeID>.makeStream()
    private let answers: Bool

    /// - Parameter answers: whether questions get their answer or silence.
    init(answers: Bool = true) {
        (stream, sink) = AsyncStream.makeStream()
        self.answers = answers
    }

    /// Everything so far.
    var all: [LinkReport] { log.withLockedValue { $0 } }

    func next() async -> LinkReport? {
        var iterator = stream.makeAsyncIterator()
        return await iterator.next()
    }

    /// The next dial that found nobody listening.
    func nextClosedPort() async -> NodeID? {
        var iterator = closedPorts.stream.makeAsyncIterator()
        return await iterator.next()
    }

    func next(_ count: Int) async -> [LinkReport] {
        var found: [LinkReport] = []
        while found.count < count, let report = await next() { found.append(report) }
        return found
    }

    private func add(_ report: LinkReport) {
        log.withLockedValue { $0.append(report) }
        sink.yield(report)
    }

    func received(_ frames: [PeerFrame], from node: NodeID) {
        for frame in frames { add(.frame(frame, from: node)) }
    }

    func asked(
        _ request: ControlRequest, from node: NodeID, answer: @escaping @Sendable (ControlAnswer) -> Void
    ) {
        guard answers else { return }
        if case .metadata(let bytes) = request {
            answer(.refused("asked \(bytes)"))
        } else {
            answer(.committed)
        }
    }

    func linkOpened(to node: NodeID) { add(.opened(node)) }
    func linkClosed(to node: NodeID) { add(.closed(node)) }
    func portRefused(by node: NodeID) { closedPorts.continuation.yield(node) }
    func refused(by node: NodeID, _ refusal: HandshakeRefusal) { add(.refused(node, refusal)) }
    func isRemoved(_ node: NodeID) -> Bool { false }
}

/// A memory that outlives the transports of a test; a broken one keeps nothing.
final class FakeMemory: BootMemory {
    private let kept = NIOLockedValueBox<[NodeID: BootStamp]>([:])
    private let isBroken: Bool
    private let timesLetIn = NIOLockedValueBox(0)

    init(isBroken: Bool = false) { self.isBroken = isBroken }

    var stamps: [NodeID: BootStamp] { kept.withLockedValue { $0 } }

    func remember(_ stamp: BootStamp, of node: NodeID, done: @escaping @Sendable (Bool) -> Void) {
        if !isBroken { kept.withLockedValue { $0[node] = stamp } }
        done(!isBroken)
    }

    var wasLetIn: Bool { timesLetIn.withLockedValue { $0 } > 0 }

    func wasLetIn(done: @escaping @Sendable (Bool) -> Void) {
        if !isBroken { timesLetIn.withLockedValue { $0 += 1 } }
        done(!isBroken)
    }
}

/// One transport that listens on loopback.
struct LinkEnd: Sendable {
    let transport: PeerTransport
    let reports: Reports
    let address: PeerAddress

    var node: NodeID { transport.identity.node }
}

/// Transports on one event loop; all are stopped when the test is over.
final class LinkRig: Sendable {
    static let cluster = ClusterID(high: 7, low: 7)
    static let key = [UInt8](repeating: 3, count: 32)

    let loop: any EventLoop
    private let transports = NIOLockedValueBox<[PeerTransport]>([])

    private init(loop: any EventLoop) { self.loop = loop }

    /// Runs a test over one loop, and ends what it started.
    static func run(_ test: (LinkRig) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let rig = LinkRig(loop: group.next())
        let result: (any Error)?
        do {
            try await test(rig)
            result = nil
        } catch { result = error }
        for transport in rig.transports.withLockedValue({ $0 }) { transport.stop() }
        try await group.shutdownGracefully()
        if let result { throw result }
    }

    func transport(
        _ node: UInt64, cluster: ClusterID = LinkRig.cluster, key: [UInt8] = LinkRig.key, epoch: UInt32 = 1,
        nonce: UInt64 = 1, outboxBytesMax: Int = 1 << 20, memory: (any BootMemory)? = nil
    ) -> PeerTransport {
        let transport = PeerTransport(
            identity: PeerIdentity(
                cluster: cluster, node: NodeID(high: 0, low: node), bootEpoch: epoch, bootNonce: nonce,
                keys: [key]),
            group: loop, outboxBytesMax: outboxBytesMax, memory: memory,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        transports.withLockedValue { $0.append(transport) }
        return transport
    }

    func listener(
        _ node: UInt64, cluster: ClusterID = LinkRig.cluster, key: [UInt8] = LinkRig.key,
        outboxBytesMax: Int = 1 << 20, answers: Bool = true, memory: (any BootMemory)? = nil
    ) async throws -> LinkEnd {
        let transport = transport(
            node, cluster: cluster, key: key, outboxBytesMax: outboxBytesMax, memory: memory)
        let reports = Reports(answers: answers)
        transport.setDelegate(reports)
        try await transport.listen(host: "127.0.0.1", port: 0)
        return LinkEnd(
            transport: transport, reports: reports,
            address: PeerAddress(host: "127.0.0.1", port: transport.localPort ?? 0))
    }

    /// A TCP server that says nothing; its first accepted socket, once there is one.
    func silentServer() async throws -> (address: PeerAddress, accepted: EventLoopFuture<any Channel>) {
        let promise = loop.makePromise(of: (any Channel).self)
        let server = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                promise.succeed(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return (PeerAddress(host: "127.0.0.1", port: server.localAddress?.port ?? 0), promise.futureResult)
    }

    /// A TCP server whose sockets speak frames as the handler does.
    func server(_ handler: @escaping @Sendable () -> any ChannelInboundHandler) async throws -> PeerAddress {
        let server = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PeerFrameHandler())
                    try channel.pipeline.syncOperations.addHandler(handler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return PeerAddress(host: "127.0.0.1", port: server.localAddress?.port ?? 0)
    }

    func call(
        _ end: LinkEnd, from transport: PeerTransport, _ request: ControlRequest = .metadata([1]),
        timeout: TimeAmount = .seconds(20)
    ) async -> Result<ControlAnswer, PeerCallFailure> {
        await call(end.address, from: transport, request, timeout: timeout)
    }

    func call(
        _ address: PeerAddress, from transport: PeerTransport, _ request: ControlRequest = .metadata([1]),
        timeout: TimeAmount = .seconds(20)
    ) async -> Result<ControlAnswer, PeerCallFailure> {
        do {
            let future = transport.call(request, at: address, on: loop, timeout: timeout)
            return .success(try await future.get().answer)
        } catch let failure as PeerCallFailure {
            return .failure(failure)
        } catch {
            return .failure(.unreachable("unexpected: \(error)"))
        }
    }
}

/// A frame that is told from others by its number.
func numbered(_ number: UInt64) -> PeerFrame {
    .heartbeatAck(PairHeartbeatAck(round: number, rejects: []))
}
