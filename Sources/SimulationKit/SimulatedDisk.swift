import Storage
import Vocabulary
import Wire

/// One node's log on a disk that forgets what was not synced, built on the real encoder, scanner and table of
/// segments.
///
/// Like the real writer it has one record in flight: written, not yet synced. Everything queued meanwhile
/// goes into the next record. A crash can keep all of the record in flight, none, a prefix or any of its
/// sectors.
struct SimulatedDisk {
    static let sectorBytes = 512

    private let cluster: ClusterID
    private let node: NodeID
    /// A segment takes no further record from this size on; the log shrinks when it is larger than `purgeBytes`.
    private let segmentBytes: Int
    private let purgeBytes: Int
    private var segments: [Segment]
    private var encoder: WALEncoder
    private var table = SegmentTable()
    private var queue: [(sequence: UInt64, items: [LogItem], at: UInt64)] = []
    private var inFlight: Flight?
    /// Where the last synced record starts, in the last segment; `nil` when that is not known.
    private var lastRecord: Int?
    /// No room for another record.
    var isFull = false

    private struct Segment {
        var header: SegmentHeader
        var bytes: [UInt8]
    }

    private struct Flight {
        var sequence: UInt64
        var items: [LogItem]
        var at: UInt64
        var range: Range<Int>
        var hasRotated: Bool
    }

    struct Loss {
        var hasLost = false
        var isTorn = false
    }

    /// What became durable, and the groups that keep old segments from going.
    struct Synced {
        var sequence: UInt64
        var items: [LogItem]
        var pinned: [GroupID]
    }

    init(cluster: ClusterID, node: NodeID, segmentBytes: Int = 64 << 10, purgeBytes: Int = 1 << 30) {
        self.cluster = cluster
        self.node = node
        self.segmentBytes = segmentBytes
        self.purgeBytes = purgeBytes
        let header = SegmentHeader(cluster: cluster, node: node, segment: 1, salt: 1)
        segments = [Segment(header: header, bytes: header.encoded())]
        encoder = WALEncoder(header: header)
        table.use(segment: 1, bytes: segmentBytes)
    }

    /// Microseconds since the oldest item that is not durable was handed over.
    func age(at now: UInt64) -> UInt64 {
        guard let oldest = inFlight?.at ?? queue.first?.at else { return 0 }
        return now - oldest
    }

    mutating func append(_ items: [LogItem], sequence: UInt64, at now: UInt64) {
        queue.append((sequence, items, now))
    }

    /// Writes all that is queued as one record. False when nothing is queued, a record is in flight or the disk
    /// is full.
    mutating func beginWrite() -> Bool {
        guard inFlight == nil, !isFull, let last = queue.last, let first = queue.first else { return false }
        let mustRotate = segments[segments.count - 1].bytes.count > segmentBytes
        if mustRotate { rotate() }
        let items = queue.flatMap(\.items)
        queue = []
        let record = encoder.encode(items)
        let start = segments[segments.count - 1].bytes.count
        segments[segments.count - 1].bytes += record
        inFlight = Flight(
            sequence: last.sequence, items: items, at: first.at, range: start..<start + record.count,
            hasRotated: mustRotate)
        return true
    }

    private mutating func rotate() {
        let number = segments[segments.count - 1].header.segment + 1
        let header = SegmentHeader(
            cluster: cluster, node: node, segment: number, salt: UInt32(truncatingIfNeeded: number))
        segments.append(Segment(header: header, bytes: header.encoded()))
        encoder.rotate(to: header)
        table.use(segment: number, bytes: segmentBytes)
        // The new segment has none before the one that is being written.
        lastRecord = nil
    }

    /// The record in flight is durable.
    mutating func completeSync() -> Synced? {
        guard let flight = inFlight else { return nil }
        inFlight = nil
        lastRecord = flight.range.lowerBound
        table.record(flight.items)
        return Synced(
            sequence: flight.sequence, items: flight.items, pinned: collect(after: flight))
    }

    /// Deletes segments that nobody needs, as the real writer does after a rotation.
    private mutating func collect(after flight: Flight) -> [GroupID] {
        for sequence in table.deletable {
            table.remove(sequence)
            segments.removeAll { $0.header.segment == sequence }
        }
        guard flight.hasRotated, table.totalBytes > purgeBytes else { return [] }
        let pins = table.pins(bytesMax: purgeBytes)
        if !pins.burials.isEmpty { queue.insert((0, pins.burials, queue.first?.at ?? flight.at), at: 0) }
        return pins.groups
    }

    /// The process is gone. With the power, so is what the disk had not been told to keep.
    mutating func crash(isPowerLoss: Bool, _ random: inout SeededGenerator) -> Loss {
        var loss = Loss(hasLost: !queue.isEmpty)
        queue = []
        guard let flight = inFlight else { return loss }
        inFlight = nil
        lastRecord = nil
        let place = segments.count - 1
        if !isPowerLoss && random.chance(percent: 80) { return loss }
        loss.hasLost = true
        switch Int.random(in: 0..<4, using: &random) {
        case 0: segments[place].bytes.removeLast(flight.range.count)
        case 1:
            let kept = Int.random(in: 0..<flight.range.count, using: &random)
            segments[place].bytes.removeLast(flight.range.count - kept)
            loss.isTorn = kept > 0
        default: loss.isTorn = dropSectors(of: flight.range, in: place, &random)
        }
        return loss
    }

    /// Any sector of the record may not have reached the disk; its zeros from the preparation are there.
    private mutating func dropSectors(
        of range: Range<Int>, in place: Int, _ random: inout SeededGenerator
    ) -> Bool {
        var kept = 0
        var dropped = 0
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min((start / Self.sectorBytes + 1) * Self.sectorBytes, range.upperBound)
            if random.chance(percent: 50) {
                for offset in start..<end { segments[place].bytes[offset] = 0 }
                dropped += 1
            } else {
                kept += 1
            }
            start = end
        }
        return kept > 0 && dropped > 0
    }

    /// Flips one bit at rest, anywhere but in the last record: that one cannot be told from a torn tail (rule
    /// D6). False when there is nothing before it.
    mutating func flipBit(_ random: inout SeededGenerator) -> Bool {
        let place = Int.random(in: 0..<segments.count, using: &random)
        let isLast = place == segments.count - 1
        let end = isLast ? (lastRecord ?? 0) : segments[place].bytes.count
        guard end > 0 else { return false }
        let offset = Int.random(in: 0..<end, using: &random)
        segments[place].bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        return true
    }

    /// Reads the log as a starting node does, and goes on after it.
    mutating func recover() throws(StorageCorruption) -> RecoveryFold {
        var scanner = WALScanner(cluster: cluster, node: node)
        var fold = RecoveryFold()
        var table = SegmentTable()
        for segment in segments {
            let items = try scanner.scan(
                name: SegmentHeader.fileName(segment: segment.header.segment), bytes: segment.bytes)
            guard scanner.finish().last == segment.header else { continue }
            table.use(segment: segment.header.segment, bytes: segmentBytes)
            table.record(items)
            for item in items { try fold.apply(item) }
        }
        try fold.finish()
        let scan = scanner.finish()
        if let last = scan.last, let encoder = scan.encoder() {
            segments.removeAll { $0.header.segment > last.segment }
            let place = segments.count - 1
            segments[place].bytes.removeLast(
                segments[place].bytes.count - min(segments[place].bytes.count, scan.validLengthOfLast))
            self.encoder = encoder
        }
        self.table = table
        lastRecord = nil
        isFull = false
        return fold
    }
}
