import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Vocabulary
import Wire

/// Why a control request got no answer.
package enum PeerCallFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection.
    case unreachable(String)
    case refused(HandshakeRefusal)
    /// The connection ended before the answer. `proven`: the cluster of the other side, when the handshake had
    /// succeeded.
    case closed(proven: ClusterID?)
    /// Connected, but no answer in time; `proven` as for `closed`.
    case timedOut(proven: ClusterID?)

    package var description: String {
        switch self {
        case .unreachable(let reason): "unreachable: \(reason)"
        case .refused(let refusal): "refused: \(refusal.reason)"
        case .closed: "the connection closed before the answer"
        case .timedOut: "no answer in time"
        }
    }
}

extension PeerTransport {
    package typealias Reply = (answer: ControlAnswer, node: NodeID, cluster: ClusterID)

    private struct CallProgress {
        var isConnected = false
        var cluster: ClusterID?
        var node: NodeID?
    }

    /// Asks one question over a connection of its own: joining, gossip's full sync, commands for group 0.
    ///
    /// Half of `timeout` is for connecting, so that a host that is not there is told from one that is silent.
    ///
    /// - Returns: the answer and who gave it; fails with a `PeerCallFailure`.
    package func call(
        _ request: ControlRequest, at address: PeerAddress, expecting node: NodeID? = nil,
        on loop: any EventLoop, timeout: TimeAmount = .seconds(3)
    ) -> EventLoopFuture<Reply> {
        let promise = loop.makePromise(of: Reply.self)
        let progress = NIOLockedValueBox(CallProgress())
        let deadline = loop.scheduleTask(in: timeout) {
            let now = progress.withLockedValue { $0 }
            promise.fail(
                now.isConnected
                    ? PeerCallFailure.timedOut(proven: now.cluster) : .unreachable("no connection in time"))
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(timeout.nanoseconds / 2))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.secure(dialled: channel)
                    let handler = PeerDiallingHandler(transport: self, expected: node) { event in
                        Self.advance(event, request, channel: channel, progress: progress, promise: promise)
                    }
                    try channel.pipeline.syncOperations.addHandlers([PeerFrameHandler(), handler])
                }
            }
            .connect(host: address.host, port: address.port)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    progress.withLockedValue { $0.isConnected = true }
                    channel.closeFuture.whenComplete { _ in
                        promise.fail(PeerCallFailure.closed(proven: progress.withLockedValue { $0.cluster }))
                    }
                    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
                case .failure(let error): promise.fail(PeerCallFailure.unreachable("\(error)"))
                }
            }
        return promise.futureResult
    }

    private static func advance(
        _ event: PeerDiallingHandler.Event, _ request: ControlRequest, channel: any Channel,
        progress: NIOLockedValueBox<CallProgress>, promise: EventLoopPromise<Reply>
    ) {
        switch event {
        case .opened(let cluster, let node):
            progress.withLockedValue {
                $0.cluster = cluster
                $0.node = node
            }
            channel.writePeerFrame(.control(id: 1, request))
        case .refused(let refusal): promise.fail(PeerCallFailure.refused(refusal))
        case .frames(let frames):
            let known = progress.withLockedValue { $0 }
            guard let cluster = known.cluster, let node = known.node else { return }
            for case .controlAnswer(_, let answer) in frames { promise.succeed((answer, node, cluster)) }
        }
    }
}
