import Storage
import Testing
import Vocabulary
import Wire

/// Rule D6: what was synced is never lost unnoticed, and a torn tail is never taken for damage.
@Suite struct WALScannerTests {
    private static let segmentBytes = 4_096

    /// The bytes of one segment with these batches, and where each batch's record begins.
    private func segment(
        _ batches: [[LogItem]], encoder: inout WALEncoder, header: SegmentHeader
    ) -> (bytes: [UInt8], starts: [Int]) {
        var bytes = header.encoded()
        var starts: [Int] = []
        for batch in batches {
            starts.append(bytes.count)
            bytes += encoder.encode(batch)
        }
        return (bytes, starts)
    }

    private func oneSegment(_ batches: [[LogItem]]) -> (bytes: [UInt8], starts: [Int]) {
        let header = LogFixture.header(1)
        var encoder = WALEncoder(header: header)
        return segment(batches, encoder: &encoder, header: header)
    }

    /// Two segments of three and two batches.
    private func twoSegments() -> (first: [UInt8], second: [UInt8], batches: [[LogItem]], secondStarts: [Int])
    {
        let batches = LogFixture.batches(5)
        var encoder = WALEncoder(header: LogFixture.header(1))
        let first = segment(Array(batches[..<3]), encoder: &encoder, header: LogFixture.header(1))
        encoder.rotate(to: LogFixture.header(2))
        let second = segment(Array(batches[3...]), encoder: &encoder, header: LogFixture.header(2))
        return (first.bytes, second.bytes, batches, second.starts)
    }

    @Test(arguments: [20, 6_000]) func whatWasWrittenIsRead(bytes: Int) throws {
        let batches = LogFixture.batches(6, bytes: bytes)
        let (log, _) = oneSegment(batches)
        let scan = try LogFixture.scan([log.padded(to: 65_536)])
        #expect(scan.items == batches.flatMap { $0 })
        #expect(scan.nextBatch == 7 && scan.validLengthOfLast == log.count && !scan.isTorn)
        #expect(try LogFixture.scan([log]).items == scan.items)
    }

