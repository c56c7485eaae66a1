import Glibc
import Vocabulary
import Wire

/// The writing side of the log. Used by the log's thread only, after `WriteAheadLog.open` made it.
final class LogWriter: @unchecked Sendable {
    private let log: WriteAheadLog
    private let options: WriteAheadLog.Options
    private let supply: SegmentSupply
    private var file: SegmentFile
    private var offset: Int
    private var encoder: WALEncoder
    private var table: SegmentTable
    /// Taken from the queue and not written yet.
    private var backlog: [WriteAheadLog.Request] = []
    /// When the last batch was begun.
    private var begun: UInt64 = 0

    init(
        log: WriteAheadLog, options: WriteAheadLog.Options, supply: SegmentSupply, file: SegmentFile,
        offset: Int,
        encoder: WALEncoder, table: SegmentTable
    ) {
        self.log = log
        self.options = options
        self.supply = supply
        self.file = file
        self.offset = offset
        self.encoder = encoder
        self.table = table
    }

    /// Runs until the log is closed and everything is written, or until the disk fails.
    func run() {
        defer { supply.close() }
        do {
            while takeQueue() {
                while !backlog.isEmpty {
                    guard try writeBatch() else { return }
                }
            }
        } catch {
            log.fail(error)
        }
    }

    /// Blocks until something is queued; false when the log is closed and the queue empty, or when it has failed.
    private func takeQueue() -> Bool {
        if options.spacingMicroseconds > 0 { keepSpacing() }
        let taken = log.state.wait { state -> [WriteAheadLog.Request]? in
            if state.hasFailed { return [] }
            if state.isHeldBack && !state.isClosed { return nil }
            if state.queue.isEmpty { return state.isClosed ? [] : nil }
            defer { state.queue = [] }
            state.writingSince = state.queue.first?.sinceMicroseconds
            return state.queue
        }
        begun = monotonicMicroseconds()
        backlog = taken
        return !taken.isEmpty
    }

    /// Waits for something to write, and then for the time when it may be written.
    private func keepSpacing() {
        let isWaiting = log.state.wait { state -> Bool? in
            if state.hasFailed || state.isClosed { return false }
            return state.queue.isEmpty ? nil : true
        }
        let elapsed = monotonicMicroseconds() - begun
        if isWaiting && elapsed < options.spacingMicroseconds {
            usleep(UInt32(options.spacingMicroseconds - elapsed))
        }
    }

    /// Writes one batch and completes it; false when the supply of segments has ended.
    private func writeBatch() throws(StorageFailure) -> Bool {
        let batch = takeBatch()
        let items = batch.flatMap(\.items)
        if !items.isEmpty {
            let payload = WALEncoder.payload(of: items)
            guard let hasRotated = try makeRoom(for: payload.recordBytes) else { return false }
            try write(payload, items: items.count)
            table.record(items)
            if hasRotated || items.contains(where: \.isBeginningOrEnd) { collect(afterRotation: hasRotated) }
        }
        guard finish(batch) else { return false }
        for request in batch { request.completion() }
        return true
    }

    private func takeBatch() -> [WriteAheadLog.Request] {
        var count = 0
        var bytes = 0
        for request in backlog {
            if count > 0 && bytes + request.bytes > options.batchBytesMax { break }
            bytes += request.bytes
            count += 1
        }
        if count == backlog.count {
            defer { backlog = [] }
            return backlog
        }
        let batch = Array(backlog[..<count])
        backlog.removeFirst(count)
        return batch
    }

    /// Goes to the next segment when the record does not fit: true when it did, `nil` when there is none.
    private func makeRoom(for bytes: Int) throws(StorageFailure) -> Bool? {
        guard offset + bytes > file.capacity, offset > SegmentHeader.byteCount else { return false }
        guard let next = supply.take() else { return nil }
        file = next.file
        offset = SegmentHeader.byteCount
        encoder.rotate(to: next.header)
        table.use(segment: next.header.segment, bytes: file.capacity)
        return true
    }

    private func write(_ payload: WALEncoder.Payload, items: Int) throws(StorageFailure) {
        let record = encoder.seal(payload)
        let start = monotonicMicroseconds()
        try file.write(record, at: offset)
        try file.sync(with: options.sync)
        let duration = monotonicMicroseconds() - start
        offset += record.count
        supply.noteRoom(file.capacity - offset)
        let (segments, totalBytes) = (table.segments.count, table.totalBytes)
        log.state.withLock { state in
            state.statistics.sync.record(microseconds: duration)
            state.statistics.bytes += UInt64(record.count)
            state.statistics.batches += 1
            state.statistics.items += UInt64(items)
            state.statistics.segments = segments
            state.statistics.totalBytes = totalBytes
        }
        options.onBatch(record.count, items, duration)
    }

    /// False when the log has failed meanwhile, so that nothing completes after that.
    private func finish(_ batch: [WriteAheadLog.Request]) -> Bool {
        let bytes = batch.reduce(0) { $0 + $1.bytes }
        return log.state.withLock { state in
            state.queuedBytes -= bytes
            state.writingSince = backlog.first?.sinceMicroseconds
            return !state.hasFailed
        }
    }

    /// Deletes what nobody needs and asks for restatements when the log is too large.
    private func collect(afterRotation: Bool) {
        let deletable = table.deletable
        for sequence in deletable { table.remove(sequence) }
        if !deletable.isEmpty { supply.delete(deletable.map(SegmentHeader.fileName(segment:))) }
        guard afterRotation, table.totalBytes > options.purgeBytes else { return }
        let pins = table.pins(bytesMax: options.purgeBytes)
        if !pins.burials.isEmpty {
            let since = monotonicMicroseconds()
            backlog.append(
                WriteAheadLog.Request(items: pins.burials, bytes: 0, sinceMicroseconds: since, completion: {})
            )
        }
        if !pins.groups.isEmpty { log.state.withLock { $0.restate }(pins.groups) }
    }
}

extension LogItem {
    /// True for items that can make older segments free.
    fileprivate var isBeginningOrEnd: Bool {
        switch self {
        case .replicaCreated, .restated, .replicaBuried: true
        case .entries, .hardState, .truncatedSuffix, .compacted, .snapshotApplied: false
        }
    }
}
