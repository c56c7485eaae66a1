import NIOCore
import Vocabulary
import Wire

/// The dialling side of a link's handshake. Afterwards it passes on what the answering side sends
/// (keep-alives, answers to control requests).
final class PeerDiallingHandler: ChannelInboundHandler {
    typealias InboundIn = [PeerFrame]

    enum Event: Sendable {
        case opened(cluster: ClusterID, node: NodeID)
        case refused(HandshakeRefusal)
        case frames([PeerFrame])
    }

    private enum State {
        case waitingForAnswer
        case waitingForAcceptance(HelloAnswer)
        /// Let in, but that is not on disk yet; with what was heard meanwhile.
        case remembering(HelloAnswer, held: [PeerFrame])
        case open
        case closed
    }

    private let transport: PeerTransport
    private let identity: PeerIdentity
    private let hello: Hello
    private let report: (Event) -> Void
    private var state = State.waitingForAnswer

    /// - Parameter report: called on the channel's loop.
    init(transport: PeerTransport, expected: NodeID?, report: @escaping (Event) -> Void) {
        self.transport = transport
        identity = transport.identity
        self.report = report
        hello = Hello(
            cluster: identity.cluster, node: identity.node, bootEpoch: identity.bootEpoch,
            bootNonce: identity.bootNonce, expected: expected, challenge: PeerHandshake.freshChallenge())
    }

    func channelActive(context: ChannelHandlerContext) {
        context.channel.writePeerFrame(.hello(hello))
        context.fireChannelActive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var frames = unwrapInboundIn(data)[...]
        while let frame = frames.first {
            if case .open = state {
                report(.frames(Array(frames)))
                return
            }
            if case .remembering(let answer, let held) = state {
                state = .remembering(answer, held: held + frames)
                return
            }
            frames.removeFirst()
            advance(frame, context: context)
        }
    }

    private func advance(_ frame: PeerFrame, context: ChannelHandlerContext) {
        switch (state, frame) {
        case (_, .refused(let refusal)): fail(refusal, context)
        case (.waitingForAnswer, .helloAnswer(let answer)): receive(answer, context: context)
        case (.waitingForAcceptance(let answer), .accepted):
            state = .remembering(answer, held: [])
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            transport.wasLetIn(on: context.eventLoop) { isKept in
                bound.value.handler.remembered(isKept: isKept, context: bound.value.context)
            }
        default: context.close(promise: nil)
        }
    }

    private func remembered(isKept: Bool, context: ChannelHandlerContext) {
        guard case .remembering(let answer, let held) = state, context.channel.isActive else { return }
        guard isKept else { return context.close(promise: nil) }
        state = .open
        report(.opened(cluster: answer.cluster, node: answer.node))
        if !held.isEmpty { report(.frames(held)) }
    }

    private func receive(_ answer: HelloAnswer, context: ChannelHandlerContext) {
        if identity.cluster != .none && answer.cluster != identity.cluster {
            return refuse(.wrongCluster, context)
        }
        if let expected = hello.expected, answer.node != expected { return refuse(.wrongNode, context) }
        let isProven = PeerHandshake.isValid(
            answer.proof, role: .answering, keys: identity.keys, hello: hello, answering: answer.node,
            cluster: answer.cluster, answerChallenge: answer.challenge)
        guard isProven else { return refuse(.badProof, context) }
        let ours = PeerHandshake.proof(
            role: .dialling, key: identity.key, hello: hello, answering: answer.node, cluster: answer.cluster,
            answerChallenge: answer.challenge)
        state = .waitingForAcceptance(answer)
        context.channel.writePeerFrame(.proof(ours))
    }

    /// Both sides are to know why.
    private func refuse(_ refusal: HandshakeRefusal, _ context: ChannelHandlerContext) {
        context.channel.writePeerFrame(.refused(refusal))
        fail(refusal, context)
    }

    private func fail(_ refusal: HandshakeRefusal, _ context: ChannelHandlerContext) {
        state = .closed
        report(.refused(refusal))
        context.close(promise: nil)
    }
}