    @Test func largeBatchesThatShrinkAreCompressed() throws {
        let item = LogItem.entries(
            group: LogFixture.group, replica: LogFixture.replica,
            [
                LogEntry(
                    index: LogIndex(1), term: Term(1), payload: .command([UInt8](repeating: 7, count: 5_000)))
            ])
        var generator = SeededGenerator(seed: 1)
        let noise = (0..<5_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let incompressible = LogItem.entries(
            group: LogFixture.group, replica: LogFixture.replica,
            [LogEntry(index: LogIndex(2), term: Term(1), payload: .command(noise))])
        let batches = [[LogFixture.created()], [item], [incompressible]]
        let (log, starts) = oneSegment(batches)
        #expect(starts[2] - starts[1] < 200)
        #expect(log.count - starts[2] > 5_000)
        #expect(try LogFixture.scan([log]).items == batches.flatMap { $0 })
    }

    @Test func aWriteTornAtAnyByteLosesOnlyItself() throws {
        let batches = LogFixture.batches(4)
        let (log, starts) = oneSegment(batches)
        let durable = log[..<starts[3]]
        for cut in starts[3]...log.count {
            let disk = Array(log[..<cut]).padded(to: Self.segmentBytes)
            let scan = try LogFixture.scan([disk])
            // Without its zero padding the record is whole too.
            let isWhole = disk == log.padded(to: Self.segmentBytes)
            #expect(scan.items == batches[..<(isWhole ? 4 : 3)].flatMap { $0 })
            #expect(scan.validLengthOfLast == (isWhole ? log.count : durable.count))
            try goesOn(after: scan, on: disk)
        }
    }

    /// The tail is cut, another batch is written, and nothing of the torn one comes back.
    private func goesOn(after scan: WALScan, on disk: [UInt8]) throws {
        var encoder = try #require(scan.encoder())
        let more = [LogFixture.vote(99)]
        var disk = disk
        disk.replaceSubrange(
            scan.validLengthOfLast..<scan.tornEndOfLast,
            with: [UInt8](repeating: 0, count: scan.tornEndOfLast - scan.validLengthOfLast))
        let record = encoder.encode(more)
        disk.replaceSubrange(scan.validLengthOfLast..<scan.validLengthOfLast + record.count, with: record)
        #expect(try LogFixture.scan([disk]).items == scan.items + more)
    }

    @Test func sectorsOfTheLastWriteMayArriveInAnyCombination() throws {
        var batches = LogFixture.batches(3)
        batches.append([LogFixture.entries(3...12, bytes: 250)])
        let (log, starts) = oneSegment(batches)
        let whole = log.padded(to: 8_192)
        let before = Array(log[..<starts[3]]).padded(to: 8_192)
        let sectors = Array(stride(from: starts[3] / 512 * 512, to: log.count, by: 512))
        #expect(sectors.count >= 5)
        for arrived in 0..<1 << sectors.count {
            var disk = before
            for (place, start) in sectors.enumerated() where arrived >> place & 1 == 1 {
                disk.replaceSubrange(start..<start + 512, with: whole[start..<start + 512])
            }
            let scan = try LogFixture.scan([disk])
            #expect(scan.items == batches[..<(disk == whole ? 4 : 3)].flatMap { $0 })
        }
    }

    @Test func everyFlippedBitIsNoticed() throws {
        let batches = LogFixture.batches(4)
        let (log, starts) = oneSegment(batches)
        let clean = log.padded(to: log.count + 64)
        for place in clean.indices {
            var disk = clean
            disk[place] ^= 1 << UInt8(place % 8)
            if place < starts[3] {
                #expect(throws: StorageCorruption.self, "byte \(place)") { try LogFixture.scan([disk]) }
            } else {
                // With nothing after it, a bad last record cannot be told from one that was never finished.
                let scan = try LogFixture.scan([disk])
                #expect(scan.isTorn && scan.items == batches[..<(place < log.count ? 3 : 4)].flatMap { $0 })
            }
        }
    }

    @Test func damageBeforeTheLastSegmentIsNeverATornTail() throws {
        let (first, second, batches, _) = twoSegments()
        let clean = first.padded(to: first.count + 64)
        #expect(try LogFixture.scan([clean, second]).items == batches.flatMap { $0 })
        for place in clean.indices {
            var disk = clean
            disk[place] ^= 0x10
            #expect(throws: StorageCorruption.self, "byte \(place)") { try LogFixture.scan([disk, second]) }
        }
    }

    @Test func aTornFirstRecordOfASegmentProvesTheSegmentBeforeWhole() throws {
        let (first, second, batches, starts) = twoSegments()
        let torn = Array(second[..<(starts[0] + 10)]).padded(to: 1_024)
        let scan = try LogFixture.scan([first, torn])
        #expect(scan.items == batches[..<3].flatMap { $0 })
        #expect(scan.last?.segment == 2 && scan.validLengthOfLast == SegmentHeader.byteCount)
        var damaged = first
        damaged[first.count - 20] ^= 1
        #expect(throws: StorageCorruption.self) { try LogFixture.scan([damaged, torn]) }
    }

    @Test func preparedSegmentsAreNotTheLast() throws {
        let (first, second, batches, _) = twoSegments()
        let prepared = LogFixture.header(3).encoded().padded(to: 1_024)
        let torn = Array(second[..<(second.count - 12)]).padded(to: 1_024)
        let scan = try LogFixture.scan([first, torn, prepared])
        #expect(scan.items == batches[..<4].flatMap { $0 })
        #expect(scan.last?.segment == 2 && scan.isTorn)
        #expect(scan.unused == [LogFixture.header(3)])
    }

    @Test func lostAndRepeatedRecordsAndSegmentsAreNoticed() throws {
        let (first, second, _, starts) = twoSegments()
        let third = LogFixture.header(3).encoded()
        #expect(throws: StorageCorruption.self) { try LogFixture.scan([first, third]) }
        // A whole record cut out, and one twice.
        let cut = second[..<starts[0]] + second[starts[1]...]
        #expect(throws: StorageCorruption.self) { try LogFixture.scan([first, Array(cut)]) }
        let twice = second + second[starts[1]...]
        #expect(throws: StorageCorruption.self) { try LogFixture.scan([first, twice]) }
    }

    @Test func anotherNodesSegmentIsRefused() throws {
        let (first, _, _, _) = twoSegments()
        #expect(throws: StorageCorruption.self) {
            try WALScanner.scan(
                segments: [("1", first)], cluster: LogFixture.cluster, node: NodeID(high: 9, low: 9))
        }
    }

    /// A client that puts a whole record into a message does not know the segment's salt.
    @Test func aRecordInsideATornRecordIsNotARecord() throws {
        let header = LogFixture.header(1, salt: 1)
        var imitator = WALEncoder(header: LogFixture.header(1, salt: 2), nextBatch: 3)
        let imitation = imitator.encode([LogFixture.vote(1)])
        var encoder = WALEncoder(header: header)
        var disk = header.encoded() + encoder.encode([LogFixture.created()])
        let valid = disk.count
        for shift in 0..<8 {
            let body = [UInt8](repeating: 0xEE, count: shift) + imitation
            let entry = LogEntry(index: LogIndex(1), term: Term(1), payload: .command(body + [1, 2, 3]))
            var next = encoder
            let record = next.encode([
                .entries(group: LogFixture.group, replica: LogFixture.replica, [entry])
            ])
            let scan = try LogFixture.scan([disk + record.dropLast(8)])
            #expect(scan.isTorn && scan.validLengthOfLast == valid)
        }
        disk += encoder.encode([LogFixture.vote(2)])
        #expect(try LogFixture.scan([disk]).items.count == 2)
    }
}
