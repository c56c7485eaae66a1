import Foundation
import Logging
import NIOCore
import NodeConfig
import PeerTransport
import Vocabulary
import Wire

/// How a process becomes a node: its identity, and the cluster that it joins with a new one.
struct NodeBoot {
    let configuration: NodeConfiguration
    let directory: DataDirectory
    let logger: Logger

    /// Raises the boot epoch, durably, before anybody hears of this start (rule M4).
    func begin() throws -> (NodeIdentity, BootStamp) {
        do {
            var identity: NodeIdentity
            var generator = SystemRandomNumberGenerator()
            if let known = try directory.readIdentity() {
                identity = known
            } else {
                guard !configuration.seeds.isEmpty else { throw NodeFailure.noCluster(directory.path) }
                directory.note(hasLeft: false)
                identity = NodeIdentity(
                    nodeID: NodeID(high: generator.next(), low: generator.next()).description, clusterID: nil,
                    bootEpoch: 0, number: nil, metadataReplica: nil, name: configuration.node.name)
            }
            let stamp = identity.beginStart(nonce: generator.next())
            identity.name = configuration.node.name
            try directory.write(identity)
            return (identity, stamp)
        } catch let failure as DataDirectoryFailure {
            throw NodeFailure.directory(failure)
        }
    }

    func join(
        _ identity: inout NodeIdentity, node: NodeID, transport: PeerTransport, loop: any EventLoop,
        onRefusal: @escaping @Sendable (String) -> Void
    ) async throws {
        guard !configuration.seeds.isEmpty else { throw NodeFailure.noCluster(directory.path) }
        logger.info("joining", metadata: ["join.seeds": "\(configuration.seeds.map(\.description))"])
        let request = JoinRequest(
            node: node, name: configuration.node.name, zone: configuration.node.zone ?? "",
            weight: configuration.node.weight)
        let answer = try await ClusterJoin(
            transport: transport, seeds: seeds, request: request, loop: loop, logger: logger,
            onRefusal: onRefusal
        ).run()
        identity.clusterID = answer.cluster.description
        identity.number = answer.number
        identity.metadataReplica = answer.metadataReplica.raw
        try directory.write(identity)
    }

    var seeds: [PeerAddress] {
        configuration.seeds.map { PeerAddress(host: $0.host, port: $0.port) }
    }
}
