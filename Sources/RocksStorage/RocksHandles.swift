import CRocksDB
import Storage
import Vocabulary

/// The open database. Closed when the last reader lets go of it, so no handle outlives what it points into.
final class RocksDatabase: @unchecked Sendable {
    let handle: OpaquePointer
    private let options: OpaquePointer
    private let cache: OpaquePointer

    /// - Throws: `StorageFailure` with RocksDB's words.
    init(path: String, settings: RocksStateStore.Settings) throws(StorageFailure) {
        cache = Self.makeCache(bytes: settings.blockCacheBytes)
        options = rocksdb_options_create()
        Self.tune(options, cache: cache, settings: settings)
        do throws(StorageFailure) {
            let options = options
            handle = try rocks("open \(path)") { rocksdb_open(options, path, &$0) }
        } catch {
            rocksdb_options_destroy(options)
            rocksdb_cache_destroy(cache)
            throw error
        }
    }

    deinit {
        rocksdb_close(handle)
        rocksdb_options_destroy(options)
        rocksdb_cache_destroy(cache)
    }

    /// How often what may be written is granted, and how often (one time of so many) compactions go before flushes.
    private static let refillMicroseconds: Int64 = 10_000
    private static let fairness: Int32 = 10

    /// In four parts. By itself RocksDB makes 64 parts of this size, and the filter of a large table, which is more than a
    /// 64th, fits into none: it is read and checked anew at every look.
    private static func makeCache(bytes: Int) -> OpaquePointer {
        let options = rocksdb_lru_cache_options_create()
        defer { rocksdb_lru_cache_options_destroy(options) }
        rocksdb_lru_cache_options_set_capacity(options, bytes)
        rocksdb_lru_cache_options_set_num_shard_bits(options, 2)
        return rocksdb_cache_create_lru_opts(options)
    }

    private static func tune(
        _ options: OpaquePointer, cache: OpaquePointer, settings: RocksStateStore.Settings
    ) {
        rocksdb_options_set_create_if_missing(options, 1)
        rocksdb_options_set_write_buffer_size(options, settings.writeBufferBytes)
        rocksdb_options_set_max_write_buffer_number(options, 3)
        rocksdb_options_set_max_background_jobs(options, 2)
        // Whoever looks for what is not in memory is told so by one place of a filter, not by a walk down the table.
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.02)
        rocksdb_options_set_memtable_whole_key_filtering(options, 1)
        // Moves flush small tables: more of them are merged at a time.
        rocksdb_options_set_level0_file_num_compaction_trigger(options, 8)
        // Compaction gives way to the event loops. (Flushes do not: what waits for memory waits for them.)
        let environment = rocksdb_create_default_env()
        defer { rocksdb_env_destroy(environment) }
        rocksdb_env_lower_thread_pool_cpu_priority(environment)
        rocksdb_options_set_max_open_files(options, 256)
        rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
        rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)
        rocksdb_options_set_bytes_per_sync(options, 1 << 20)
        rocksdb_options_set_paranoid_checks(options, 1)
        // A table that is written out at once holds up the loops and the log's syncs for as long as that takes.
        let limiter = rocksdb_ratelimiter_create(
            settings.writeBytesPerSecond, Self.refillMicroseconds, Self.fairness)
        defer { rocksdb_ratelimiter_destroy(limiter) }
        rocksdb_options_set_ratelimiter(options, limiter)
        let warnings: Int32 = 2
        rocksdb_options_set_info_log_level(options, warnings)
        rocksdb_options_set_keep_log_file_num(options, 2)
        rocksdb_options_set_max_log_file_size(options, 1 << 20)

        let table = rocksdb_block_based_options_create()
        defer { rocksdb_block_based_options_destroy(table) }
        rocksdb_block_based_options_set_block_cache(table, cache)
        // The options take over the policy.
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10))
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
        rocksdb_options_set_block_based_table_factory(options, table)
    }
}

/// One `rocksdb_*` call that reports through an error text.
func rocks<R>(
    _ operation: @autoclosure () -> String, _ call: (inout UnsafeMutablePointer<CChar>?) -> R?
) throws(StorageFailure) -> R {
    var text: UnsafeMutablePointer<CChar>?
    let result = call(&text)
    if let text {
        defer { rocksdb_free(text) }
        throw StorageFailure(operation: operation(), reason: String(cString: text))
    }
    guard let result else { throw StorageFailure(operation: operation(), reason: "no result and no reason") }
    return result
}

