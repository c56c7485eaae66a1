import Admin
import Chat
import Consensus
import Foundation
import Gateway
import Logging
import Membership
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
    /// What ends this node from within.
    /// What `martlet recover apply` has done in this data directory.
    private let recoveries: RecoveryRecord
    private let security: NodeSecurity
    private let failures: AsyncStream<NodeFailure>
    private let failureSink: AsyncStream<NodeFailure>.Continuation

    init(configuration: NodeConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        secrets = try configuration.secrets()
        do {
            directory = try DataDirectory(path: configuration.dataDirectory)
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
        var (identity, stamp) = try bootIdentity()
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
            try await join(&identity, node: node, transport: transport)
        } else {
            try await IdentityCheck(
                transport: transport, seeds: seeds, loop: loops[0], logger: logger
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
        logger.info("listening for clients", metadata: ["net.address": "\(configuration.listen.client)"])
    }

    /// Raises the boot epoch, durably, before anybody hears of this start (rule M4).
    private func bootIdentity() throws -> (NodeIdentity, BootStamp) {
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

    private func join(_ identity: inout NodeIdentity, node: NodeID, transport: PeerTransport) async throws {
        guard !configuration.seeds.isEmpty else { throw NodeFailure.noCluster(directory.path) }
        logger.info("joining", metadata: ["join.seeds": "\(configuration.seeds.map(\.description))"])
        let request = JoinRequest(
            node: node, name: configuration.node.name, zone: configuration.node.zone ?? "",
            weight: configuration.node.weight)
        let answer = try await ClusterJoin(
            transport: transport, seeds: seeds, request: request, loop: loops[0], logger: logger,
            onRefusal: { [admin] reason in admin.joinProblem.withLockedValue { $0 = reason } }
        ).run()
        identity.clusterID = answer.cluster.description
        identity.number = answer.number
        identity.metadataReplica = answer.metadataReplica.raw
        try directory.write(identity)
    }

    private var seeds: [PeerAddress] {
        configuration.seeds.map { PeerAddress(host: $0.host, port: $0.port) }
    }

    // MARK: Parts

    private func assemble(
        _ identity: NodeIdentity, node: NodeID, cluster: ClusterID, transport: PeerTransport
    ) async throws -> NodeParts {
        admin.isOpening.withLockedValue { $0 = true }
        let (log, recovered, buried) = try openLog(cluster: cluster, node: node)
        let ending = StorageEnding(directory)
        let store = try openStore(ending)
        try checkState(store, recovered)
        admin.isOpening.withLockedValue { $0 = false }
        let state = NodeState()
        let ports = NodePorts(
            node: node, transport: transport, sessions: SessionHub(bootEpoch: identity.bootEpoch),
            clock: clock, metrics: metrics, pushRules: PushMachine.Rules(configuration.push))
        let roster = MemberRoster(node: node, clock: clock, clientScheme: security.clientScheme)
        let handover = PartitionHandover(
            ports: ports, state: state, roster: roster, transport: transport, loop: loops[0])
        let shards = makeShards(ports: ports, store: store, log: log, roster: roster, ending: ending)
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
        try await restore(shards, recovered, buried, identity: identity, state: state, ports: ports)
        if state.metadata.members[node]?.state == .left { throw NodeFailure.removed }
        let gossip = try await startPeers(
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

    private func openLog(
        cluster: ClusterID, node: NodeID
    ) throws -> (WriteAheadLog, [GroupID: RecoveredReplica], [GroupID: Set<ReplicaID>]) {
        do {
            var options = WriteAheadLog.Options()
            options.spacingMicroseconds = configuration.thresholds.syncSpacingMicroseconds
            options.onBatch = { [metrics] bytes, items, microseconds in
                metrics.fsync.observe(microseconds)
                metrics.walBatchBytes.observe(UInt64(bytes))
                metrics.walBatchItems.observe(UInt64(items))
                metrics.walBytesWritten.add(bytes)
            }
            let opened = try WriteAheadLog.open(
                directory: directory.walPath, cluster: cluster, node: node, options: options)
            return (opened.log, opened.recovered, opened.buried)
        } catch let corruption as StorageCorruption {
            throw condemned("\(corruption)")
        }
    }

    private func openStore(_ ending: StorageEnding) throws -> RocksStateStore {
        do {
            return try RocksStateStore(
                path: directory.storePath, settings: RocksStateStore.Settings(onFatal: ending.failed))
        } catch {
            guard error.isCorruption else { throw error }
            throw condemned("the state store is corrupt: \(error)")
        }
    }

    /// Noted, so that a disk that reads well the next time is not believed.
    private func condemned(_ reason: String) -> NodeFailure {
        directory.condemn(reason)
        return .storageCorrupt(reason)
    }

    /// The log never starts above what the state store holds (rule R2), nor does the state run ahead of the log
    /// (rule D4); generations that nothing refers to are left-overs of an interrupted install.
    private func checkState(_ store: RocksStateStore, _ recovered: [GroupID: RecoveredReplica]) throws {
        for (group, replica) in recovered.sorted(by: { $0.key < $1.key }) {
            let applied = store.applied(group: group, generation: replica.generation)
            let last = replica.entries.last?.index ?? replica.point.index
            guard applied >= replica.point.index, applied <= last else {
                throw condemned(
                    "group \(group): the state stands at \(applied), the log holds \(replica.point.index) to \(last)"
                )
            }
        }
        let orphans = store.generations().filter { recovered[$0.group]?.generation != $0.generation }
        for (group, generation) in orphans { store.removeGeneration(group: group, generation: generation) }
        if !orphans.isEmpty { try store.flush() }
    }

    private func makeShards(
        ports: NodePorts, store: RocksStateStore, log: WriteAheadLog, roster: MemberRoster,
        ending: StorageEnding
    ) -> [ShardActor] {
        var generator = SystemRandomNumberGenerator()
        let flusher = StoreFlusher(store: store, pool: pool, loop: loops[0], ending: ending)
        return loops.enumerated().map { index, loop in
            ShardActor(
                ShardParts(
                    index: index, loop: loop, ports: ports, store: store, flusher: flusher, log: log,
                    readPool: pool,
                    limits: configuration.limits, logger: logger, clock: clock, metrics: metrics,
                    coordinator: Coordinator(
                        replaceAfterMilliseconds: configuration.thresholds.replaceAfterMilliseconds),
                    liveness: { roster.liveness() }, raftSettings: RaftSettings(), ending: ending,
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
        _ shards: [ShardActor], _ recovered: [GroupID: RecoveredReplica],
        _ buried: [GroupID: Set<ReplicaID>], identity: NodeIdentity,
        state: NodeState, ports: NodePorts
    ) async throws {
        for shard in shards {
            let mine = recovered.values.filter { Int($0.group.raw) % shards.count == shard.index }
            try await shard.loop.submit { shard.assumeIsolated { $0.restore(mine, buried: buried) } }.get()
        }
        // Only now may the metadata be published: a shard that does not know yet what it has would take a replica
        // that it should have for one that it must create.
        let joining = identity.metadataReplica.map { ReplicaID($0) }
        let first = shards[0]
        try await first.loop.submit {
            try first.assumeIsolated { shard in
                try shard.hostMetadata(joining: joining) { metadata in
                    state.adopt(metadata)
                    for shard in ports.shards { shard.post(.metadata(metadata)) }
                }
            }
        }.get()
    }

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

    private func startPeers(
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
        let fence = Fence(clock: clock) { [failureSink] in _ = failureSink.yield($0) }
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
            linkIsBack: linkIsBack)
        transport.setDelegate(links)
        do {
            try await transport.listen(
                host: configuration.listen.peer.host, port: configuration.listen.peer.port)
            try await gossip.start(
                host: configuration.listen.peer.host, port: configuration.listen.peer.port,
                sealer: GossipSealer(cluster: cluster, keyRing: keys.withLockedValue { $0 }))
        } catch {
            throw NodeFailure.cannotListen("cannot listen on \(configuration.listen.peer): \(error)")
        }
        return gossip
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
