import Foundation
import RocksStorage
import Storage
import Testing
import Vocabulary

@Suite struct StateStoreTests {
    private let root = NSTemporaryDirectory() + "/martlet-rocks-" + UUID().uuidString

    private func withDirectory(_ body: () throws -> Void) throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        try body()
    }

    private func small() -> RocksStateStore.Settings {
        var settings = RocksStateStore.Settings()
        settings.writeBufferBytes = 256 << 10
        return settings
    }

    @Test func inMemory() throws { try StateStoreRules(InMemoryStateStore()).check() }

    @Test func onRocksDB() throws {
        try withDirectory { try StateStoreRules(RocksStateStore(path: root + "/db")).check() }
    }

    @Test func whatWasNotFlushedIsGoneFromMemoryAfterACrash() throws {
        let store = InMemoryStateStore()
        try store.write(StateChanges(), group: GroupID(1), generation: 0, applied: LogIndex(1))
        try store.flush()
        try store.write(StateChanges(), group: GroupID(1), generation: 0, applied: LogIndex(2))
        store.crash()
        #expect(store.applied(group: GroupID(1), generation: 0) == LogIndex(1))
    }

    /// Rule R1: after a kill the applied index is exactly that of the data beside it.
    @Test func theAppliedIndexIsThatOfTheDataAfterAKill() throws {
        try withDirectory {
            let store = try RocksStateStore(path: root + "/db", settings: small())
            let body = [UInt8](repeating: 9, count: 300)
            for number in 1...UInt64(6_000) {
                var changes = StateChanges()
                let key = withUnsafeBytes(of: number.bigEndian) { Array($0) }
                changes.set(key, body)
                changes.set([0xFE], key)
                let group = GroupID(UInt32(number % 3))
                try store.write(changes, group: group, generation: 0, applied: LogIndex(number))
                if number == 3_000 { try store.flush() }
            }
            waitForBackgroundWork(of: store)
            try FileManager.default.copyItem(atPath: root + "/db", toPath: root + "/killed")
            let killed = try RocksStateStore(path: root + "/killed", settings: small())
            for group in (0..<3).map(GroupID.init) { try checkWhole(killed, group: group) }
        }
    }

    /// The store writes out full buffers by itself; while it does, its files cannot be copied as a kill leaves them.
    private func waitForBackgroundWork(of store: RocksStateStore) {
        let busy = ["mem-table-flush-pending", "num-running-flushes", "num-running-compactions"]
        while !busy.allSatisfy({ store.property("rocksdb." + $0) == 0 }) { sched_yield() }
    }

    private func checkWhole(_ store: RocksStateStore, group: GroupID) throws {
        let applied = store.applied(group: group, generation: 0)
        #expect(applied > LogIndex(3_000) && applied < LogIndex(5_998))
        #expect(store.persistedApplied(group: group, generation: 0) == applied)
        let view = store.view(group: group, generation: 0)
        let key = withUnsafeBytes(of: applied.raw.bigEndian) { Array($0) }
        #expect(view.value(of: [0xFE]) == key)
        #expect(view.value(of: key) != nil)
        let pairs = view.pairs(from: [0], to: [0xFE], limit: 10_000, reverse: false)
        #expect(pairs.last?.key == key)
        #expect(UInt64(pairs.count) == (applied.raw + 2 - UInt64(group.raw == 0 ? 2 : group.raw - 1)) / 3)
    }

    @Test func unflushedWritesDoNotSurviveAKillAndAreNotCountedAsPersisted() throws {
        try withDirectory {
            let store = try RocksStateStore(path: root + "/db")
            var changes = StateChanges()
            changes.set([1], [1])
            try store.write(changes, group: GroupID(1), generation: 0, applied: LogIndex(5))
            try store.flush()
            changes.set([2], [2])
            try store.write(changes, group: GroupID(1), generation: 0, applied: LogIndex(6))
            #expect(store.persistedApplied(group: GroupID(1), generation: 0) == LogIndex(5))
            try FileManager.default.copyItem(atPath: root + "/db", toPath: root + "/killed")
            let killed = try RocksStateStore(path: root + "/killed")
            #expect(killed.applied(group: GroupID(1), generation: 0) == LogIndex(5))
            #expect(killed.view(group: GroupID(1), generation: 0).value(of: [2]) == nil)
        }
    }

    @Test func itClosesWithItsLastReader() throws {
        try withDirectory {
            var store: RocksStateStore? = try RocksStateStore(path: root + "/db")
            try store?.write(StateChanges(), group: GroupID(1), generation: 0, applied: LogIndex(8))
            var snapshot = store?.snapshot(group: GroupID(1), generation: 0)
            #expect(throws: StorageFailure.self) { try RocksStateStore(path: root + "/db") }
            store = nil
            #expect(snapshot?.next(maxBytes: 10).count == 1)
            snapshot = nil
            let again = try RocksStateStore(path: root + "/db")
            #expect(again.applied(group: GroupID(1), generation: 0) == LogIndex(8))
        }
    }
}
