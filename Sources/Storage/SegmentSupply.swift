import Glibc
import Vocabulary

/// Prepares the next segment before it is needed and deletes old ones, on a thread of its own, so that the
/// thread that acknowledges writes waits for neither.
final class SegmentSupply: Sendable {
    struct Segment: Sendable {
        var header: SegmentHeader
        var file: SegmentFile
    }

    private struct State: Sendable {
        var ready: [Segment]
        var next: UInt64
        var deletions: [String] = []
        /// Somebody waits for a segment.
        var isWanted = false
        var isClosed = false
    }

    /// How fast a segment's zeros are written: in small synced steps, since one large sync would hold up the log's
    /// own, on this node and on others that share its disk.
    enum Haste {
        /// Ahead of need: some 20 MiB a second, far more than the log takes, until somebody waits.
        case none
        /// A start waits for it.
        case some
    }

    private enum Job: Sendable {
        case prepare(UInt64)
        case delete(String)
        case end
    }

    private static let firstSegmentBytes = 4 << 20
    private static let stepBytes = 256 << 10
    private static let hurriedStepBytes = 1 << 20
    private static let stepPauseMicroseconds: UInt32 = 10_000
    private static let hurriedPauseMicroseconds: UInt32 = 1_000
    private static let fullPauseMicroseconds: UInt32 = 200_000

    private let directory: LogDirectory
    private let cluster: ClusterID
    private let node: NodeID
    private let segmentBytes: Int
    private let onFailure: @Sendable (StorageFailure) -> Void
    private let state: Monitor<State>

    /// - Parameters:
    ///   - ready: prepared by an earlier run and never used, oldest first.
    ///   - next: the number of the next segment to be made.
    ///   - onFailure: called at most once, on the supply's thread; nothing is prepared or deleted afterwards.
    init(
        directory: LogDirectory, cluster: ClusterID, node: NodeID, segmentBytes: Int, ready: [Segment],
        next: UInt64, onFailure: @escaping @Sendable (StorageFailure) -> Void
    ) {
        self.directory = directory
        self.cluster = cluster
        self.node = node
        self.segmentBytes = segmentBytes
        self.onFailure = onFailure
        state = Monitor(State(ready: ready, next: next))
    }

    func start() -> BlockingThread { BlockingThread(name: "martlet-segment") { self.run() } }

    /// The next segment, in order. Blocks until there is one; `nil` when the supply has ended.
    func take() -> Segment? {
        let taken = state.wait { state -> Segment?? in
            if !state.ready.isEmpty {
                state.isWanted = false
                return .some(state.ready.removeFirst())
            }
            state.isWanted = true
            return state.isClosed ? .some(nil) : nil
        }
        state.change { _ in true }
        return taken
    }

    /// Deletes segments, in this order.
    func delete(_ names: [String]) {
        state.change { state in
            state.deletions += names
            return true
        }
    }

    func close() {
        state.change { state in
            state.isClosed = true
            return true
        }
    }

    /// Makes a segment at once: file, zeros, header, sync, rename, directory sync (rule D7).
    private func make(_ number: UInt64, bytes: Int, haste: Haste) throws(StorageFailure) -> Segment {
        let header = SegmentHeader(
            cluster: cluster, node: node, segment: number, salt: UInt32.random(in: .min ... .max))
        let name = SegmentHeader.fileName(segment: number)
        let unfinished = name + ".new"
        let file = try SegmentFile.create(unfinished, capacity: bytes, in: directory)
        let zeros = [UInt8](repeating: 0, count: Self.hurriedStepBytes)
        var offset = 0
        while offset < bytes {
            let isHurried = haste == .some || state.withLock { $0.isWanted }
            let step = min(isHurried ? Self.hurriedStepBytes : Self.stepBytes, bytes - offset)
            try file.write(step == zeros.count ? zeros : Array(zeros[..<step]), at: offset)
            offset += step
            try file.sync()
            usleep(isHurried ? Self.hurriedPauseMicroseconds : Self.stepPauseMicroseconds)
        }
        try file.write(header.encoded(), at: 0)
        try file.sync()
        try directory.rename(unfinished, to: name)
        try directory.sync()
        return Segment(header: header, file: try SegmentFile.open(name, in: directory))
    }

    /// The first segment of a new log, a small one: a start waits for it, and the zeros of a large one would hold up the
    /// syncs of other nodes on the same disk. The ones after it are made ahead of need.
    func makeFirst() throws(StorageFailure) -> Segment {
        let first = try make(
            state.withLock { $0.next }, bytes: min(Self.firstSegmentBytes, segmentBytes), haste: .some)
        state.withLock { $0.next = first.header.segment + 1 }
        return first
    }

    private func run() {
        do {
            while true {
                switch nextJob() {
                case .prepare(let number):
                    guard let segment = try makeWhenThereIsSpace(number) else { continue }
                    state.change { state in
                        state.ready.append(segment)
                        state.next = number + 1
                        return true
                    }
                case .delete(let name):
                    // One at a time and oldest first, so that no crash leaves a gap in the numbers.
                    try directory.remove(name)
                    try directory.sync()
                case .end: return
                }
            }
        } catch {
            close()
            onFailure(error)
        }
    }

    private func nextJob() -> Job {
        state.wait { state in
            if !state.deletions.isEmpty { return .delete(state.deletions.removeFirst()) }
            if state.isClosed { return .end }
            return state.ready.isEmpty ? .prepare(state.next) : nil
        }
    }

    /// A full disk is no failure here: nothing was acknowledged, and appends wait until space is freed.
    private func makeWhenThereIsSpace(_ number: UInt64) throws(StorageFailure) -> Segment? {
        while !state.withLock({ $0.isClosed }) {
            do {
                return try make(number, bytes: segmentBytes, haste: .none)
            } catch  where error.isDiskFull {
                usleep(Self.fullPauseMicroseconds)
            }
        }
        return nil
    }
}

extension StorageFailure {
    /// True when the disk had no room.
    package var isDiskFull: Bool { reason == systemError(ENOSPC) || reason == systemError(EDQUOT) }
}
