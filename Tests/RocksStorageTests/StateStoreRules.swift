import Storage
import Testing
import Vocabulary

/// What every state store must do, whatever it is made of.
struct StateStoreRules<Store: StateStore> {
    let store: Store
    private let group = GroupID(4)

    init(_ store: Store) { self.store = store }

    private func key(_ number: Int) -> [UInt8] { [UInt8(number / 256), UInt8(number % 256)] }

    private func write(
        _ numbers: some Sequence<Int>, value: UInt8 = 1, applied: UInt64, generation: UInt32 = 0
    ) throws {
        var changes = StateChanges()
        for number in numbers { changes.set(key(number), [value]) }
        try store.write(changes, group: group, generation: generation, applied: LogIndex(applied))
    }

    func check() throws {
        try digests()
        try readsAndRanges()
        try persistence()
        try isolation()
        try installation()
        try removal()
    }

    /// The digest is written with the changes and travels with a snapshot (rule R4).
    private func digests() throws {
        let other = GroupID(8)
        #expect(store.digest(group: other, generation: 0) == .zero)
        var changes = StateChanges(digest: StateDigest(7))
        changes.set([1], [2])
        #expect(changes.digest != StateDigest(7))
        try store.write(changes, group: other, generation: 0, applied: LogIndex(1))
        #expect(store.digest(group: other, generation: 0) == changes.digest)
        let source = store.snapshot(group: other, generation: 0)
        while true {
            let pairs = source.next(maxBytes: 1)
            if pairs.isEmpty { break }
            try store.ingest(pairs, group: other, generation: 1)
        }
        #expect(store.digest(group: other, generation: 1) == changes.digest)
        #expect(store.applied(group: other, generation: 1) == LogIndex(1))
        for generation in 0...1 { store.removeGeneration(group: other, generation: UInt32(generation)) }
    }

    private func readsAndRanges() throws {
        let view = store.view(group: group, generation: 0)
        #expect(view.value(of: key(1)) == nil && store.applied(group: group, generation: 0) == .zero)
        try write(0..<600, applied: 10)
        #expect(view.value(of: key(1)) == [1] && view.value(of: []) == nil)
        #expect(store.applied(group: group, generation: 0) == LogIndex(10))
        let some = view.pairs(from: key(5), to: key(300), limit: 3, reverse: false)
        #expect(some.map(\.key) == [5, 6, 7].map(key))
        let last = view.pairs(from: key(5), to: key(300), limit: 3, reverse: true)
        #expect(last.map(\.key) == [299, 298, 297].map(key))
        #expect(view.pairs(from: [], to: [0xFF], limit: 1_000, reverse: false).count == 600)
        #expect(view.pairs(from: [], to: [0xFF], limit: 1_000, reverse: true).count == 600)
        #expect(view.pairs(from: key(9), to: key(9), limit: 9, reverse: false).isEmpty)
        #expect(view.pairs(from: key(9), to: key(2), limit: 9, reverse: true).isEmpty)
        var changes = StateChanges()
        changes.remove(key(6))
        changes.set(key(7), [])
        try store.write(changes, group: group, generation: 0, applied: LogIndex(11))
        #expect(view.value(of: key(6)) == nil && view.value(of: key(7)) == [])
        let neighbour = store.view(group: GroupID(5), generation: 0)
        #expect(neighbour.pairs(from: [], to: [0xFF], limit: 9, reverse: false).isEmpty)
    }

    private func persistence() throws {
        try store.flush()
        #expect(store.persistedApplied(group: group, generation: 0) == LogIndex(11))
        try write([1], value: 2, applied: 12)
        #expect(store.persistedApplied(group: group, generation: 0) == LogIndex(11))
        #expect(store.applied(group: group, generation: 0) == LogIndex(12))
        try store.flush()
        #expect(store.persistedApplied(group: group, generation: 0) == LogIndex(12))
    }

    private func isolation() throws {
        let snapshot = store.snapshot(group: group, generation: 0)
        let hash = store.stateHash(group: group, generation: 0)
        try write([1, 9_000], value: 3, applied: 13)
        #expect(store.stateHash(group: group, generation: 0) != hash)
        #expect(snapshot.applied == LogIndex(12))
        var pairs: [StatePair] = []
        while case let chunk = snapshot.next(maxBytes: 100), !chunk.isEmpty {
            #expect(chunk.count <= 40)
            pairs += chunk
        }
        #expect(pairs.count == 600 && pairs.last?.key == [])
        #expect(pairs.first { $0.key == key(1) }?.value == [2])
        try write([1], value: 2, applied: 14)
        var changes = StateChanges()
        changes.remove(key(9_000))
        try store.write(changes, group: group, generation: 0, applied: LogIndex(15))
        #expect(store.stateHash(group: group, generation: 0) == hash)
    }

    private func installation() throws {
        let source = store.snapshot(group: group, generation: 0)
        #expect(store.applied(group: group, generation: 1) == .zero)
        while case let chunk = source.next(maxBytes: 1_000), !chunk.isEmpty {
            #expect(store.applied(group: group, generation: 1) == .zero)
            try store.ingest(chunk, group: group, generation: 1)
        }
        #expect(store.applied(group: group, generation: 1) == LogIndex(15))
        let hash = store.stateHash(group: group, generation: 0)
        #expect(store.stateHash(group: group, generation: 1) == hash)
        try store.flush()
        #expect(store.persistedApplied(group: group, generation: 1) == LogIndex(15))
    }

    private func removal() throws {
        try store.write(StateChanges(), group: GroupID(7), generation: 9, applied: LogIndex(1))
        #expect(store.generations().map { [$0.group.raw, $0.generation] } == [[4, 0], [4, 1], [7, 9]])
        store.removeGeneration(group: group, generation: 0)
        store.removeGeneration(group: group, generation: 5)
        #expect(store.generations().map { [$0.group.raw, $0.generation] } == [[4, 1], [7, 9]])
        #expect(store.applied(group: group, generation: 0) == .zero)
        #expect(store.view(group: group, generation: 0).value(of: key(1)) == nil)
        #expect(store.view(group: group, generation: 1).value(of: key(1)) == [2])
        // The number can be used again, and nothing of the old state shows.
        try write([3], applied: 1, generation: 0)
        let again = store.view(group: group, generation: 0)
        #expect(
            again.pairs(from: [], to: [0xFF], limit: 9, reverse: false) == [
                StatePair(key: key(3), value: [1])
            ])
    }
}
