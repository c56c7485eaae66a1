import Observability
import RocksStorage
import Storage
import Vocabulary
import Wire

/// Log and state of one node as they were found on its disk, and found to be of one piece.
struct NodeStorage {
    let log: WriteAheadLog
    let store: RocksStateStore
    let recovered: [GroupID: RecoveredReplica]
    /// Replicas that this node once had and must never take up again.
    let buried: [GroupID: Set<ReplicaID>]
    let ending: StorageEnding

    /// Reads everything. What is damaged is noted in the directory, so that a disk that reads well the next time is
    /// not believed.
    init(
        _ directory: DataDirectory, cluster: ClusterID, node: NodeID, spacingMicroseconds: UInt64,
        metrics: NodeMetrics
    ) throws {
        var options = WriteAheadLog.Options()
        options.spacingMicroseconds = spacingMicroseconds
        options.onBatch = { bytes, items, microseconds in
            metrics.fsync.observe(microseconds)
            metrics.walBatchBytes.observe(UInt64(bytes))
            metrics.walBatchItems.observe(UInt64(items))
            metrics.walBytesWritten.add(bytes)
        }
        ending = StorageEnding(directory)
        do {
            let opened = try WriteAheadLog.open(
                directory: directory.walPath, cluster: cluster, node: node, options: options)
            (log, recovered, buried) = (opened.log, opened.recovered, opened.buried)
        } catch let corruption as StorageCorruption {
            if corruption.isOfNewerBuild { throw NodeFailure.newerData("\(corruption)") }
            throw Self.condemned("\(corruption)", directory)
        }
        do {
            store = try RocksStateStore(
                path: directory.storePath, settings: RocksStateStore.Settings(onFatal: ending.failed))
        } catch {
            guard error.isCorruption else { throw error }
            throw Self.condemned("the state store is corrupt: \(error)", directory)
        }
        try checkState(directory)
    }

    private static func condemned(_ reason: String, _ directory: DataDirectory) -> NodeFailure {
        directory.condemn(reason)
        return .storageCorrupt(reason)
    }

    /// The log never starts above what the state store holds (rule R2), nor does the state run ahead of the log
    /// (rule D4); generations that nothing refers to are left-overs of an interrupted install.
    private func checkState(_ directory: DataDirectory) throws {
        for (group, replica) in recovered.sorted(by: { $0.key < $1.key }) {
            let applied = store.applied(group: group, generation: replica.generation)
            let last = replica.entries.last?.index ?? replica.point.index
            guard applied >= replica.point.index, applied <= last else {
                throw Self.condemned(
                    "group \(group): the state stands at \(applied), the log holds \(replica.point.index) to \(last)",
                    directory)
            }
        }
        let orphans = store.generations().filter { recovered[$0.group]?.generation != $0.generation }
        for (group, generation) in orphans { store.removeGeneration(group: group, generation: generation) }
        if !orphans.isEmpty { try store.flush() }
    }
}
