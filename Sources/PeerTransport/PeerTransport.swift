import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PortSecurity
import Vocabulary
import Wire

/// What the peer links report. Calls come on the loop of the link.
package protocol PeerTransportDelegate: AnyObject, Sendable {
    /// Frames of one read from a proven member, in order.
    func received(_ frames: [PeerFrame], from node: NodeID)
    /// A question of another node; `answer` may be called once, from any thread, at any time.
    func asked(
        _ request: ControlRequest, from node: NodeID, answer: @escaping @Sendable (ControlAnswer) -> Void)
    /// Frames sent before this moment may be lost.
    func linkOpened(to node: NodeID)
    func linkClosed(to node: NodeID)
    /// Its host refused the connection: nothing listens at its port.
    func portRefused(by node: NodeID)
    /// A peer does not let this node in.
    func refused(by node: NodeID, _ refusal: HandshakeRefusal)
    /// True for a node that the cluster's metadata calls left or dead for ever.
    func isRemoved(_ node: NodeID) -> Bool
}

/// The TCP links between nodes. Each node dials every other and sends on the link it dialled.
///
/// Sending never blocks: frames for one peer gather in its outbox and leave with one write per loop turn. A
/// frame is lost when the link breaks, and a full outbox breaks it: every loss shows as `linkClosed`. Whoever
/// needs more repeats (Raft, the router, the fan-out all do).
package final class PeerTransport: Sendable {
    private struct State {
        var identity: PeerIdentity
        var links: [NodeID: PeerLink] = [:]
        /// The newest process that was heard of with each node's identity, and its open links to this node.
        var boots: BootLedger
        var pulses: [NodeID: [LinkPulse]] = [:]
        /// The last process of each of these nodes that was refused for its identity: told to people.
        var fenced: [NodeID: FencedStart] = [:]
        var listener: (any Channel)?
        var accepted: [ObjectIdentifier: any Channel] = [:]
        var isStopped = false
        var refusals = RefusalLog()

        /// Of members only, of which there are few: nobody else has a start that is known.
        mutating func fence(_ hello: Hello, _ refusal: HandshakeRefusal) {
            guard hello.node != identity.node, boots.stamps[hello.node] != nil else { return }
            fenced[hello.node] = FencedStart(stamp: hello.stamp, reason: refusal.reason)
        }

        /// An honest restart is refused too, while the last process' links still count as open.
        mutating func wasHonest(_ hello: Hello) {
            if fenced[hello.node]?.stamp == hello.stamp { fenced[hello.node] = nil }
        }
    }

    private let state: NIOLockedValueBox<State>
    private let group: any EventLoopGroup
    private let outboxBytesMax: Int
    /// `nil` for links in the clear.
    private let security: PortSecurity?
    private let memory: (any BootMemory)?
    let logger: Logger
    private let delegateBox = NIOLockedValueBox<(any PeerTransportDelegate)?>(nil)

    /// - Parameter memory: keeps which processes were let in; `nil`: this process alone remembers.
    package init(
        identity: PeerIdentity, group: any EventLoopGroup, outboxBytesMax: Int, security: PortSecurity? = nil,
        memory: (any BootMemory)? = nil, logger: Logger
    ) {
        self.security = security
        self.memory = memory
        state = NIOLockedValueBox(State(identity: identity, boots: BootLedger(memory?.stamps ?? [:])))
        self.group = group
        self.outboxBytesMax = outboxBytesMax
        self.logger = logger
    }

    package var identity: PeerIdentity { state.withLockedValue { $0.identity } }
    var delegate: (any PeerTransportDelegate)? { delegateBox.withLockedValue { $0 } }

    package func setDelegate(_ delegate: any PeerTransportDelegate) {
        delegateBox.withLockedValue { $0 = delegate }
    }

    /// The node has joined: from now on links carry this cluster's id.
    package func setCluster(_ cluster: ClusterID) {
        state.withLockedValue { $0.identity.cluster = cluster }
    }

    /// Takes other gossip keys; open links stay.
    package func setKeys(_ keys: [[UInt8]]) {
        precondition(!keys.isEmpty, "a node has at least one gossip key")
        state.withLockedValue { $0.identity.keys = keys }
    }

    /// Binds the peer port (TCP).
    package func listen(host: String, port: Int) async throws {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 4_096, initial: 65_536, maximum: 1 << 20)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    self.remember(channel)
                    try self.security?.secure(accepted: channel)
                    try channel.pipeline.syncOperations.addHandlers([
                        PeerFrameHandler(), PeerAnsweringHandler(transport: self),
                    ])
                }
            }
            .bind(host: host, port: port).get()
        state.withLockedValue { $0.listener = channel }
    }

    /// The port that is bound; useful when 0 was asked for.
    package var localPort: Int? { state.withLockedValue { $0.listener }?.localAddress?.port }

    private func remember(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        state.withLockedValue { $0.accepted[key] = channel }
        channel.closeFuture.whenComplete { _ in
            _ = self.state.withLockedValue { $0.accepted.removeValue(forKey: key) }
        }
    }

    /// Makes a socket that this node has dialled one under TLS, when the peer port has it.
    func secure(dialled channel: any Channel) throws { try security?.secure(dialled: channel) }

    /// Keeps a link to `node` at `address`; a changed address redials at once.
    package func connect(to node: NodeID, at address: PeerAddress) {
        let link: PeerLink? = state.withLockedValue { state in
            guard node != state.identity.node, !state.isStopped else { return nil }
            if let link = state.links[node] { return link }
            let link = PeerLink(
                node: node, address: address, loop: group.next(), transport: self, bytesMax: outboxBytesMax)
            state.links[node] = link
            return link
        }
        link?.dial(at: address)
    }

    /// Drops the link to a node that is gone for ever.
    package func disconnect(from node: NodeID) {
        state.withLockedValue { $0.links.removeValue(forKey: node) }?.stop()
    }

    package func send(_ frame: PeerFrame, to node: NodeID) {
        state.withLockedValue { $0.links[node] }?.send(frame)
    }

    /// Sends several frames with one look-up and one wake-up.
    package func send(_ frames: [PeerFrame], to node: NodeID) {
        guard let link = state.withLockedValue({ $0.links[node] }) else { return }
        link.send(frames)
    }

    /// Sends to every peer there is a link to.
    package func broadcast(_ frame: PeerFrame) {
        for link in state.withLockedValue({ Array($0.links.values) }) { link.send(frame) }
    }

    package func isOpen(to node: NodeID) -> Bool {
        state.withLockedValue { $0.links[node] }?.isOpen ?? false
    }

    /// Bytes waiting per peer.
    package func queuedBytes() -> [NodeID: Int] {
        state.withLockedValue { $0.links }.mapValues { $0.queuedBytes }
    }

    package func stop() {
        let (links, listener, accepted) = state.withLockedValue { state in
            state.isStopped = true
            defer { state.links = [:] }
            return (Array(state.links.values), state.listener, Array(state.accepted.values))
        }
        for link in links { link.stop() }
        listener?.close(promise: nil)
        for channel in accepted { channel.close(promise: nil) }
    }

    /// Rule M4: of two processes with one identity only one is let in. An older boot is refused for good. A newer
    /// one is refused while the known one is still heard: that is no restart, it is a copy of the data directory.
    func admit(_ hello: Hello, pulse: LinkPulse) -> HandshakeRefusal? {
        if delegate?.isRemoved(hello.node) == true { return .removed }
        let refusal: HandshakeRefusal? = state.withLockedValue { state in
            if hello.node == state.identity.node { return .duplicateNode }
            let known = state.boots.stamps[hello.node]
            let isHeard = state.pulses[hello.node]?.contains { $0.isFresh } ?? false
            if let refusal = state.boots.admit(hello.node, hello.stamp, isHeard: isHeard) { return refusal }
            if known != hello.stamp { state.pulses[hello.node] = [] }
            state.pulses[hello.node, default: []].append(pulse)
            state.wasHonest(hello)
            return nil
        }
        if let refusal, refusal == .duplicateNode || refusal == .staleBoot {
            let isNews = state.withLockedValue { state in
                state.fence(hello, refusal)
                return state.refusals.isNews("fenced \(hello.node) \(hello.stamp)", now: .now())
            }
            if isNews {
                logger.critical(
                    "a data directory was copied or set back to an old copy; the process that runs on it is refused",
                    metadata: ["peer.node": "\(hello.node)", "peer.boot_epoch": "\(hello.bootEpoch)"])
            }
        }
        return refusal
    }

    /// Calls `body` on the loop once it is on disk that this process was let in; with `false` when that failed. A
    /// node that has not joined yet has promised nothing, so nothing is kept of it.
    func remember(_ hello: Hello, on loop: any EventLoop, _ body: @escaping @Sendable (Bool) -> Void) {
        guard let memory, hello.cluster != .none, memory.stamps[hello.node] != hello.stamp else {
            return body(true)
        }
        memory.remember(hello.stamp, of: hello.node) { isKept in loop.execute { body(isKept) } }
    }

    /// Logs a refused link, here or by another node, unless the same was said a moment ago.
    func tell(_ text: String, of who: String, _ refusal: HandshakeRefusal) {
        let isNews = state.withLockedValue {
            $0.refusals.isNews("\(text) \(who) \(refusal.reason)", now: .now())
        }
        guard isNews else { return }
        logger.warning("\(text)", metadata: ["peer.name": "\(who)", "peer.reason": "\(refusal.reason)"])
    }

    /// Calls `body` on the loop once it is on disk that another node has let this one in.
    func wasLetIn(on loop: any EventLoop, _ body: @escaping @Sendable (Bool) -> Void) {
        guard let memory, identity.cluster != .none else { return body(true) }
        memory.wasLetIn { isKept in loop.execute { body(isKept) } }
    }

    /// An accepted link has closed.
    func ended(_ pulse: LinkPulse, of node: NodeID) {
        state.withLockedValue { state in
            state.pulses[node]?.removeAll { $0 === pulse }
        }
    }
}

/// A start that was refused, because another process is known by the same identity.
package struct FencedStart: Hashable, Sendable {
    package var stamp: BootStamp
    package var reason: String

    package var bootEpoch: UInt32 { stamp.epoch }
}

extension PeerTransport {
    /// The last start of this node and of every other that it has let in.
    package var bootEpochs: [NodeID: UInt32] {
        state.withLockedValue { state in
            var epochs = state.boots.stamps.mapValues(\.epoch)
            epochs[state.identity.node] = state.identity.bootEpoch
            return epochs
        }
    }

    package var fencedStarts: [NodeID: FencedStart] { state.withLockedValue { $0.fenced } }
}
