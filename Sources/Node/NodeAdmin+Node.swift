import Admin
import Chat
import Consensus
import Foundation
import Gateway
import Logging
import Membership
import NIOConcurrencyHelpers
import NIOCore
import NodeConfig
import Observability
import PeerTransport
import RocksStorage
import Storage
import Vocabulary
import Wire

/// Totals sampled once a second, for rates.
struct RateMeters: Sendable {
    var sent = RateMeter()
    var delivered = RateMeter()
    var committed = RateMeter()
}

extension NodeAdmin {
    /// Samples until the task is cancelled.
    ///
    /// - Parameter onLeft: called once, when the cluster has let this node go for good.
    func sampleRates(onLeft: @Sendable () -> Void) async throws {
        var hasLeft = false
        while true {
            let now = clock.tick()
            rates.withLockedValue { rates in
                rates.sent.sample(metrics.sent.value, at: now)
                rates.delivered.sample(metrics.delivered.value, at: now)
                rates.committed.sample(metrics.commits.value, at: now)
            }
            if let parts = joined {
                parts.life.keepState()
                if parts.state.service == .left && !hasLeft {
                    hasLeft = true
                    onLeft()
                    await parts.gossip.leave()
                    logger.notice("this node has left the cluster for good; stop it")
                }
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    func node() async -> NodeView {
        guard let parts = joined else {
            return NodeView(
                nodeID: "", name: name, version: SoftwareVersion.text, uptimeMilliseconds: clock.tick().raw,
                connections: 0, sessions: 0, actors: [:], rates: [:], latencies: [:], walBytes: 0,
                storeBytes: 0, queues: [:], progress: NodeView.Progress(state: "joining"))
        }
        let reports = await parts.shardReports()
        let statistics = parts.log.statistics
        func total(_ value: (ShardReport) -> Int) -> Int { reports.reduce(0) { $0 + value($1) } }
        let sync = statistics.sync
        return NodeView(
            nodeID: parts.node.description, name: name, version: SoftwareVersion.text,
            uptimeMilliseconds: clock.tick().raw, connections: Int(metrics.connections.value),
            sessions: parts.ports.sessions.count,
            actors: [
                "connections": parts.ports.sessions.count, "conversations": total(\.conversations),
                "groups": total(\.groups), "users": total(\.users),
            ],
            rates: currentRates(),
            latencies: [
                "send_to_commit": latency(metrics.sendToCommit),
                "send_to_deliver": latency(metrics.sendToDeliver),
                "fsync": NodeView.Latency(
                    count: sync.count, p50: sync.quantileMicroseconds(0.5),
                    p99: sync.quantileMicroseconds(0.99)),
            ],
            walBytes: UInt64(statistics.totalBytes),
            storeBytes: directoryBytes(parts.configuration.dataDirectory + "/state"),
            queues: queues(parts, reports), progress: progress(parts, reports))
    }

    private func queues(_ parts: NodeParts, _ reports: [ShardReport]) -> [String: NodeView.Queue] {
        func total(_ value: (ShardReport) -> Int) -> Int { reports.reduce(0) { $0 + value($1) } }
        let limits = parts.configuration.limits
        return [
            "wal_bytes": NodeView.Queue(depth: parts.log.queuedBytes, limit: limits.proposalBytesMax),
            "proposals": NodeView.Queue(depth: total(\.proposalsWaiting), limit: limits.proposalsMax),
            "pushes": NodeView.Queue(depth: total(\.pushesWaiting), limit: PushMachine.waitingMax),
            "log_entries": NodeView.Queue(depth: total(\.logEntries), limit: 200_000 * reports.count),
            "peer_bytes": NodeView.Queue(
                depth: parts.ports.transport.queuedBytes().values.max() ?? 0, limit: limits.peerQueueBytesMax
            ),
        ]
    }

    private func currentRates() -> [String: Double] {
        rates.withLockedValue { rates in
            [
                "sent": rates.sent.perSecond, "delivered": rates.delivered.perSecond,
                "committed": rates.committed.perSecond,
            ]
        }
    }

    private func latency(_ histogram: Histogram) -> NodeView.Latency {
        NodeView.Latency(
            count: histogram.count, p50: histogram.quantile(0.5), p99: histogram.quantile(0.99))
    }

    private func progress(_ parts: NodeParts, _ reports: [ShardReport]) -> NodeView.Progress {
        let replicas = reports.flatMap(\.replicas)
        let deadline = parts.state.drainDeadline.map { Int($0.since(clock.tick())) }
        return NodeView.Progress(
            state: parts.state.service.rawValue, connectionsLeft: parts.ports.sessions.count,
            leadersLeft: replicas.filter { $0.status.role == .leader }.count, replicasLeft: replicas.count,
            deadlineMilliseconds: deadline)
    }

    private func directoryBytes(_ path: String) -> UInt64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.reduce(0) { total, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
            return total + ((attributes?[.size] as? NSNumber)?.uint64Value ?? 0)
        }
    }

    func metrics() async -> String {
        guard let parts = joined else { return metrics.text }
        let reports = await parts.shardReports()
        let replicas = reports.flatMap(\.replicas)
        let led = replicas.filter { $0.status.role == .leader }
        metrics.leaders.set(led.count)
        metrics.replicas.set(replicas.count)
        let lag = led.flatMap { replica in
            replica.status.progress.map { replica.status.lastIndex.distance(after: $0.matched) }
        }
        metrics.replicationLag.set(lag.max() ?? 0)
        let metadata = parts.state.metadata
        let alive = Set(parts.gossip.members.filter { $0.status.isPresent }.map(\.record.node))
        metrics.partitionsBelowReplicationFactor.set(metadata.underReplicated(alive: alive).count)
        metrics.partitionsUnavailable.set(metadata.unavailable(alive: alive).count)
        metrics.moves.set(metadata.partitions.filter { $0.move != nil }.count)
        let statistics = parts.log.statistics
        metrics.walBytes.set(Int(statistics.totalBytes))
        metrics.uptimeSeconds.set(Int(clock.tick().raw / 1_000))
        metrics.residentBytes.set(residentBytes())
        metrics.storeBytes.set(Int(directoryBytes(parts.configuration.dataDirectory + "/state")))
        metrics.storeMemoryBytes.set(Int(parts.store.memoryBytes))
        if let free = freeBytes(parts.configuration.dataDirectory) { metrics.diskFreeBytes.set(free) }
        for (name, queue) in queues(parts, reports) {
            metrics.queueDepths.set(name, UInt64(queue.depth))
            metrics.queueLimits.set(name, UInt64(queue.limit))
        }
        setGossip(parts.gossip.counters)
        return metrics.text
    }

    private func setGossip(_ counters: MembershipCounters) {
        let machine = counters.machine
        let totals: [(String, UInt64)] = [
            ("probes", machine.probes), ("probe_failures", machine.probeFailures),
            ("indirect_probes", machine.indirectProbes), ("suspicions", machine.suspicions),
            ("false_alarms", machine.falseAlarms), ("false_deaths", machine.falseDeaths),
            ("deaths", machine.deaths), ("refutations", machine.refutations),
            ("datagrams_sent", counters.socket.datagramsSent),
            ("datagrams_received", counters.socket.datagramsReceived),
            ("dropped_other_cluster", counters.socket.otherClusters),
            ("dropped_bad_seal", counters.socket.badSeals), ("dropped_malformed", counters.socket.malformed),
        ]
        for (event, count) in totals { metrics.gossip.set(event, count) }
        metrics.suspicions.set(machine.suspicions)
        metrics.falseAlarms.set(machine.falseAlarms)
        metrics.localHealth.set(counters.localHealthMultiplier)
    }

    private func freeBytes(_ path: String) -> Int? {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path)
        return (attributes?[.systemFreeSize] as? NSNumber)?.intValue
    }

    /// The second field of `/proc/self/statm`, in pages.
    private func residentBytes() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

    /// Asks the leader of the user's partition.
    func deviceNodes(of user: UserID, _ parts: NodeParts) async throws(AdminRefusal) -> [LocateView.Device] {
        let loop = parts.shards[0].loop
        let result = await withCheckedContinuation { continuation in
            parts.dispatcher.perform(.devices(user), on: loop) { continuation.resume(returning: $0) }
        }
        guard case .devices(let devices) = result else {
            throw .unavailable("the leader of the user's partition did not answer")
        }
        return devices.map {
            LocateView.Device(deviceID: $0.device.text, nodeID: $0.node?.description)
        }
    }
}
