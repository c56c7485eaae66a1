import Admin
import Consensus
import Foundation
import Gateway
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NodeConfig
import Observability
import PeerTransport
import Sealing
import ServiceLifecycle
import Storage
import UnixSignals
import Vocabulary
import Wire

/// One node as a process: from its configuration to its end.
package enum NodeProcess {
    /// Forms a cluster in an unused data directory, once (rule M6). Returns when that is durable.
    package static func initialise(configuration: NodeConfiguration, expectNodes: Int) throws {
        let secrets = try configuration.secrets()
        try refuseBesideACluster(configuration, secrets: secrets)
        _ = try ClusterFormer.form(configuration, expectNodes: expectNodes)
    }

    /// `init` refuses where a seed answers with a cluster.
    private static func refuseBesideACluster(_ configuration: NodeConfiguration, secrets: NodeSecrets) throws
    {
        guard !configuration.seeds.isEmpty, let key = try gossipKeys(secrets)?.first else { return }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { group.shutdownGracefully { _ in } }
        var generator = SystemRandomNumberGenerator()
        let identity = PeerIdentity(
            cluster: .none, node: NodeID(high: generator.next(), low: generator.next()), bootEpoch: 1,
            bootNonce: generator.next(), keys: [key.bytes])
        let transport = PeerTransport(
            identity: identity, group: group, outboxBytesMax: 1 << 20,
            security: try NodeSecurity(configuration.tls).peer, logger: Logger(label: "martlet.init"))
        for seed in configuration.seeds {
            let address = PeerAddress(host: seed.host, port: seed.port)
            do {
                let reply = try transport.call(
                    .fullSync([]), at: address, on: group.next(), timeout: .seconds(2)
                ).wait()
                throw NodeFailure.clusterAnswers(seed: "\(seed)", cluster: "\(reply.cluster)")
            } catch PeerCallFailure.timedOut(.some(let cluster)), PeerCallFailure.closed(.some(let cluster)) {
                // A member proves itself and then does not answer one that is in no cluster.
                throw NodeFailure.clusterAnswers(seed: "\(seed)", cluster: "\(cluster)")
            } catch is PeerCallFailure {
                // Nobody there, silent, or not one of ours: no reason to refuse.
                continue
            }
        }
    }

    static func gossipKeys(_ secrets: NodeSecrets) throws -> GossipKeyRing? {
        guard let contents = secrets.gossipKeyFile else { return nil }
        do {
            return try GossipKeyRing(fileContents: contents)
        } catch {
            throw NodeFailure.badGossipKey("\(error)")
        }
    }

    /// Runs until SIGTERM or SIGINT: the first drains and then stops, the second stops at once. SIGHUP reads the
    /// gossip keys again.
    package static func run(configuration: NodeConfiguration) async throws {
        let logger = Logger(label: "martlet")
        let assembly = try NodeAssembly(configuration: configuration, logger: logger)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let service = Task { try await assembly.run() }
        let watcher = Task {
            var count = 0
            for await signal in signals {
                if signal == .sighup {
                    await assembly.reloadKeys()
                    continue
                }
                count += 1
                if count == 1 {
                    logger.notice("draining; a second signal stops at once")
                    Task {
                        await assembly.drain()
                        service.cancel()
                    }
                } else {
                    service.cancel()
                    // Closing may hang on a stuck disk; what was acknowledged does not need it.
                    Task {
                        try await Task.sleep(for: .seconds(5))
                        _exit(0)
                    }
                }
            }
        }
        defer { watcher.cancel() }
        do {
            try await service.value
        } catch is CancellationError {}
        await assembly.stop()
        logger.notice("stopped")
    }
}

/// Why a node cannot start.
package enum NodeFailure: ProcessEnding {
    case clusterAnswers(seed: String, cluster: String)
    case badGossipKey(String)
    case noCluster(String)
    case storageCorrupt(String)
    /// What is stored is well, and of a kind that only a newer build knows.
    case newerData(String)
    case cannotListen(String)
    case directory(DataDirectoryFailure)
    /// Another process runs with this node's identity.
    case fenced(String)
    /// No seed that answers takes this node.
    case refused(String)
    /// The cluster has let this node go for good.
    case removed
    case notDamaged(String)

    package var exit: ProcessExit {
        switch self {
        case .storageCorrupt: .storageCorrupt
        case .badGossipKey, .newerData: .badConfiguration
        case .directory(let failure): failure.exit
        case .noCluster, .clusterAnswers, .cannotListen, .fenced, .refused, .removed, .notDamaged: .failed
        }
    }

    package var description: String {
        switch self {
        case .clusterAnswers(let seed, let cluster):
            "the seed \(seed) answers for a cluster (\(cluster)); start the node to join it, do not form another"
        case .badGossipKey(let reason): "cluster.gossip_key_file: \(reason)"
        case .noCluster(let directory):
            "\(directory) belongs to no cluster: run 'martlet init' once to form one, or configure seeds to join one"
        case .storageCorrupt(let reason):
            """
            storage corrupt: \(reason)
            This node must not vote with what it has. Run 'martlet rebuild' with its configuration and start it again: \
            it joins as a new node. Then have the others replace the old one ('martlet replace').
            """
        case .newerData(let reason):
            "a newer build has written what this one does not know, start that one or a later one: \(reason)"
        case .notDamaged(let directory):
            "\(directory) is not known to be damaged; --force moves it aside all the same"
        case .cannotListen(let reason): reason
        case .directory(let failure): failure.description
        case .fenced(let reason):
            """
            this node is fenced off: \(reason).
            Its data directory was copied, or restored from an old copy. Only one of the two may run, and the cluster \
            keeps the other. To add a node, start it with an empty data directory. If the directory was restored, run \
            'martlet rebuild --force' and start: it joins as a new node. Then replace the old one ('martlet replace').
            """
        case .refused(let reason): "every seed that answers refuses this node: \(reason)"
        case .removed:
            """
            this node has left the cluster for good: \(HandshakeRefusal.removed.reason).
            To join as a new node, start with an empty data directory.
            """
        }
    }
}
