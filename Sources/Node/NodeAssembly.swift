import Admin
import Chat
import Consensus
import Gateway
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NodeConfig
import Observability
import PeerTransport
import Push
import RocksStorage
import Sealing
import Storage
import Vocabulary
import Wire

/// Puts one node together, in the order in which it may begin to speak: the data directory and its identity, the
/// cluster (joined if need be), the recovered log and state, replication, gossip, and last the client port.
final class NodeAssembly: Sendable {
    private let configuration: NodeConfiguration
    private let secrets: NodeSecrets
    private let keys: NIOLockedValueBox<GossipKeyRing>
    private let directory: DataDirectory
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let loops: [any EventLoop]
    private let pool = NIOThreadPool(numberOfThreads: 2)
    private let clock = NodeClock()
    private let metrics = NodeMetrics()
    private let admin: NodeAdmin
    private let parts = NIOLockedValueBox<NodeParts?>(nil)
    /// What `martlet recover apply` has done in this data directory.
    private let recoveries: RecoveryRecord
    private let security: NodeSecurity
    /// What ends this node from within.
    private let failures: AsyncStream<NodeFailure>
    private let failureSink: AsyncStream<NodeFailure>.Continuation

    init(configuration: NodeConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        secrets = try configuration.secrets()
        do {
            directory = try DataDirectory(path: configuration.dataDirectory)
            try directory.claimFormat()
        } catch {
            throw NodeFailure.directory(error)
        }
        if let reason = directory.condemnation() { throw NodeFailure.storageCorrupt(reason) }
        guard let ring = try NodeProcess.gossipKeys(secrets) else {
            throw NodeFailure.badGossipKey("it is needed: every node of a cluster has the same key")
        }
        keys = NIOLockedValueBox(ring)
        security = try NodeSecurity(configuration.tls)
        recoveries = try RecoveryRecord.read(directory: configuration.dataDirectory)
        (failures, failureSink) = AsyncStream.makeStream()
        let threads = configuration.shards ?? System.coreCount
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, threads))
        loops = Array(group.makeIterator())
        admin = NodeAdmin(
            name: configuration.node.name, logger: logger, metrics: metrics, clock: clock, parts: parts)
        // Not healthy before its log is read: it may be one that must not start.
        let hasCluster = try directory.readIdentity()?.clusterID != nil
        admin.isOpening.withLockedValue { $0 = hasCluster }
    }

    /// Starts everything, then serves until the task is cancelled.
    func run() async throws {
        let server = AdminServer(
            address: configuration.listen.admin, source: admin, token: secrets.adminToken,
            security: security.admin, group: group, logger: quiet("martlet.admin"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run() }
            tasks.addTask {
                do { try await self.start() } catch NodeFailure.removed {
                    self.directory.note(hasLeft: true)
                    throw NodeFailure.removed
                }
                try await self.admin.sampleRates { self.directory.note(hasLeft: true) }
            }
            tasks.addTask { for await failure in self.failures { throw failure } }
            // Whatever ends first ends the node.
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    private func quiet(_ label: String) -> Logger {
        var logger = Logger(label: label)
        if logger.logLevel < .notice { logger.logLevel = .notice }
        return logger
    }

    private func start() async throws {
        pool.start()
        let boot = NodeBoot(configuration: configuration, directory: directory, logger: logger)
        var (identity, stamp) = try boot.begin()
        guard let node = identity.node else { throw NodeFailure.noCluster(directory.path) }
        let memory: PeerMemory
        do { memory = try PeerMemory(directory, pool: pool) } catch { throw NodeFailure.directory(error) }
        let transport = PeerTransport(
            identity: PeerIdentity(
                cluster: identity.cluster ?? .none, node: node, bootEpoch: stamp.epoch,
                bootNonce: stamp.nonce, keys: keys.withLockedValue { $0.keys.map(\.bytes) }),
            group: group, outboxBytesMax: configuration.limits.peerQueueBytesMax,
            security: security.peer, memory: memory, logger: logger)
        if identity.cluster == nil {
            try await boot.join(&identity, node: node, transport: transport, loop: loops[0]) {
                [admin] reason in
                admin.joinProblem.withLockedValue { $0 = reason }
            }
        } else {
            try await IdentityCheck(
                transport: transport, seeds: boot.seeds, loop: loops[0], logger: logger
            ).run()
        }
        guard let cluster = identity.cluster else { throw NodeFailure.noCluster(directory.path) }
        transport.setCluster(cluster)
        logger.info(
            "starting",
            metadata: [
                "node.id": "\(node)", "cluster.id": "\(cluster)", "node.boot_epoch": "\(identity.bootEpoch)",
            ])
        let parts = try await assemble(identity, node: node, cluster: cluster, transport: transport)
        self.parts.withLockedValue { $0 = parts }
        _ = try await parts.gateway.start()
        ListeningSockets.closeOnExec()
        logger.info("listening for clients", metadata: ["net.address": "\(configuration.listen.client)"])
    }

    // MARK: Parts

    private func assemble(
        _ identity: NodeIdentity, node: NodeID, cluster: ClusterID, transport: PeerTransport
    ) async throws -> NodeParts {
        admin.isOpening.withLockedValue { $0 = true }
        let storage = try NodeStorage(
            directory, cluster: cluster, node: node,
            spacingMicroseconds: configuration.thresholds.syncSpacingMicroseconds, metrics: metrics)
        let (log, store) = (storage.log, storage.store)
        admin.isOpening.withLockedValue { $0 = false }
        let state = NodeState()
        let ports = NodePorts(
            node: node, transport: transport, sessions: SessionHub(bootEpoch: identity.bootEpoch),
            clock: clock, metrics: metrics, pushRules: PushMachine.Rules(configuration.push))
        let roster = MemberRoster(node: node, clock: clock, clientScheme: security.clientScheme)
        let handover = PartitionHandover(
            ports: ports, state: state, roster: roster, transport: transport, loop: loops[0])
        let shards = makeShards(ports: ports, storage: storage, roster: roster)
        let routers = loops.enumerated().map { index, loop in
            LoopRouter(
                loop: loop, index: index, ports: ports, limits: configuration.limits,
                bootEpoch: identity.bootEpoch)
        }
        connect(ports: ports, shards: shards, routers: routers)
        log.onPinned { groups in
            for shard in ports.shards { shard.post(.restate(groups)) }
        }
        let keeper = SessionKeeper(ports: ports, state: state, loop: loops[0], router: routers[0])
        let presence = PresenceKeeper(
            state: state, sessions: ports.sessions, loop: loops[0], router: routers[0])
        ports.onLeaderChange { group in
            keeper.leaderChanged(of: group)
            presence.leaderChanged(of: group)
        }
        try await restore(shards, storage, identity: identity, state: state, ports: ports)
        if state.metadata.members[node]?.state == .left { throw NodeFailure.removed }
        let gossip = try await NodePeers(
            configuration: configuration, keys: keys.withLockedValue { $0 }, clock: clock, logger: logger,
            loops: loops, end: { [failureSink] in failureSink.yield($0) }
        ).start(
            identity, node: node, cluster: cluster, transport: transport, ports: ports, state: state,
            roster: roster, handover: handover
        ) {
            keeper.refreshAll()
            presence.repeatAll()
        }
        let disk = DiskWatch(
            configuration: configuration, log: log, ports: ports, pool: pool, metrics: metrics,
            logger: logger,
            targets: { roster.alive().subtracting([node]).sorted() })
        let readiness = Readiness(node: node, state: state, ports: ports, disk: disk)
        let dispatcher = NodeDispatcher(
            ports: ports, state: state, routers: zip(loops, routers).map { ($0, $1) }, keeper: keeper,
            presence: presence, ready: { readiness.isFormed }, targets: { roster.clientURLs() })
        let push = try await pushService(dispatcher, ports: ports)
        let tokens = try await TokenVerifier(
            hs256Secret: secrets.hs256Secret, jwksJSON: secrets.jwks, audience: configuration.auth.audience,
            issuer: configuration.auth.issuer)
        let gateway = GatewayServer(
            configuration: GatewayConfiguration(
                host: configuration.listen.client.host, port: configuration.listen.client.port,
                limits: configuration.limits, security: security.client),
            dispatcher: dispatcher, tokens: tokens, group: group, metrics: metrics,
            logger: quiet("martlet.client"))
        let life = NodeOperations(
            node: node, state: state, ports: ports, clock: clock, limits: configuration.limits,
            gateway: gateway,
            forwarder: Forwarder(ports: ports, roster: roster, transport: transport, loop: loops[0]),
            handover: handover, profile: configuration.profile(of: node), expelled: recoveries.lostNodes,
            alive: { roster.alive() })
        for shard in shards { try await shard.loop.submit { shard.assumeIsolated { $0.start() } }.get() }
        keeper.start()
        presence.start()
        disk.start(on: loops[0])
        return NodeParts(
            node: node, configuration: configuration, state: state, ports: ports, log: log, store: store,
            readPool: pool, shards: shards, gateway: gateway, gossip: gossip, keeper: keeper,
            presence: presence, life: life,
            readiness: readiness, disk: disk,
            dispatcher: dispatcher, push: push)
    }

    private func pushService(_ dispatcher: NodeDispatcher, ports: NodePorts) async throws -> PushService? {
        guard let settings = PushSettings(configuration.push, secrets.push) else { return nil }
        let senders: PushSenders
        do { senders = try await PushSenders(settings) } catch {
            throw ConfigurationFailure([
                ConfigurationProblem(
                    source: configuration.file ?? "configuration", key: "push", reason: "\(error)")
            ])
        }
        let service = PushService(
            senders: senders, dispatcher: dispatcher, loop: loops[0], metrics: metrics, logger: logger)
        ports.onPush { job, answer in service.take(job, answer: answer) }
        return service
    }

    private func makeShards(
        ports: NodePorts, storage: NodeStorage, roster: MemberRoster
    ) -> [ShardActor] {
        var generator = SystemRandomNumberGenerator()
        let flusher = StoreFlusher(
            store: storage.store, pool: pool, loop: loops[0], ending: storage.ending)
        return loops.enumerated().map { index, loop in
            ShardActor(
                ShardParts(
                    index: index, loop: loop, ports: ports, store: storage.store, flusher: flusher,
                    log: storage.log,
                    readPool: pool,
                    limits: configuration.limits, logger: logger, clock: clock, metrics: metrics,
                    coordinator: Coordinator(
                        replaceAfterMilliseconds: configuration.thresholds.replaceAfterMilliseconds),
                    liveness: { roster.liveness() }, raftSettings: RaftSettings(), ending: storage.ending,
                    seed: generator.next(),
                    moveBytesPerSecond: configuration.thresholds.moveBytesPerSecond
                        / UInt64(loops.count),
                    recovered: recoveries.events))
        }
    }

    private func connect(ports: NodePorts, shards: [ShardActor], routers: [LoopRouter]) {
        ports.connect(
            shards: shards.map { shard in
                LoopMailbox(loop: shard.loop) { inputs in shard.assumeIsolated { $0.receive(inputs) } }
            },
            routers: zip(loops, routers).map { loop, router in
                LoopMailbox(loop: loop) { inputs in router.assumeIsolated { $0.receive(inputs) } }
            })
    }

    private func restore(
        _ shards: [ShardActor], _ storage: NodeStorage, identity: NodeIdentity,
        state: NodeState, ports: NodePorts
    ) async throws {
        for shard in shards {
            let mine = storage.recovered.values.filter { Int($0.group.raw) % shards.count == shard.index }
            try await shard.loop.submit {
                shard.assumeIsolated { $0.restore(mine, buried: storage.buried) }
            }.get()
        }
        // Only now may the metadata be published: a shard that does not know yet what it has would take a replica
        // that it should have for one that it must create.
        let joining = identity.metadataReplica.map { ReplicaID($0) }
        let first = shards[0]
        try await first.loop.submit {
            first.assumeIsolated { shard in
                shard.hostMetadata(joining: joining) { metadata in
                    state.adopt(metadata)
                    for shard in ports.shards { shard.post(.metadata(metadata)) }
                }
            }
        }.get()
    }

    /// Reads the gossip key file again and uses what it holds now. Open links stay; a bad file changes nothing.
    func reloadKeys() async {
        do {
            guard let ring = try NodeProcess.gossipKeys(try configuration.secrets()) else { return }
            keys.withLockedValue { $0 = ring }
            if let parts = parts.withLockedValue({ $0 }) {
                parts.ports.transport.setKeys(ring.keys.map(\.bytes))
                await parts.gossip.rekey(
                    GossipSealer(cluster: parts.ports.transport.identity.cluster, keyRing: ring))
            }
            try security.reload()
            logger.notice("gossip keys reloaded", metadata: ["gossip.keys": "\(ring.keys.count)"])
        } catch {
            logger.error("gossip keys stay as they are", metadata: ["error": "\(error)"])
        }
    }

    // MARK: End

    /// Leaves service: clients and leaderships go elsewhere.
    func drain() async {
        guard let parts = parts.withLockedValue({ $0 }) else { return }
        parts.life.startDraining()
        await parts.life.drained()
    }

    /// Stops what runs and closes what is open. Nothing acknowledged depends on it.
    func stop() async {
        guard let parts = parts.withLockedValue({ $0 }) else { return }
        await parts.gateway.stop()
        await parts.push?.stop()
        parts.keeper.stop()
        parts.presence.stop()
        parts.disk.stop()
        for shard in parts.shards {
            try? await shard.loop.submit { shard.assumeIsolated { $0.stop() } }.get()
        }
        await parts.gossip.stop()
        parts.ports.transport.stop()
        parts.log.close()
        do { try parts.store.close() } catch {
            logger.warning("closing the state store", metadata: ["error": "\(error)"])
        }
    }
}
