import Logging
import Membership
import NIOCore
import NodeConfig
import PeerTransport
import Sealing
import Vocabulary
import Wire

/// Opens the peer port of a node: links over TCP, gossip over UDP, and what each tells the rest of the node.
struct NodePeers {
    let configuration: NodeConfiguration
    let keys: GossipKeyRing
    let clock: NodeClock
    let logger: Logger
    let loops: [any EventLoop]
    /// Called when the others do not take this process for the node that it says it is.
    let end: @Sendable (NodeFailure) -> Void

    /// Gossip's questions over TCP go over a connection of their own.
    private func exchange(over transport: PeerTransport, on loop: any EventLoop) -> GossipExchangeTransport {
        { address, bytes, answer in
            guard let address = PeerAddress(address) else { return answer(nil) }
            transport.call(.fullSync(bytes), at: address, on: loop, timeout: .seconds(1)).whenComplete {
                if case .success(let reply) = $0, case .fullSync(let bytes) = reply.answer {
                    answer(bytes)
                } else {
                    answer(nil)
                }
            }
        }
    }

    func start(
        _ identity: NodeIdentity, node: NodeID, cluster: ClusterID, transport: PeerTransport,
        ports: NodePorts, state: NodeState, roster: MemberRoster, handover: PartitionHandover,
        linkIsBack: @escaping @Sendable () -> Void
    ) async throws -> MembershipShell {
        let own = MemberRecord(
            node: node, name: configuration.node.name, number: identity.number ?? 0, status: .alive,
            incarnation: Incarnation(bootEpoch: identity.bootEpoch),
            addresses: MemberAddresses(
                client: "\(configuration.advertise.client)", peer: "\(configuration.advertise.peer)",
                admin: "\(configuration.advertise.admin)"),
            version: SoftwareVersion.text, zone: configuration.node.zone ?? "")
        let loop = loops[loops.count - 1]
        let fence = Fence(clock: clock) { end($0) }
        let gossip = MembershipShell(
            own: own, seeds: configuration.seeds.map(\.description), on: loop,
            exchangeTransport: exchange(over: transport, on: loop), logger: logger,
            onSuperseded: { fence.superseded() },
            onChange: { record, was in
                roster.changed(record)
                if record.status.isPresent, let address = PeerAddress(record.addresses.peer) {
                    transport.connect(to: record.node, at: address)
                }
                if record.status == .left { transport.disconnect(from: record.node) }
                guard was != record.status else { return }
                for shard in ports.shards { shard.post(.suspicion(record.node, record.status != .alive)) }
            })
        roster.attach { gossip.members }
        let links = NodeLinks(
            ports: ports, state: state, logger: logger, handover: handover, fence: fence,
            gossip: { bytes, answer in gossip.handleExchange(bytes, answer: answer) },
            forward: Forwarder(ports: ports, roster: roster, transport: transport, loop: loop).take,
            linkIsBack: linkIsBack, linkIsBroken: { gossip.linkBroken(to: $0) },
            portIsClosed: { gossip.portRefused(by: $0) })
        transport.setDelegate(links)
        do {
            try await transport.listen(
                host: configuration.listen.peer.host, port: configuration.listen.peer.port)
            try await gossip.start(
                host: configuration.listen.peer.host, port: configuration.listen.peer.port,
                sealer: GossipSealer(cluster: cluster, keyRing: keys))
        } catch {
            throw NodeFailure.cannotListen("cannot listen on \(configuration.listen.peer): \(error)")
        }
        return gossip
    }
}
