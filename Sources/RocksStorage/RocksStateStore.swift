import CRocksDB
import Glibc
import Storage
import Vocabulary

/// The state store on RocksDB: one column family, no log of its own, so that a crash leaves a prefix of the
/// batches written and the applied index is always that of the data beside it (rule R1).
package final class RocksStateStore: StateStore, @unchecked Sendable {
    package struct Settings: Sendable {
        private static let processorCount = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

        package var blockCacheBytes = 64 << 20
        /// Bytes in memory before they are written out; up to three of these exist at a time.
        package var writeBufferBytes = 32 << 20
        /// Bytes a second that flushes and compactions write: several times what the cores can feed it.
        package var writeBytesPerSecond = Int64(16 << 20) * Int64(Self.processorCount)
        /// Called when a read or a removal fails; must not return.
        package var onFatal: @Sendable (StorageFailure) -> Never = { failure in
            let text = Array("martlet: the state store failed: \(failure)\n".utf8)
            _ = Glibc.write(STDERR_FILENO, text, text.count)
            abort()
        }

        package init() {}
        package init(onFatal: @escaping @Sendable (StorageFailure) -> Never) { self.onFatal = onFatal }
    }

    let database: RocksDatabase
    let onFatal: @Sendable (StorageFailure) -> Never
    private let latest = RocksReadOptions()
    private let persisted = RocksReadOptions(isPersistedOnly: true)
    private let writeOptions: OpaquePointer
    private let flushOptions: OpaquePointer

    /// Opens the store in a directory, which is made when it is missing.
    ///
    /// It closes when the last reference to it, to a view or to a snapshot of it is gone.
    package init(path: String, settings: Settings = Settings()) throws(StorageFailure) {
        database = try RocksDatabase(path: path, settings: settings)
        onFatal = settings.onFatal
        writeOptions = rocksdb_writeoptions_create()
        rocksdb_writeoptions_disable_WAL(writeOptions, 1)
        flushOptions = rocksdb_flushoptions_create()
        rocksdb_flushoptions_set_wait(flushOptions, 1)
    }

    deinit {
        rocksdb_writeoptions_destroy(writeOptions)
        rocksdb_flushoptions_destroy(flushOptions)
    }

    package func view(group: GroupID, generation: UInt32) -> RocksStateView {
        RocksStateView(store: self, keys: StateKeys(group: group, generation: generation))
    }

    package func write(
        _ changes: StateChanges, group: GroupID, generation: UInt32, applied: LogIndex
    ) throws(StorageFailure) {
        let prefix = StateKeys(group: group, generation: generation).prefix
        let batch = RocksBatch()
        for (key, value) in changes.writes {
            precondition(!key.isEmpty, "the empty key is the store's own")
            if let value { batch.put(prefix + key, value) } else { batch.delete(prefix + key) }
        }
        batch.put(prefix, AppliedIndex.encode(StateMark(index: applied, digest: changes.digest)))
        try batch.commit(to: database, options: writeOptions)
    }

    package func applied(group: GroupID, generation: UInt32) -> LogIndex {
        applied(StateKeys(group: group, generation: generation), options: latest)
    }

    package func digest(group: GroupID, generation: UInt32) -> StateDigest {
        mark(StateKeys(group: group, generation: generation), options: latest).digest
    }

    package func persistedApplied(group: GroupID, generation: UInt32) -> LogIndex {
        applied(StateKeys(group: group, generation: generation), options: persisted)
    }

    package func flush() throws(StorageFailure) {
        try rocks("flush") { rocksdb_flush(database.handle, flushOptions, &$0) }
    }

    package func snapshot(group: GroupID, generation: UInt32) -> RocksSnapshot {
        RocksSnapshot(store: self, keys: StateKeys(group: group, generation: generation))
    }

    package func ingest(_ pairs: [StatePair], group: GroupID, generation: UInt32) throws(StorageFailure) {
        let prefix = StateKeys(group: group, generation: generation).prefix
        let batch = RocksBatch()
        for pair in pairs { batch.put(prefix + pair.key, pair.value) }
        try batch.commit(to: database, options: writeOptions)
    }

    package func removeGeneration(group: GroupID, generation: UInt32) {
        let keys = StateKeys(group: group, generation: generation)
        let batch = RocksBatch()
        precondition(!keys.end.isEmpty, "the last group and generation are not in use")
        batch.deleteRange(from: keys.prefix, to: keys.end)
        orEnd { () throws(StorageFailure) in try batch.commit(to: database, options: writeOptions) }
    }

    package func generations() -> [(group: GroupID, generation: UInt32)] {
        var found: [(group: GroupID, generation: UInt32)] = []
        let iterator = RocksIterator(database, options: RocksReadOptions())
        iterator.seekToFirst()
        while iterator.isValid, let keys = StateKeys(key: iterator.key()) {
            found.append((group: keys.group, generation: keys.generation))
            if keys.end.isEmpty { break }
            iterator.seek(keys.end)
        }
        orEnd { () throws(StorageFailure) in try iterator.check() }
        return found
    }

    /// One of RocksDB's own numbers, as `rocksdb.estimate-live-data-size`; `nil` when it knows none by that name.
    package func property(_ name: String) -> UInt64? {
        var value: UInt64 = 0
        return rocksdb_property_int(database.handle, name, &value) == 0 ? value : nil
    }

    /// Memory of what was written since the last flush began.
    package var unflushedBytes: UInt64 { property("rocksdb.cur-size-active-mem-table") ?? 0 }

    /// Memory of the tables being written, of the block cache and of the readers of files.
    package var memoryBytes: UInt64 {
        [
            "rocksdb.cur-size-all-mem-tables", "rocksdb.block-cache-usage",
            "rocksdb.estimate-table-readers-mem",
        ]
        .reduce(0) { $0 + (property($1) ?? 0) }
    }

    /// Makes everything durable before a planned end.
    package func close() throws(StorageFailure) { try flush() }

    func value(of key: [UInt8]) -> [UInt8]? { value(of: key, options: latest) }

    func value(of key: [UInt8], options: borrowing RocksReadOptions) -> [UInt8]? {
        var text: UnsafeMutablePointer<CChar>?
        let pinned = key.withChars { rocksdb_get_pinned(database.handle, options.handle, $0, $1, &text) }
        if let text {
            onFatal(StorageFailure(operation: "read", reason: String(cString: text)))
        }
        guard let pinned else { return nil }
        defer { rocksdb_pinnableslice_destroy(pinned) }
        var length = 0
        let bytes = rocksdb_pinnableslice_value(pinned, &length)
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
    }

    private func applied(_ keys: StateKeys, options: borrowing RocksReadOptions) -> LogIndex {
        mark(keys, options: options).index
    }

    private func mark(_ keys: StateKeys, options: borrowing RocksReadOptions) -> StateMark {
        AppliedIndex.decode(value(of: keys.prefix, options: options) ?? [])
    }

    /// Ends the process when `body` fails: for calls whose callers could not go on.
    func orEnd<R>(_ body: () throws(StorageFailure) -> R) -> R {
        do { return try body() } catch { onFatal(error) }
    }
}
