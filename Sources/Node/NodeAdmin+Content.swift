import Admin
import NIOPosix
import RocksStorage
import Storage
import Vocabulary

extension NodeAdmin {
    /// Reads one replica's state from end to end, as of one moment, on a thread of the reading pool.
    func content(of number: Int) async -> ContentHashView? {
        guard let parts = joined else { return nil }
        let group = GroupID(PartitionID(UInt32(number)))
        let reports = await parts.shardReports(applied: [group])
        guard let replica = reports.flatMap(\.replicas).first(where: { $0.group == group }) else {
            return nil
        }
        let store = parts.store
        let generation = replica.generation
        return try? await parts.readPool.runIfActive {
            let source = store.snapshot(group: group, generation: generation)
            var digest = StateDigest()
            while true {
                let pairs = source.next(maxBytes: 1 << 20)
                if pairs.isEmpty { break }
                for pair in pairs where pair.key != AppliedIndex.key { digest.add(pair.key, pair.value) }
            }
            return ContentHashView(
                partition: number, applied: source.applied.raw, contentHash: digest.description)
        }
    }
}
