import CRocksDB
import Storage
import Synchronization
import Vocabulary

/// One generation of a `RocksStateStore` at one moment. It holds back compaction: let go of it soon.
package final class RocksSnapshot: SnapshotSource, @unchecked Sendable {
    private enum Progress {
        case pairs
        case applied
        case ended
    }

    package var applied: LogIndex { mark.index }
    private let mark: StateMark
    private let store: RocksStateStore
    private let snapshot: OpaquePointer
    /// Touched by whoever holds `progress`; ended before the snapshot is.
    private var iterator: RocksIterator?
    private let progress = Mutex(Progress.pairs)

    init(store: RocksStateStore, keys: StateKeys) {
        self.store = store
        snapshot = rocksdb_create_snapshot(store.database.handle)
        let index = store.value(of: keys.prefix, options: RocksReadOptions(snapshot: snapshot))
        mark = AppliedIndex.decode(index ?? [])
        let iterator = RocksIterator(
            store.database,
            options: RocksReadOptions(snapshot: snapshot, lower: keys.prefix + [0], upper: keys.end))
        iterator.seekToFirst()
        self.iterator = consume iterator
    }

    deinit {
        iterator = nil
        rocksdb_release_snapshot(store.database.handle, snapshot)
    }

    package func next(maxBytes: Int) -> [StatePair] {
        progress.withLock { progress in
            if case .pairs = progress {
                let pairs = nextPairs(maxBytes: maxBytes)
                if !pairs.isEmpty { return pairs }
                progress = .applied
            }
            guard case .applied = progress else { return [] }
            progress = .ended
            iterator = nil
            if applied == .zero { return [] }
            return [StatePair(key: AppliedIndex.key, value: AppliedIndex.encode(mark))]
        }
    }

    private func nextPairs(maxBytes: Int) -> [StatePair] {
        var pairs: [StatePair] = []
        var bytes = 0
        while bytes < maxBytes || pairs.isEmpty {
            guard let pair = advance() else { break }
            bytes += pair.key.count + pair.value.count
            pairs.append(pair)
        }
        return pairs
    }

    private func advance() -> StatePair? {
        store.orEnd { () throws(StorageFailure) -> StatePair? in
            guard iterator?.isValid == true else {
                try iterator?.check()
                return nil
            }
            let key = iterator?.key(droppingFirst: StateKeys.prefixBytes) ?? []
            let value = iterator?.value ?? []
            iterator?.next()
            return StatePair(key: key, value: value)
        }
    }
}
