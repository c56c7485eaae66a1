import Storage
import Testing
import Vocabulary
import Wire

/// Rule D6 at random: thousands of logs of several segments, each damaged in one way.
///
/// A crash may take the batch that was being written, and nothing else. Whatever happens to bytes that were synced
/// before it must be noticed.
@Suite struct WALDamageTests {
    /// A log of some segments, and where its last record begins.
    private struct Log {
        var segments: [[UInt8]]
        var batches: [[LogItem]]
        var lastStart: Int
        var lastEnd: Int
        var acknowledged: [LogItem] { batches.dropLast().flatMap { $0 } }
        var all: [LogItem] { batches.flatMap { $0 } }
    }

    private static let cases = 1_500
    private static let sector = 512

    private func log(_ random: inout SeededGenerator) -> Log {
        let count = Int.random(in: 3...9, using: &random)
        var batches = LogFixture.batches(count, bytes: Int.random(in: 1...1_500, using: &random))
        if Bool.random(using: &random) {
            // A large batch that shrinks is compressed.
            batches.append([LogFixture.entries(UInt64(count)...UInt64(count) + 3, bytes: 2_000)])
        }
        let rotations = Set((0..<2).map { _ in Int.random(in: 1..<batches.count, using: &random) })
        var header = LogFixture.header(1, salt: UInt32.random(in: .min ... .max, using: &random))
        var encoder = WALEncoder(header: header)
        var segments = [header.encoded()]
        var start = 0
        for (place, batch) in batches.enumerated() {
            if rotations.contains(place) {
                header = LogFixture.header(
                    UInt64(segments.count) + 1, salt: UInt32.random(in: .min ... .max, using: &random))
                encoder.rotate(to: header)
                segments.append(header.encoded())
            }
            start = segments[segments.count - 1].count
            segments[segments.count - 1] += encoder.encode(batch)
        }
        let end = segments[segments.count - 1].count
        return Log(
            segments: segments.map { $0.padded(to: 40_960) }, batches: batches, lastStart: start, lastEnd: end
        )
    }

    @Test func aTornLastWriteTakesNothingThatWasAcknowledged() throws {
        var random = SeededGenerator(seed: 41)
        for number in 0..<Self.cases {
            var log = log(&random)
            let last = log.segments.count - 1
            // Each sector of the write arrived, was lost, or arrived in part.
            var place = log.lastStart
            while place < log.lastEnd {
                let next = min((place / Self.sector + 1) * Self.sector, log.lastEnd)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: break
                case 1: for byte in place..<next { log.segments[last][byte] = 0 }
                default:
                    let torn = Int.random(in: place...next, using: &random)
                    for byte in torn..<next { log.segments[last][byte] = 0 }
                }
                place = next
            }
            let scan = try LogFixture.scan(log.segments)
            #expect(scan.items == log.acknowledged || scan.items == log.all, "case \(number)")
        }
    }

    @Test func damageToWhatWasAcknowledgedIsAlwaysNoticed() {
        var random = SeededGenerator(seed: 42)
        for number in 0..<Self.cases {
            var log = log(&random)
            let segment = Int.random(in: log.segments.indices, using: &random)
            let isLast = segment == log.segments.count - 1
            let end = isLast ? log.lastStart : contentEnd(log.segments[segment])
            guard end > SegmentHeader.byteCount else { continue }
            guard damage(&log.segments[segment], below: end, &random) else { continue }
            #expect(throws: StorageCorruption.self, "case \(number)") { try LogFixture.scan(log.segments) }
        }
    }

    @Test func damageAnywhereNeverMakesAnotherLog() {
        var random = SeededGenerator(seed: 43)
        for number in 0..<Self.cases {
            var log = log(&random)
            let segment = Int.random(in: log.segments.indices, using: &random)
            guard damage(&log.segments[segment], below: log.segments[segment].count, &random) else {
                continue
            }
            guard let scan = try? LogFixture.scan(log.segments) else { continue }
            #expect(scan.items == log.all || scan.items == log.acknowledged, "case \(number)")
        }
    }

    private func contentEnd(_ bytes: [UInt8]) -> Int { (bytes.lastIndex { $0 != 0 } ?? -1) + 1 }

    /// One flipped bit, a lost sector, two sectors exchanged or a run of noise, all below `end`. False when the
    /// bytes are what they were.
    private func damage(_ bytes: inout [UInt8], below end: Int, _ random: inout SeededGenerator) -> Bool {
        let before = bytes
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            bytes[Int.random(in: 0..<end, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1:
            let start = Int.random(in: 0..<end, using: &random) / Self.sector * Self.sector
            for place in start..<min(start + Self.sector, end) { bytes[place] = 0 }
        case 2:
            let sectors = end / Self.sector
            guard sectors > 1 else { return false }
            let (a, b) = (
                Int.random(in: 0..<sectors, using: &random), Int.random(in: 0..<sectors, using: &random)
            )
            for place in 0..<Self.sector { bytes.swapAt(a * Self.sector + place, b * Self.sector + place) }
        default:
            let start = Int.random(in: 0..<end, using: &random)
            for place in start..<min(start + 24, end) {
                bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            }
        }
        return bytes != before
    }
}
