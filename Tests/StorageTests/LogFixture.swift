import Foundation
import Storage
import Vocabulary
import Wire

/// A small cluster's log: ids, items and batches for the storage tests.
enum LogFixture {
    static let cluster = ClusterID(high: 1, low: 2)
    static let node = NodeID(high: 3, low: 4)
    static let replica = ReplicaID(7)
    static let group = GroupID(5)
    static let configuration = Configuration(voters: [Replica(node: node, id: replica)])

    static func header(_ segment: UInt64, salt: UInt32 = 0xBEEF) -> SegmentHeader {
        SegmentHeader(cluster: cluster, node: node, segment: segment, salt: salt)
    }

    static func created(_ group: GroupID = group, _ replica: ReplicaID = replica) -> LogItem {
        .replicaCreated(group: group, replica: replica, configuration: configuration)
    }

    static func entry(_ index: UInt64, term: UInt64 = 1, bytes: Int = 20) -> LogEntry {
        let body = (0..<bytes).map { UInt8(truncatingIfNeeded: UInt64($0) &* 31 &+ index) }
        return LogEntry(index: LogIndex(index), term: Term(term), payload: .command(body))
    }

    static func entries(
        _ indices: ClosedRange<UInt64>, term: UInt64 = 1, group: GroupID = group, bytes: Int = 20
    ) -> LogItem {
        .entries(group: group, replica: replica, indices.map { entry($0, term: term, bytes: bytes) })
    }

    static func point(_ index: UInt64, term: UInt64 = 1) -> SnapshotPoint {
        SnapshotPoint(index: LogIndex(index), term: Term(term), configuration: configuration)
    }

    static func vote(_ term: UInt64, group: GroupID = group) -> LogItem {
        .hardState(group: group, replica: replica, HardState(term: Term(term), vote: replica))
    }

    /// A creation, then batches that each append one entry.
    static func batches(_ count: Int, bytes: Int = 20) -> [[LogItem]] {
        [[created()]]
            + (1..<UInt64(count)).map { [entries($0...$0, bytes: bytes), vote($0)] }
    }

    static func scan(_ segments: [[UInt8]]) throws -> WALScan {
        let named = segments.enumerated().map {
            (name: SegmentHeader.fileName(segment: UInt64($0.offset) + 1), bytes: $0.element)
        }
        return try WALScanner.scan(segments: named, cluster: cluster, node: node)
    }

    static func fold(_ items: [LogItem]) throws -> RecoveryFold {
        var fold = RecoveryFold()
        for item in items { try fold.apply(item) }
        try fold.finish()
        return fold
    }
}

extension [UInt8] {
    /// Followed by zeros, as on a segment written with zeros beforehand.
    func padded(to count: Int) -> [UInt8] {
        self + [UInt8](repeating: 0, count: Swift.max(0, count - self.count))
    }
}

/// A directory that goes away with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/martlet-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func copy(_ name: String, to new: String) throws {
        try FileManager.default.copyItem(atPath: path + "/" + name, toPath: path + "/" + new)
    }
}
