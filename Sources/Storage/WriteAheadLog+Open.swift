import Vocabulary
import Wire

extension WriteAheadLog {
    /// Opens the log in a directory, which is made when it is missing, and reads what it holds.
    ///
    /// On return a torn tail is cut from the disk and everything recovered is synced, whatever an earlier process
    /// left in the page cache (rule D5). One process at a time: the caller holds the node's lock.
    ///
    /// - Returns: the log; each replica as the log knows it; the replicas buried, by group.
    /// - Throws: `StorageCorruption` when the log is damaged or another node's (rule D6); `StorageFailure` when
    ///   the disk cannot be read or written.
    package static func open(
        directory path: String, cluster: ClusterID, node: NodeID, options: Options = Options()
    ) throws -> (
        log: WriteAheadLog, recovered: [GroupID: RecoveredReplica], buried: [GroupID: Set<ReplicaID>]
    ) {
        let directory = try LogDirectory(path)
        for name in try directory.names(suffix: LogDirectory.unfinishedSuffix) { try directory.remove(name) }
        var recovery = LogRecovery(directory: directory, cluster: cluster, node: node)
        try recovery.readAll()
        try recovery.makeDurable(sync: options.sync)

        let log = WriteAheadLog(onFatal: options.onFatal)
        let supply = SegmentSupply(
            directory: directory, cluster: cluster, node: node, segmentBytes: options.segmentBytes,
            ready: recovery.unused, next: recovery.nextSegment, onFailure: { log.fail($0) })
        let writer = try log.makeWriter(recovery, options: options, supply: supply)
        let threads = [
            supply.start(), BlockingThread(name: "martlet-log") { writer.run() },
        ]
        log.state.withLock { $0.threads = threads }
        return (log, recovery.fold.replicas, recovery.fold.buried)
    }

    private func makeWriter(
        _ recovery: LogRecovery, options: Options, supply: SegmentSupply
    ) throws -> LogWriter {
        let scan = recovery.scanner.finish()
        var table = recovery.table
        let file: SegmentFile
        let encoder: WALEncoder
        if let last = recovery.last, let going = scan.encoder() {
            (file, encoder) = (last, going)
        } else {
            let first = try supply.makeFirst()
            (file, encoder) = (first.file, WALEncoder(header: first.header))
            table.use(segment: first.header.segment, bytes: first.file.capacity)
        }
        let (segments, totalBytes) = (table.segments.count, table.totalBytes)
        state.withLock { state in
            state.statistics.segments = segments
            state.statistics.totalBytes = totalBytes
        }
        return LogWriter(
            log: self, options: options, supply: supply, file: file, offset: scan.validLengthOfLast,
            encoder: encoder, table: table)
    }
}

/// The reading side of `open`: one pass over all segments, one in memory at a time.
private struct LogRecovery {
    let directory: LogDirectory
    private(set) var scanner: WALScanner
    private(set) var fold = RecoveryFold()
    private(set) var table = SegmentTable()
    private var files: [(header: SegmentHeader, file: SegmentFile)] = []

    init(directory: LogDirectory, cluster: ClusterID, node: NodeID) {
        self.directory = directory
        scanner = WALScanner(cluster: cluster, node: node)
    }

    /// The segment to go on in.
    var last: SegmentFile? {
        let header = scanner.finish().last
        return files.first { $0.header == header }?.file
    }

    var unused: [SegmentSupply.Segment] {
        let unused = scanner.finish().unused
        return files.filter { unused.contains($0.header) }
            .map { SegmentSupply.Segment(header: $0.header, file: $0.file) }
    }

    var nextSegment: UInt64 { (files.last?.header.segment ?? 0) + 1 }

    mutating func readAll() throws {
        for name in try directory.names(suffix: LogDirectory.suffix) {
            let file = try SegmentFile.open(name, in: directory)
            let bytes = try file.contents(least: SegmentHeader.byteCount)
            let items = try scanner.scan(name: name, bytes: bytes, capacity: file.capacity)
            let header = try SegmentHeader(decoding: bytes, name: name)
            files.append((header, file))
            guard scanner.finish().last == header else { continue }
            table.use(segment: header.segment, bytes: file.capacity)
            table.record(items)
            for item in items { try apply(item, name: name) }
        }
        try fold.finish()
    }

    private mutating func apply(_ item: LogItem, name: String) throws(StorageCorruption) {
        do {
            try fold.apply(item)
        } catch {
            throw StorageCorruption(segment: name, offset: error.offset, reason: error.reason)
        }
    }

    /// Overwrites a torn tail, so that it cannot come back, and syncs every segment and the directory.
    func makeDurable(sync: @Sendable (Int32) -> Int32) throws {
        let scan = scanner.finish()
        if scan.isTorn, let last {
            let zeros = [UInt8](repeating: 0, count: scan.tornEndOfLast - scan.validLengthOfLast)
            try last.write(zeros, at: scan.validLengthOfLast)
        }
        for (_, file) in files { try file.sync(with: sync) }
        try directory.sync()
    }
}
