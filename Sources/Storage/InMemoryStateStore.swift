import Synchronization
import Vocabulary

/// A state store without a disk, for simulations and tests: what was flushed survives `crash`, the rest does not.
package final class InMemoryStateStore: StateStore {
    fileprivate struct Place: Hashable {
        var group: GroupID
        var generation: UInt32
    }

    private struct State {
        var tables: [Place: OrderedTable] = [:]
        var persisted: [Place: OrderedTable] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func view(group: GroupID, generation: UInt32) -> InMemoryStateView {
        InMemoryStateView(store: self, place: Place(group: group, generation: generation))
    }

    package func write(
        _ changes: StateChanges, group: GroupID, generation: UInt32, applied: LogIndex
    ) throws(StorageFailure) {
        state.withLock { state in
            for (key, value) in changes.writes {
                precondition(!key.isEmpty, "the empty key is the store's own")
                let place = Place(group: group, generation: generation)
                if let value {
                    state.tables[place, default: OrderedTable()].set(key, value)
                } else {
                    state.tables[place, default: OrderedTable()].remove(key)
                }
            }
            state.tables[Place(group: group, generation: generation), default: OrderedTable()]
                .set(AppliedIndex.key, AppliedIndex.encode(StateMark(index: applied, digest: changes.digest)))
        }
    }

    package func applied(group: GroupID, generation: UInt32) -> LogIndex {
        table(Place(group: group, generation: generation)).applied
    }

    package func digest(group: GroupID, generation: UInt32) -> StateDigest {
        table(Place(group: group, generation: generation)).mark.digest
    }

    package func persistedApplied(group: GroupID, generation: UInt32) -> LogIndex {
        let place = Place(group: group, generation: generation)
        return state.withLock { $0.persisted[place] ?? OrderedTable() }.applied
    }

    package func flush() throws(StorageFailure) { state.withLock { $0.persisted = $0.tables } }

    package func snapshot(group: GroupID, generation: UInt32) -> InMemorySnapshot {
        InMemorySnapshot(table(Place(group: group, generation: generation)))
    }

    package func ingest(_ pairs: [StatePair], group: GroupID, generation: UInt32) throws(StorageFailure) {
        let place = Place(group: group, generation: generation)
        state.withLock { state in
            for pair in pairs { state.tables[place, default: OrderedTable()].set(pair.key, pair.value) }
        }
    }

    package func removeGeneration(group: GroupID, generation: UInt32) {
        state.withLock { $0.tables[Place(group: group, generation: generation)] = nil }
    }

    package func generations() -> [(group: GroupID, generation: UInt32)] {
        state.withLock { $0.tables.filter { !$0.value.isEmpty }.keys }
            .map { (group: $0.group, generation: $0.generation) }
            .sorted { ($0.group, $0.generation) < ($1.group, $1.generation) }
    }

    /// Power loss: everything since the last `flush` is gone.
    package func crash() { state.withLock { $0.tables = $0.persisted } }

    fileprivate func table(_ place: Place) -> OrderedTable {
        state.withLock { $0.tables[place] ?? OrderedTable() }
    }

    fileprivate func read<R: Sendable>(_ place: Place, _ body: (OrderedTable) -> R) -> R? {
        state.withLock { state in state.tables[place].map(body) }
    }
}

/// Reads one generation of an `InMemoryStateStore`.
package struct InMemoryStateView: StateView, Sendable {
    fileprivate let store: InMemoryStateStore
    fileprivate let place: InMemoryStateStore.Place

    package func value(of key: [UInt8]) -> [UInt8]? {
        key.isEmpty ? nil : store.read(place) { $0.value(of: key) } ?? nil
    }

    package func pairs(from lower: [UInt8], to upper: [UInt8], limit: Int, reverse: Bool) -> [StatePair] {
        let lower = lower.isEmpty ? [0] : lower
        return store.read(place) { $0.pairs(from: lower, to: upper, limit: limit, reverse: reverse) } ?? []
    }
}

/// One generation of an `InMemoryStateStore` at one moment.
package final class InMemorySnapshot: SnapshotSource {
    private let table: OrderedTable
    private let last: Mutex<[UInt8]?> = Mutex([0])
    package let applied: LogIndex

    fileprivate init(_ table: OrderedTable) {
        self.table = table
        applied = table.applied
    }

    package func next(maxBytes: Int) -> [StatePair] {
        last.withLock { from in
            guard let lower = from else { return [] }
            var pairs: [StatePair] = []
            var bytes = 0
            while bytes < maxBytes || pairs.isEmpty {
                let after = pairs.last.map { $0.key + [0] } ?? lower
                guard let pair = table.first(from: after) else { break }
                bytes += pair.key.count + pair.value.count
                pairs.append(pair)
            }
            from = pairs.last.map { $0.key + [0] }
            guard pairs.isEmpty, applied > .zero else { return pairs }
            return [StatePair(key: AppliedIndex.key, value: AppliedIndex.encode(table.mark))]
        }
    }
}

extension OrderedTable {
    fileprivate var mark: StateMark { AppliedIndex.decode(value(of: AppliedIndex.key) ?? []) }
    fileprivate var applied: LogIndex { mark.index }
}
