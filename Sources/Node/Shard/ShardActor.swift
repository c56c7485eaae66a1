import Chat
import Consensus
import Logging
import NIOCore
import NIOPosix
import Observability
import PeerTransport
import RocksStorage
import Storage
import Vocabulary
import Wire

/// All replicas of one event loop: runs their Raft machines, their applied state and, where they lead, the
/// actors of their conversations, groups and users.
///
/// One turn of the loop: everything that arrived is fed to the machines, then `pump` hands on what came out, so
/// that a whole turn's entries of many groups leave as one log batch and one frame per peer. Executor: the loop.
actor ShardActor {
    static let tickTime = TimeAmount.milliseconds(20)

    let index: Int
    let loop: any EventLoop
    let ports: NodePorts
    let store: RocksStateStore
    let flusher: StoreFlusher
    let log: WriteAheadLog
    let readPool: NIOThreadPool
    let limits: Limits
    let logger: Logger
    let clock: NodeClock
    let metrics: NodeMetrics
    let ending: StorageEnding
    var counts = ShardCounts()

    var raft: MultiRaft
    var groups: [GroupID: HostedGroup] = [:]
    /// Replicas that are gone for ever; a late or older word must not raise them (rules M2 and M3).
    var buried: [GroupID: Set<ReplicaID>] = [:]
    /// The committed metadata as this shard knows it.
    var metadata: ClusterMetadata?
    /// Present on the shard that hosts group 0.
    var metadataHost: MetadataHost?
    /// Groups that go on from this node's replica after their quorum was lost.
    let recovered: [GroupID: LossEvent]
    var snapshotsOut: [UInt64: SnapshotSender] = [:]
    var snapshotsIn: [GroupID: SnapshotReceiver] = [:]
    var snapshotPace: SnapshotPace
    /// Starts at random, so that transfers of an earlier process are never taken for this one's.
    var nextTransfer: UInt64
    var reads: [UInt64: WaitingRead] = [:]
    var nextRead: UInt64 = 1
    var metadataReads: [UInt64: @Sendable (ClusterMetadata?) -> Void] = [:]
    /// Keeps what routers send in the order they sent it.
    var gate = StreamGate()
    var readsAwaitingApply: [(token: UInt64, index: LogIndex)] = []
    /// Partitions whose fan-out has news.
    var withFanout: Set<GroupID> = []
    var outgoing = OutgoingDeliveries()
    /// Generations that a snapshot has replaced; they go when the log's record of it is durable.
    var retired: [RetiredGeneration] = []
    /// Groups whose former replica's state is being removed.
    var removing: Set<GroupID> = []
    var handover = LeaderHandover()
    let coordinator: Coordinator
    /// What the coordinator saw last, and when.
    var coordinated: (input: CoordinatorInput, at: Tick)?
    let liveness: @Sendable () -> [NodeID: Coordinator.Liveness]
    let startedAt: Tick
    var isPumpScheduled = false
    var isFlushing = false
    var lastFlush: Tick = .zero
    var ticks: UInt64 = 0
    var ticker: RepeatedTask?
    var isDraining = false
    var diskLevel = DiskGuard.Level.normal

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(_ parts: ShardParts) {
        index = parts.index
        loop = parts.loop
        ports = parts.ports
        store = parts.store
        flusher = parts.flusher
        log = parts.log
        readPool = parts.readPool
        limits = parts.limits
        logger = parts.logger
        clock = parts.clock
        metrics = parts.metrics
        ending = parts.ending
        coordinator = parts.coordinator
        nextTransfer = parts.seed >> 20 | 1
        liveness = parts.liveness
        startedAt = parts.clock.tick()
        recovered = parts.recovered
        snapshotPace = SnapshotPace(
            bytesPerSecond: parts.moveBytesPerSecond, now: parts.clock.tick())
        raft = MultiRaft(
            node: parts.ports.node, settings: parts.raftSettings,
            generator: SeededGenerator(seed: parts.seed))
    }

    func start() {
        ticker = loop.scheduleRepeatedTask(initialDelay: Self.tickTime, delay: Self.tickTime) { _ in
            self.assumeIsolated { $0.tick() }
        }
        schedulePump()
    }

    func stop() {
        ticker?.cancel()
        ticker = nil
    }

    /// Everything that arrived since the last turn.
    func receive(_ inputs: [ShardInput]) {
        let now = clock.tick()
        for input in inputs { take(input, now: now) }
        pump()
    }

    private func take(_ input: ShardInput, now: Tick) {
        switch input {
        case .raft(let messages, let node): raft.receive(messages, from: node, now: now)
        case .heartbeat(let heartbeat, let node): raft.receive(heartbeat, from: node, now: now)
        case .heartbeatAck(let ack, let node): raft.receive(ack, from: node, now: now)
        case .snapshot(let frame, let node): receive(frame, from: node)
        case .persisted(let sequence): persisted(through: sequence)
        case .request(let origin, let place, let group, let operation):
            take(operation, group: group, origin: origin, place: place)
        case .fanout(let items, let node): receive(fanout: items, from: node)
        case .fanoutAcks(let acks): receive(acks: acks)
        case .memberQueries(let queries, let node): answer(queries, to: node)
        case .memberSnapshots(let snapshots): receive(snapshots)
        case .typing(let items): receive(typing: items)
        case .flagsDelivered(let group, let updates): flagsDelivered(updates, group: group)
        case .memberErased(let group, let request, let result):
            memberErased(request, result, group: group)
        case .metadata(let metadata): adopt(metadata)
        case .suspicion(let node, let isSuspect): raft.suspect(node: node, isSuspect, now: now)
        case .leaderChanged(let group): leaderChanged(of: group)
        case .peerLost(let node): peerLost(node)
        case .removed(let group): removed(group)
        case .metadataCommand(let command, let answer): proposeMetadata(command, answer: answer)
        case .join(let request, let answer): admit(request, answer: answer)
        case .readMetadata(let answer): readMetadata(answer: answer)
        case .restate(let pinned):
            for group in pinned where groups[group] != nil { raft.restate(group: group) }
        case .flushed: compactLogs()
        case .ingested(let group, let transfer): snapshotIsDurable(group, transfer: transfer)
        case .transferLeaders(let nodes): transferLeaders(to: nodes)
        case .disk(let level):
            diskLevel = level
            raft.isDiskLow = level >= .low
        case .transfer(let group, let node): _ = raft.transferLeadership(group: group, to: node)
        case .pushed(let result, let group, let term): pushed(result, group: group, term: term)
        case .report(let applied, let answer):
            applyGathered(applied)
            answer(report())
        case .staleRead(let origin, let group, let query): serveStale(query, group: group, origin: origin)
        }
    }

    private func tick() {
        ticks += 1
        let now = clock.tick()
        raft.tick(now: now, walAge: log.ageOfOldestUnsynced)
        tickLeaders(now: now)
        resumeSnapshots(now: now)
        continueHandover()
        if ticks % 5 == 0 {
            driveConfigurations()
            coordinate()
        }
        if ticks % 50 == 0 { flushIfNeeded(now: now) }
        pump()
    }

    func schedulePump() {
        guard !isPumpScheduled else { return }
        isPumpScheduled = true
        loop.execute { self.assumeIsolated { $0.pump() } }
    }
}
