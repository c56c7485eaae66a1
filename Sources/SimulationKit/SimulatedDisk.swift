import Storage
import Vocabulary
import Wire

/// One node's log on a disk that forgets what was not synced, built on the real encoder and scanner.
///
/// Like the real writer it has one record in flight: written, not yet synced. Everything queued meanwhile
/// goes into the next record. A crash can keep all of the record in flight, none, a prefix or any of its
/// sectors.
struct SimulatedDisk {
    static let sectorBytes = 512
    private static let segmentBytes = 64 << 10

    private let cluster: ClusterID
    private let node: NodeID
    private var segments: [(header: SegmentHeader, bytes: [UInt8])]
    private var encoder: WALEncoder
    private var queue: [(sequence: UInt64, items: [LogItem], at: UInt64)] = []
    private var inFlight: Flight?

    private struct Flight {
        var sequence: UInt64
        var items: [LogItem]
        var at: UInt64
        var range: Range<Int>
    }

    struct Loss {
        var hasLost = false
        var isTorn = false
    }

    init(cluster: ClusterID, node: NodeID) {
        self.cluster = cluster
        self.node = node
        let header = SegmentHeader(cluster: cluster, node: node, segment: 1, salt: 1)
        segments = [(header, header.encoded())]
        encoder = WALEncoder(header: header)
    }

    var isIdle: Bool { inFlight == nil }

    /// Microseconds since the oldest item that is not durable was handed over.
    func age(at now: UInt64) -> UInt64 {
        guard let oldest = inFlight?.at ?? queue.first?.at else { return 0 }
        return now - oldest
    }

    mutating func append(_ items: [LogItem], sequence: UInt64, at now: UInt64) {
        queue.append((sequence, items, now))
    }

    /// Writes all that is queued as one record. False when nothing is queued or a record is in flight.
    mutating func beginWrite() -> Bool {
        guard inFlight == nil, let last = queue.last, let first = queue.first else { return false }
        if segments[segments.count - 1].bytes.count > Self.segmentBytes { rotate() }
        let items = queue.flatMap(\.items)
        queue = []
        let record = encoder.encode(items)
        let start = segments[segments.count - 1].bytes.count
        segments[segments.count - 1].bytes += record
        inFlight = Flight(
            sequence: last.sequence, items: items, at: first.at, range: start..<start + record.count)
        return true
    }

    private mutating func rotate() {
        let number = segments[segments.count - 1].header.segment + 1
        let header = SegmentHeader(
            cluster: cluster, node: node, segment: number, salt: UInt32(truncatingIfNeeded: number))
        segments.append((header, header.encoded()))
        encoder.rotate(to: header)
    }

    /// The record in flight is durable.
    mutating func completeSync() -> (sequence: UInt64, items: [LogItem])? {
        guard let flight = inFlight else { return nil }
        inFlight = nil
        return (flight.sequence, flight.items)
    }

    /// The process is gone. With the power, so is what the disk had not been told to keep.
    mutating func crash(isPowerLoss: Bool, _ random: inout SeededGenerator) -> Loss {
        var loss = Loss(hasLost: !queue.isEmpty)
        queue = []
        guard let flight = inFlight else { return loss }
        inFlight = nil
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

    /// Reads the log as a starting node does, and goes on after it.
    mutating func recover() throws(StorageCorruption) -> RecoveryFold {
        let scan = try WALScanner.scan(
            segments: segments.map { (SegmentHeader.fileName(segment: $0.header.segment), $0.bytes) },
            cluster: cluster, node: node)
        var fold = RecoveryFold()
        for item in scan.items { try fold.apply(item) }
        try fold.finish()
        if let last = scan.last, let encoder = scan.encoder() {
            segments.removeAll { $0.header.segment > last.segment }
            let place = segments.count - 1
            segments[place].bytes.removeLast(
                segments[place].bytes.count - min(segments[place].bytes.count, scan.validLengthOfLast))
            self.encoder = encoder
        }
        return fold
    }
}
