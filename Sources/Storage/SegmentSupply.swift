import Glibc
import Synchronization
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
        /// Bytes of the one after a small first segment, twice as many each time.
        var nextBytes: Int
        var deletions: [String] = []
        /// Somebody waits for a segment.
        var isWanted = false
        var isClosed = false
    }

    /// How fast a segment's zeros are written: in small synced steps, since one large sync would hold up the log's
    /// own, on this node and on others that share its disk.
    enum Haste {
        /// Ahead of need: 2.5 MiB a second as long as the segment in use has clearly more room than three quarters of what is
        /// still to be filled with zeros; else some 20, far more than the log takes, until somebody waits.
        case none
        /// A start waits for it.
        case some
    }

    private enum Job: Sendable {
        case prepare(UInt64)
        case delete
        case end
    }

    private static let firstSegmentBytes = 4 << 20
    private static let stepBytes = 256 << 10
    private static let hurriedStepBytes = 1 << 20
    /// As many pauses of a step make a leisurely one.
    private static let leisurelyPauses = 10
    /// What the log may take while the last of a segment is prepared.
    private static let reserveBytes = 1 << 20
    private static let stepPauseMicroseconds: UInt32 = 10_000
    private static let hurriedPauseMicroseconds: UInt32 = 1_000
    private static let fullPauseMicroseconds: UInt32 = 200_000

    private let directory: LogDirectory
    private let cluster: ClusterID
    private let node: NodeID
    private let segmentBytes: Int
    private let onFailure: @Sendable (StorageFailure) -> Void
    private let state: Monitor<State>
    /// Bytes that are left of the segment in use.
    private let left = Atomic<Int>(0)

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
        state = Monitor(State(ready: ready, next: next, nextBytes: segmentBytes))
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

    /// So many bytes are left of the segment in use.
    func noteRoom(_ bytes: Int) { left.store(bytes, ordering: .relaxed) }

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

    /// Makes a segment: file, zeros, header, sync, rename, directory sync (rule D7). `nil` when the supply was closed before
    /// it was done; a start removes what there is of it.
    private func make(_ number: UInt64, bytes: Int, haste: Haste) throws(StorageFailure) -> Segment? {
        let header = SegmentHeader(
            cluster: cluster, node: node, segment: number, salt: UInt32.random(in: .min ... .max))
        let name = SegmentHeader.fileName(segment: number)
        let unfinished = name + ".new"
        let file = try SegmentFile.create(unfinished, capacity: bytes, in: directory)
        let zeros = [UInt8](repeating: 0, count: Self.hurriedStepBytes)
        var offset = 0
        while offset < bytes {
            let (isWanted, isClosed) = state.withLock { ($0.isWanted, $0.isClosed) }
            if isClosed { return nil }
            if !isWanted { try deleteAll() }
            let isHurried = haste == .some || isWanted
            let step = min(isHurried ? Self.hurriedStepBytes : Self.stepBytes, bytes - offset)
            try file.write(step == zeros.count ? zeros : Array(zeros[..<step]), at: offset)
            offset += step
            try file.sync()
            if isHurried { usleep(Self.hurriedPauseMicroseconds) } else { pause(remaining: bytes - offset) }
        }
        try file.write(header.encoded(), at: 0)
        try file.sync()
        try directory.rename(unfinished, to: name)
        try directory.sync()
        return Segment(header: header, file: try SegmentFile.open(name, in: directory))
    }

    /// Lets time pass between two steps, in small parts: who begins to wait meanwhile does not wait for this.
    private func pause(remaining: Int) {
        guard remaining > 0 else { return }
        for _ in 0..<Self.leisurelyPauses {
            usleep(Self.stepPauseMicroseconds)
            let isAwaited = state.withLock { $0.isWanted || $0.isClosed }
            if isAwaited || left.load(ordering: .relaxed) < remaining / 4 * 3 + Self.reserveBytes { return }
        }
    }

    /// The first segment of a new log, a small one: a start waits for it, and the zeros of a large one would hold up the
    /// syncs of other nodes on the same disk. The ones after it are made ahead of need.
    func makeFirst() throws(StorageFailure) -> Segment {
        let bytes = min(Self.firstSegmentBytes, segmentBytes)
        guard let first = try make(state.withLock { $0.next }, bytes: bytes, haste: .some) else {
            preconditionFailure("the first segment is made before anybody can close the log")
        }
        state.withLock { state in
            state.next = first.header.segment + 1
            state.nextBytes = min(2 * bytes, segmentBytes)
        }
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
                        state.nextBytes = min(2 * state.nextBytes, segmentBytes)
                        return true
                    }
                case .delete: try deleteAll()
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
            if !state.deletions.isEmpty { return .delete }
            if state.isClosed { return .end }
            return state.ready.isEmpty ? .prepare(state.next) : nil
        }
    }

    /// One at a time and oldest first, so that no crash leaves a gap in the numbers.
    private func deleteAll() throws(StorageFailure) {
        while let name = state.withLock({ $0.deletions.first }) {
            try directory.remove(name)
            try directory.sync()
            _ = state.withLock { $0.deletions.removeFirst() }
        }
    }

    /// A full disk is no failure here: nothing was acknowledged, and appends wait until space is freed.
    private func makeWhenThereIsSpace(_ number: UInt64) throws(StorageFailure) -> Segment? {
        while !state.withLock({ $0.isClosed }) {
            do {
                return try make(number, bytes: state.withLock { $0.nextBytes }, haste: .none)
            } catch  where error.isDiskFull {
                try deleteAll()
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