/// How to read: latest or as of a snapshot, all tiers or only what is durable, within which keys.
struct RocksReadOptions: ~Copyable {
    let handle: OpaquePointer
    private let lower: UnsafeMutableBufferPointer<CChar>
    private let upper: UnsafeMutableBufferPointer<CChar>

    /// - Parameters:
    ///   - snapshot: must stay valid as long as this.
    ///   - lower: and `upper`: the bounds of an iterator; empty for none.
    init(
        snapshot: OpaquePointer? = nil, isPersistedOnly: Bool = false, lower: [UInt8] = [],
        upper: [UInt8] = []
    ) {
        handle = rocksdb_readoptions_create()
        self.lower = Self.copy(lower)
        self.upper = Self.copy(upper)
        if let snapshot { rocksdb_readoptions_set_snapshot(handle, snapshot) }
        // kPersistedTier: what would be found after a power loss.
        if isPersistedOnly { rocksdb_readoptions_set_read_tier(handle, 2) }
        if !lower.isEmpty {
            rocksdb_readoptions_set_iterate_lower_bound(handle, self.lower.baseAddress, lower.count)
        }
        if !upper.isEmpty {
            rocksdb_readoptions_set_iterate_upper_bound(handle, self.upper.baseAddress, upper.count)
        }
    }

    deinit {
        rocksdb_readoptions_destroy(handle)
        lower.deallocate()
        upper.deallocate()
    }

    /// The library keeps pointers to the bounds, not copies.
    private static func copy(_ bytes: [UInt8]) -> UnsafeMutableBufferPointer<CChar> {
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: max(1, bytes.count))
        for (place, byte) in bytes.enumerated() { copy[place] = CChar(bitPattern: byte) }
        return copy
    }
}

/// A walk over keys, released with its options.
struct RocksIterator: ~Copyable {
    private let handle: OpaquePointer
    private let options: RocksReadOptions
    private let database: RocksDatabase

    init(_ database: RocksDatabase, options: consuming RocksReadOptions) {
        handle = rocksdb_create_iterator(database.handle, options.handle)
        self.options = options
        self.database = database
    }

    deinit { rocksdb_iter_destroy(handle) }

    var isValid: Bool { rocksdb_iter_valid(handle) != 0 }
    func seekToFirst() { rocksdb_iter_seek_to_first(handle) }
    func seekToLast() { rocksdb_iter_seek_to_last(handle) }
    func next() { rocksdb_iter_next(handle) }
    func previous() { rocksdb_iter_prev(handle) }

    func seek(_ key: [UInt8]) {
        key.withChars { rocksdb_iter_seek(handle, $0, $1) }
    }

    /// The key without its first `count` bytes.
    func key(droppingFirst count: Int = 0) -> [UInt8] {
        var length = 0
        let bytes = rocksdb_iter_key(handle, &length)
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: length).dropFirst(count))
    }

    var value: [UInt8] {
        var length = 0
        let bytes = rocksdb_iter_value(handle, &length)
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
    }

    /// Throws when the walk ended because of a failure and not because of the end.
    func check() throws(StorageFailure) {
        try rocks("iterate") { rocksdb_iter_get_error(handle, &$0) }
    }
}

/// Writes that become visible together.
struct RocksBatch: ~Copyable {
    private let handle: OpaquePointer

    init() { handle = rocksdb_writebatch_create() }

    deinit { rocksdb_writebatch_destroy(handle) }

    func put(_ key: [UInt8], _ value: [UInt8]) {
        key.withChars { key, keyCount in
            value.withChars { rocksdb_writebatch_put(handle, key, keyCount, $0, $1) }
        }
    }

    func delete(_ key: [UInt8]) {
        key.withChars { rocksdb_writebatch_delete(handle, $0, $1) }
    }

    func deleteRange(from lower: [UInt8], to upper: [UInt8]) {
        lower.withChars { lower, lowerCount in
            upper.withChars { rocksdb_writebatch_delete_range(handle, lower, lowerCount, $0, $1) }
        }
    }

    func commit(to database: RocksDatabase, options: OpaquePointer) throws(StorageFailure) {
        try rocks("write") { rocksdb_write(database.handle, options, handle, &$0) }
    }
}

extension [UInt8] {
    func withChars<R>(_ body: (UnsafePointer<CChar>?, Int) -> R) -> R {
        withUnsafeBytes { body($0.bindMemory(to: CChar.self).baseAddress, $0.count) }
    }
}
