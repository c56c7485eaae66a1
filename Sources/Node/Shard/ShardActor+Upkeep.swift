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

/// What a shard is made of.
struct ShardParts {
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
    let coordinator: Coordinator
    let liveness: @Sendable () -> [NodeID: Coordinator.Liveness]
    let raftSettings: RaftSettings
    let ending: StorageEnding
    let seed: UInt64
    /// What snapshots of this shard may take.
    let moveBytesPerSecond: UInt64
    /// Groups that go on from this node's replica after their quorum was lost.
    let recovered: [GroupID: LossEvent]
}

extension ShardActor {
    /// Entries kept below the persisted index, for followers that are a little behind.
    private static let keptEntries = 4_096
    private static let flushMilliseconds: UInt64 = 30_000
    /// And their bytes; whichever bound is met first.
    private static let keptBytes = 4 << 20
    /// Entries and bytes in memory, over all groups of the shard, that make a flush urgent.
    private static let entriesInMemoryMax = 200_000
    private static let bytesInMemoryMax = 128 << 20
    private static let urgentFlushMilliseconds: UInt64 = 1_000
    /// So many bytes that were not flushed are flushed ahead of time, but not more often than this: a small table in
    /// memory stays in the processor's cache, and writing it out holds nobody up. Under full load the store's own bound
    /// comes first, since many small tables cost more than they save.
    private static let earlyFlushBytes: UInt64 = 8 << 20
    private static let earlyFlushMilliseconds: UInt64 = 5_000

    /// Replicas as the log has them; called before `start`.
    func restore(_ recovered: [RecoveredReplica], buried: [GroupID: Set<ReplicaID>]) {
        self.buried = buried
        let now = clock.tick()
        for replica in recovered.sorted(by: { $0.group < $1.group }) {
            let applied = store.applied(group: replica.group, generation: replica.generation)
            groups[replica.group] = HostedGroup(
                generation: replica.generation, applied: applied,
                digest: store.digest(group: replica.group, generation: replica.generation))
            raft.restore(replica, applied: applied, now: now)
        }
    }

    /// Puts group 0's state machine on this shard.
    func hostMetadata(
        joining replica: ReplicaID?, publish: @escaping @Sendable (ClusterMetadata) -> Void
    ) {
        let generation = groups[.metadata]?.generation ?? 0
        let state = ending.orUnreadable { () throws(DecodingFailure) in
            try MetadataHost.load(from: store, generation: generation)
        }
        metadataHost = MetadataHost(state: state, publish: publish)
        if groups[.metadata] == nil, let replica {
            groups[.metadata] = HostedGroup(generation: 0, applied: .zero)
            raft.create(group: .metadata, replica: replica, configuration: .empty, now: clock.tick())
        }
        if state.formation != nil { publish(state) }
    }

    /// Flushes the state store now and then, so that the log can be compacted (rule R2). The store is shared by all
    /// shards; the first one flushes for all.
    func flushIfNeeded(now: Tick) {
        guard index == 0, !isFlushing else { return }
        let entries = groups.keys.reduce(0) { total, group in
            total + (raft.status(of: group).map { $0.lastIndex.distance(after: $0.firstIndex) } ?? 0)
        }
        let isUrgent = entries > Self.entriesInMemoryMax || raft.logByteCount > Self.bytesInMemoryMax
        let waited = now.since(lastFlush)
        let isDue =
            waited >= Self.flushMilliseconds || isUrgent && waited >= Self.urgentFlushMilliseconds
            || waited >= Self.earlyFlushMilliseconds && store.unflushedBytes >= Self.earlyFlushBytes
        guard isDue else { return }
        isFlushing = true
        lastFlush = now
        let shards = ports.shards
        flusher.flush {
            for shard in shards { shard.post(.flushed) }
        }
    }

    func compactLogs() {
        isFlushing = false
        for (group, hosted) in groups.sorted(by: { $0.key < $1.key }) {
            guard let status = raft.status(of: group) else { continue }
            let persisted = store.persistedApplied(group: group, generation: hosted.generation)
            let through = min(
                persisted,
                raft.compactionIndex(of: group, keepingEntries: Self.keptEntries, bytes: Self.keptBytes))
            // Small steps are not worth a record.
            let isWorthIt =
                through.distance(after: status.firstIndex) >= Self.keptEntries / 4
                || raft.logByteCount > Self.bytesInMemoryMax
            if through > status.firstIndex && isWorthIt { raft.compact(group: group, through: through) }
        }
    }

    func report() -> ShardReport {
        var report = ShardReport()
        for (group, hosted) in groups.sorted(by: { $0.key < $1.key }) {
            if let status = raft.status(of: group) {
                report.logEntries += status.lastIndex.distance(after: status.firstIndex)
                if group != .metadata {
                    report.replicas.append(
                        ShardReport.Replica(
                            group: group, status: status,
                            persisted: store.persistedApplied(group: group, generation: hosted.generation),
                            snapshotBytes: snapshotsOut.values.filter { $0.group == group }
                                .reduce(0) { $0 + $1.sentBytes },
                            digest: hosted.digest, generation: hosted.generation))
                }
            }
            guard let leading = hosted.leading else { continue }
            report.conversations += leading.machines.conversations.conversationCount
            report.groups += leading.machines.conversations.groupCount
            report.users += leading.machines.users.userCount
            report.sessions += leading.machines.users.sessionCount
            report.pushesWaiting += leading.machines.users.pushCount
            report.proposalsWaiting += leading.origins.count
        }
        report.messagesCommitted = counts.messagesCommitted
        report.elections = counts.elections
        return report
    }
}
