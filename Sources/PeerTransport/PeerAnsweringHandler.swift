import Logging
import NIOCore
import Vocabulary
import Wire

/// The answering side of a link: proves itself, checks the other side, then hands frames on. It sends nothing
/// afterwards but keep-alives and the answers to control requests.
final class PeerAnsweringHandler: ChannelInboundHandler {
    typealias InboundIn = [PeerFrame]

    private enum State {
        case waitingForHello
        case waitingForProof(Hello, challenge: [UInt8])
        /// Let in, but that is not on disk yet.
        case remembering(NodeID)
        case open(NodeID, isMember: Bool)
        case closed
    }

    private static let handshakeTime = TimeAmount.seconds(5)
    private static let keepAliveTime = TimeAmount.milliseconds(300)

    private let transport: PeerTransport
    private var state = State.waitingForHello
    private var timer: RepeatedTask?
    private let pulse = LinkPulse()

    init(transport: PeerTransport) { self.transport = transport }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.handshakeTime) {
            if case .open = bound.value.state { return }
            channel.close(promise: nil)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .open(let node, _), .remembering(let node): transport.ended(pulse, of: node)
        default: break
        }
        state = .closed
        timer?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var frames = unwrapInboundIn(data)[...]
        pulse.beat()
        while !frames.isEmpty {
            switch state {
            case .open(let node, let isMember):
                deliver(frames, from: node, isMember: isMember, context: context)
                return
            case .waitingForHello: receiveHello(frames.removeFirst(), context: context)
            case .waitingForProof(let hello, let challenge):
                receiveProof(frames.removeFirst(), hello: hello, challenge: challenge, context: context)
            // Nobody speaks before it is accepted.
            case .remembering: return close(context)
            case .closed: return
            }
        }
    }

    private func receiveHello(_ frame: PeerFrame, context: ChannelHandlerContext) {
        let own = transport.identity
        guard case .hello(let hello) = frame else { return close(context) }
        if own.cluster == .none { return refuse(.notInCluster, context) }
        if hello.cluster != own.cluster && hello.cluster != .none { return refuse(.wrongCluster, context) }
        if let expected = hello.expected, expected != own.node { return refuse(.wrongNode, context) }
        guard hello.isUnderstood else {
            return refuse(.version, context, of: "\(hello.protocolOldest) to \(hello.protocolCurrent)")
        }
        let challenge = PeerHandshake.freshChallenge()
        let proof = PeerHandshake.proof(
            role: .answering, key: own.key, hello: hello, answering: own.node, cluster: own.cluster,
            answerChallenge: challenge)
        state = .waitingForProof(hello, challenge: challenge)
        context.channel.writePeerFrame(
            .helloAnswer(
                HelloAnswer(cluster: own.cluster, node: own.node, proof: proof, challenge: challenge)))
    }

    private func receiveProof(
        _ frame: PeerFrame, hello: Hello, challenge: [UInt8], context: ChannelHandlerContext
    ) {
        let own = transport.identity
        if case .refused(let refusal) = frame {
            transport.logger.warning(
                "a dialling node refused this one",
                metadata: ["peer.node": "\(hello.node)", "peer.reason": "\(refusal.reason)"])
            return close(context)
        }
        guard case .proof(let proof) = frame else { return close(context) }
        let isProven = PeerHandshake.isValid(
            proof, role: .dialling, keys: own.keys, hello: hello, answering: own.node, cluster: own.cluster,
            answerChallenge: challenge)
        guard isProven else { return refuse(.badProof, context) }
        if let refusal = transport.admit(hello, pulse: pulse) { return refuse(refusal, context) }
        state = .remembering(hello.node)
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        transport.remember(hello, on: context.eventLoop) { isKept in
            bound.value.handler.remembered(hello, isKept: isKept, context: bound.value.context)
        }
    }

    private func remembered(_ hello: Hello, isKept: Bool, context: ChannelHandlerContext) {
        guard case .remembering = state else { return }
        guard isKept else {
            transport.ended(pulse, of: hello.node)
            return close(context)
        }
        state = .open(hello.node, isMember: hello.cluster != .none)
        let channel = context.channel
        channel.writePeerFrame(.accepted)
        timer = context.eventLoop.scheduleRepeatedTask(
            initialDelay: Self.keepAliveTime, delay: Self.keepAliveTime
        ) { _ in channel.writePeerFrame(.keepAlive) }
    }

    private func deliver(
        _ frames: ArraySlice<PeerFrame>, from node: NodeID, isMember: Bool, context: ChannelHandlerContext
    ) {
        let channel = context.channel
        var plain: [PeerFrame] = []
        for frame in frames {
            switch frame {
            case .control(let id, let request):
                if !isMember, case .fullSync = request { continue }
                transport.delegate?.asked(request, from: node) { answer in
                    channel.writePeerFrame(.controlAnswer(id: id, answer))
                }
            case .keepAlive: continue
            default: plain.append(frame)
            }
        }
        if isMember && !plain.isEmpty { transport.delegate?.received(plain, from: node) }
    }

    /// - Parameter protocols: those that the other side speaks, where that is the reason.
    private func refuse(
        _ refusal: HandshakeRefusal, _ context: ChannelHandlerContext, of protocols: String? = nil
    ) {
        let address = context.remoteAddress?.ipAddress ?? "an unknown address"
        let who = protocols.map { "\(address), which speaks \($0)" } ?? address
        transport.tell("refused a peer link", of: who, refusal)
        context.channel.writePeerFrame(.refused(refusal))
        close(context)
    }

    private func close(_ context: ChannelHandlerContext) {
        state = .closed
        context.close(promise: nil)
    }
}
