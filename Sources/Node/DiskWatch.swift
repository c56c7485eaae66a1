import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NodeConfig
import Observability
import PeerTransport
import Storage
import Vocabulary

/// Watches the disk that the data directory is on and carries out what `DiskGuard` orders.
final class DiskWatch: Sendable {
    private static let interval = TimeAmount.milliseconds(500)

    private let path: String
    private let log: WriteAheadLog
    private let ports: NodePorts
    private let pool: NIOThreadPool
    private let metrics: NodeMetrics
    private let logger: Logger
    /// Living nodes that leaderships may go to.
    private let targets: @Sendable () -> [NodeID]
    private let disk: NIOLockedValueBox<DiskGuard>
    private let task = NIOLockedValueBox<RepeatedTask?>(nil)

    init(
        configuration: NodeConfiguration, log: WriteAheadLog, ports: NodePorts, pool: NIOThreadPool,
        metrics: NodeMetrics, logger: Logger, targets: @escaping @Sendable () -> [NodeID]
    ) {
        path = configuration.dataDirectory
        self.log = log
        self.ports = ports
        self.pool = pool
        self.metrics = metrics
        self.logger = logger
        self.targets = targets
        disk = NIOLockedValueBox(
            DiskGuard(
                lowBytes: configuration.thresholds.diskLowBytes,
                fullBytes: configuration.thresholds.diskFullBytes))
    }

    /// What keeps clients away; `nil` while the disk is fine.
    var reason: String? {
        switch disk.withLockedValue({ $0.level }) {
        case .normal: nil
        case .low: "the disk is nearly full: sends are refused"
        case .full: "the disk is full: nothing is acknowledged until space is freed"
        }
    }

    func start(on loop: any EventLoop) {
        observe()
        let repeated = loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in
            // The question may block on the disk; the age of the log's writes does not.
            self.pool.submit { _ in self.observe() }
            self.stopIfHung()
        }
        task.withLockedValue { $0 = repeated }
    }

    func stop() { task.withLockedValue { $0 }?.cancel() }

    private func observe() {
        let free = Self.freeBytes(path)
        if let free { metrics.diskFreeBytes.set(Int(free)) }
        let age = log.ageOfOldestUnsynced
        let orders = disk.withLockedValue { $0.observe(freeBytes: free, unsyncedMilliseconds: age) }
        for order in orders { perform(order) }
    }

    /// Also when every thread that could ask the disk hangs on it.
    private func stopIfHung() {
        guard disk.withLockedValue({ $0.level }) != .full,
            log.ageOfOldestUnsynced > DiskGuard.hungMilliseconds
        else { return }
        perform(.stop)
    }

    private func perform(_ order: DiskGuard.Order) {
        switch order {
        case .enter(let level):
            logger.warning(
                level == .normal ? "the disk has room again" : "the disk fills up",
                metadata: ["disk.level": "\(level)"])
            log.setHeldBack(level == .full)
            for shard in ports.shards { shard.post(.disk(level)) }
        case .shedLeaders:
            let targets = targets()
            for shard in ports.shards { shard.post(.transferLeaders(to: targets)) }
        case .stop:
            stopProcess("the log has not reached the disk for \(log.ageOfOldestUnsynced) ms (rule D1)")
        }
    }

    private static func freeBytes(_ path: String) -> UInt64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
