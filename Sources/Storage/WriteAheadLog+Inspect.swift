import Vocabulary
import Wire

extension WriteAheadLog {
    /// Reads a log as it lies there, without changing, syncing or cutting anything.
    ///
    /// - Throws: `StorageCorruption` when the log is damaged or another node's (rule D6); `StorageFailure` when
    ///   it cannot be read.
    package static func inspect(
        directory path: String, cluster: ClusterID, node: NodeID
    ) throws -> [GroupID: RecoveredReplica] {
        let directory = try LogDirectory(path)
        var scanner = WALScanner(cluster: cluster, node: node)
        var fold = RecoveryFold()
        for name in try directory.names(suffix: LogDirectory.suffix) {
            let file = try SegmentFile.open(name, in: directory)
            let bytes = try file.contents(least: SegmentHeader.byteCount)
            for item in try scanner.scan(name: name, bytes: bytes, capacity: file.capacity) {
                try fold.apply(item)
            }
        }
        try fold.finish()
        return fold.replicas
    }
}
