import Storage
import Vocabulary

/// Reads one generation of a `RocksStateStore` as it is at each read.
package struct RocksStateView: StateView, Sendable {
    let store: RocksStateStore
    let keys: StateKeys

    package func value(of key: [UInt8]) -> [UInt8]? {
        key.isEmpty ? nil : store.value(of: keys.prefix + key)
    }

    package func unreadable(_ row: UnreadableRow) -> Never { store.onFatal(StorageFailure(row)) }

    package func pairs(from lower: [UInt8], to upper: [UInt8], limit: Int, reverse: Bool) -> [StatePair] {
        // The empty key holds the applied index, which is not part of the state.
        let lower = lower.isEmpty ? [0] : lower
        guard limit > 0, lower.lexicographicallyPrecedes(upper) else { return [] }
        let prefix = keys.prefix
        let iterator = RocksIterator(
            store.database, options: RocksReadOptions(lower: prefix + lower, upper: prefix + upper))
        if reverse { iterator.seekToLast() } else { iterator.seekToFirst() }
        var found: [StatePair] = []
        while found.count < limit, iterator.isValid {
            found.append(
                StatePair(key: iterator.key(droppingFirst: StateKeys.prefixBytes), value: iterator.value))
            if reverse { iterator.previous() } else { iterator.next() }
        }
        store.orEnd { () throws(StorageFailure) in try iterator.check() }
        return found
    }
}
