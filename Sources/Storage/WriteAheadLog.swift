import Glibc
import Vocabulary
import Wire

/// The node's one write-ahead log: all groups, one writer, one sync per batch.
///
/// The writer takes everything queued, writes it as one batch, syncs once and completes in order. While one batch syncs
/// the next one gathers; where several nodes share a disk and its host's cores, a spacing between syncs lets it gather
/// more (`docs/adr/0005-several-nodes-on-one-host.md`). Lives from `open` to `close`; its threads keep it alive.
package final class WriteAheadLog: LogStore {
    package struct Options: Sendable {
        /// Bytes of a segment; a batch that does not fit gets a segment of its own that grows.
        package var segmentBytes = 64 << 20
        /// From the start of one batch to that of the next at least; none by default. A log that has rested is not
        /// held up.
        package var spacingMicroseconds: UInt64 = 0
        /// About how many bytes of items one batch takes at most.
        package var batchBytesMax = 8 << 20
        /// Total size from which on old segments are made free by restatements.
        package var purgeBytes = 512 << 20
        /// Called once when the disk fails (rule D1); nothing completes afterwards.
        package var onFatal: @Sendable (String) -> Void = { reason in
            let text = Array("martlet: the write-ahead log failed: \(reason)\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
            abort()
        }
        /// Told of every batch once it is on disk, on the log's thread: its bytes, its items, and the time of write
        /// and sync.
        package var onBatch: @Sendable (_ bytes: Int, _ items: Int, _ microseconds: UInt64) -> Void = {
            _, _, _ in
        }
        /// In place of `fdatasync` for a batch and at the start, in tests.
        var sync: @Sendable (Int32) -> Int32 = { fdatasync($0) }

        package init() {}
    }

    struct Request: Sendable {
        var items: [LogItem]
        var bytes: Int
        var sinceMicroseconds: UInt64
        var completion: @Sendable () -> Void
    }

    struct State: Sendable {
        var queue: [Request] = []
        var queuedBytes = 0
        /// When the oldest request that the writer holds was appended.
        var writingSince: UInt64?
        var isClosed = false
        var isHeldBack = false
        var hasFailed = false
        var statistics = LogStatistics()
        var restate: @Sendable ([GroupID]) -> Void = { _ in }
        var threads: [BlockingThread] = []
    }

    let state = Monitor(State())
    private let onFatal: @Sendable (String) -> Void

    init(onFatal: @escaping @Sendable (String) -> Void) { self.onFatal = onFatal }

    package func append(_ items: [LogItem], completion: @escaping @Sendable () -> Void) {
        let bytes = items.reduce(0) { $0 + $1.approximateBytes }
        let request = Request(
            items: items, bytes: bytes, sinceMicroseconds: monotonicMicroseconds(), completion: completion)
        state.change { state in
            guard !state.isClosed, !state.hasFailed else { return false }
            state.queue.append(request)
            state.queuedBytes += bytes
            return state.queue.count == 1
        }
    }

    package var ageOfOldestUnsynced: UInt64 {
        let oldest = state.withLock { $0.writingSince ?? $0.queue.first?.sinceMicroseconds }
        guard let oldest else { return 0 }
        return (max(monotonicMicroseconds(), oldest) - oldest) / 1_000
    }

    package var queuedBytes: Int { state.withLock { $0.queuedBytes } }

    package var statistics: LogStatistics { state.withLock { $0.statistics } }

    /// Sets whom to ask when old segments are pinned: the owner appends `.restated` for each group named that it
    /// still hosts. Called on the log's thread, at most once per new segment; a group not restated is named again.
    package func onPinned(_ restate: @escaping @Sendable ([GroupID]) -> Void) {
        state.withLock { $0.restate = restate }
    }

    /// Writes nothing more, and so completes nothing more, until it is let go again; for a disk without room. What
    /// is appended meanwhile waits.
    package func setHeldBack(_ isHeldBack: Bool) {
        state.change { state in
            state.isHeldBack = isHeldBack
            return true
        }
    }

    /// Makes everything appended so far durable, completes it and ends the threads. Later appends are dropped.
    package func close() {
        state.change { state in
            state.isClosed = true
            return true
        }
        let threads = state.withLock { state in
            defer { state.threads = [] }
            return state.threads
        }
        for thread in threads { thread.join() }
    }

    /// Stops for good (rule D1). Only the first failure is told.
    func fail(_ failure: StorageFailure) {
        let isFirst = state.withLock { state in
            defer { state.hasFailed = true }
            return !state.hasFailed
        }
        if isFirst { onFatal(failure.description) }
    }
}
