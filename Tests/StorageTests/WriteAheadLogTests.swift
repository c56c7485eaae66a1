import Foundation
import Storage
import Synchronization
import Testing
import Vocabulary
import Wire

@testable import Storage

/// The log on real files.
@Suite struct WriteAheadLogTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func open(
        _ name: String = "wal", segmentBytes: Int = 1 << 16,
        change: (inout WriteAheadLog.Options) -> Void = { _ in }
    ) throws -> (
        log: WriteAheadLog, recovered: [GroupID: RecoveredReplica], buried: [GroupID: Set<ReplicaID>]
    ) {
        var options = WriteAheadLog.Options()
        options.segmentBytes = segmentBytes
        change(&options)
        return try WriteAheadLog.open(
            directory: directory.path + "/" + name, cluster: LogFixture.cluster, node: LogFixture.node,
            options: options)
    }

    private func files(_ name: String = "wal") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path + "/" + name).sorted()
    }

    private func append(_ items: [LogItem], to log: WriteAheadLog) async {
        await withCheckedContinuation { done in log.append(items) { done.resume() } }
    }

    @Test func whatWasCompletedIsThereAfterAKill() async throws {
        let (log, recovered, _) = try open()
        #expect(recovered.isEmpty)
        let batches = LogFixture.batches(50, bytes: 200)
        for batch in batches { await append(batch, to: log) }
        try directory.copy("wal", to: "killed")
        log.close()
        let expected = try LogFixture.fold(batches.flatMap { $0 }).replicas
        for name in ["killed", "wal"] {
            let (again, recovered, _) = try open(name)
            #expect(recovered == expected)
            await append([LogFixture.vote(99)], to: again)
            again.close()
            let (last, afterwards, _) = try open(name)
            #expect(afterwards[LogFixture.group]?.hardState.term == Term(99))
            #expect(afterwards[LogFixture.group]?.entries == expected[LogFixture.group]?.entries)
            last.close()
        }
    }

    /// The end of a segment is not read; the last record's own zeros look like it.
    @Test(arguments: [0, 1, 100, 3_900, 40_000]) func aRecordThatEndsInZerosIsWhole(zeros: Int) async throws {
        var noise = SeededGenerator(seed: 2)
        let body = (0..<zeros * 12 + 9).map { _ in UInt8(truncatingIfNeeded: noise.next() | 1) }
        let last = LogEntry(
            index: LogIndex(1), term: Term(1), payload: .command(body + [UInt8](repeating: 0, count: zeros)))
        let item = LogItem.entries(group: LogFixture.group, replica: LogFixture.replica, [last])
        let (log, _, _) = try open(segmentBytes: 1 << 20)
        await append([LogFixture.created()], to: log)
        await append([item], to: log)
        log.close()
        let (again, recovered, _) = try open(segmentBytes: 1 << 20)
        #expect(recovered[LogFixture.group]?.entries == [last])
        await append([LogFixture.vote(9)], to: again)
        again.close()
        let (end, afterwards, _) = try open(segmentBytes: 1 << 20)
        #expect(afterwards[LogFixture.group]?.hardState.term == Term(9))
        end.close()
    }

    @Test func completionsComeInOrderAndOneBatchTakesWhatIsQueued() async throws {
        let (log, _, _) = try open()
        let order = Mutex<[Int]>([])
        await withCheckedContinuation { done in
            for number in 0..<1_000 {
                log.append([LogFixture.vote(UInt64(number), group: GroupID(UInt32(number)))]) {
                    order.withLock { $0.append(number) }
                    if number == 999 { done.resume() }
                }
            }
        }
        #expect(order.withLock { $0 } == Array(0..<1_000))
        #expect(log.statistics.items == 1_000 && log.statistics.batches < 500)
        #expect(log.queuedBytes == 0 && log.ageOfOldestUnsynced == 0)
        log.close()
    }

    /// With a spacing fewer batches take the same items; a log that has rested does not wait.
    @Test func aSpacingGathersWhatComesMeanwhile() async throws {
        let spacing: UInt64 = 200_000
        let begins = Mutex<[UInt64]>([])
        let (log, _, _) = try open { options in
            options.spacingMicroseconds = spacing
            options.sync = { descriptor in
                begins.withLock { $0.append(monotonicMicroseconds()) }
                return fdatasync(descriptor)
            }
        }
        begins.withLock { $0 = [] }
        await append([LogFixture.vote(1)], to: log)
        await withCheckedContinuation { done in
            for number in 2...30 {
                log.append([LogFixture.vote(UInt64(number))]) { if number == 30 { done.resume() } }
            }
        }
        let moments = begins.withLock { $0 }
        // One, unless this test itself is held up for longer than the spacing.
        #expect((2...4).contains(moments.count), "the other 29 share few")
        // The time of the write that precedes a sync is not counted in.
        #expect(moments.last.map { $0 - moments[0] > spacing / 2 } == true)
        log.close()
        #expect(log.statistics.items == 30)
    }

    @Test func segmentsRotateAndLargeBatchesFit() async throws {
        let (log, _, _) = try open(segmentBytes: 8_192)
        let batches = LogFixture.batches(40, bytes: 900) + [[LogFixture.entries(40...60, bytes: 4_000)]]
        for batch in batches { await append(batch, to: log) }
        #expect(log.statistics.segments > 3)
        log.close()
        let (again, recovered, _) = try open(segmentBytes: 8_192)
        #expect(recovered == (try LogFixture.fold(batches.flatMap { $0 }).replicas))
        again.close()
    }

    @Test func aTornTailIsCutFromTheDisk() async throws {
        let (log, _, _) = try open()
        let batches = LogFixture.batches(3)
        for batch in batches { await append(batch, to: log) }
        log.close()
        let path = directory.path + "/wal/" + SegmentHeader.fileName(segment: 1)
        let clean = try Data(contentsOf: URL(fileURLWithPath: path))
        let end = try LogFixture.scan([Array(clean)]).validLengthOfLast
        var torn = clean
        torn.replaceSubrange(end..<end + 100, with: Data(repeating: 0xAB, count: 100))
        try torn.write(to: URL(fileURLWithPath: path))
        let (again, recovered, _) = try open()
        #expect(recovered == (try LogFixture.fold(batches.flatMap { $0 }).replicas))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == clean)
        again.close()
    }

    @Test func aDamagedLogIsNotOpened() async throws {
        let (log, _, _) = try open()
        for batch in LogFixture.batches(3) { await append(batch, to: log) }
        log.close()
        let url = URL(fileURLWithPath: directory.path + "/wal/" + SegmentHeader.fileName(segment: 1))
        var bytes = try Data(contentsOf: url)
        bytes[SegmentHeader.byteCount + 50] ^= 1
        try bytes.write(to: url)
        let corruption = #expect(throws: StorageCorruption.self) { try open() }
        #expect(corruption?.segment == SegmentHeader.fileName(segment: 1))
        #expect(corruption?.offset == SegmentHeader.byteCount)
    }

    /// What an earlier process left in the page cache is on the disk before anything is answered from it.
    @Test func ruleD5_everySegmentIsSyncedBeforeTheLogIsOpen() async throws {
        let (log, _, _) = try open()
        for batch in LogFixture.batches(3) { await append(batch, to: log) }
        log.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path + "/wal")
            .filter { $0.hasSuffix(".wal") }.count
        let syncs = Mutex(0)
        let (again, _, _) = try open { options in
            options.sync = { descriptor in
                syncs.withLock { $0 += 1 }
                return fdatasync(descriptor)
            }
        }
        #expect(syncs.withLock { $0 } == files)
        again.close()
        #expect(throws: StorageFailure.self) {
            _ = try open { options in
                options.sync = { _ in
                    errno = EIO
                    return -1
                }
            }
        }
    }

    @Test func halfPreparedSegmentsAreRemoved() async throws {
        let (log, _, _) = try open()
        await append([LogFixture.created()], to: log)
        log.close()
        let unfinished = directory.path + "/wal/" + SegmentHeader.fileName(segment: 9) + ".new"
        #expect(FileManager.default.createFile(atPath: unfinished, contents: Data(repeating: 0, count: 10)))
        let (again, recovered, _) = try open()
        #expect(recovered.count == 1)
        #expect(!FileManager.default.fileExists(atPath: unfinished))
        again.close()
    }

    /// A spare segment is made at leisure: a whole one takes many seconds.
    @Test func aCloseDoesNotWaitForASpareSegment() async throws {
        let (log, _, _) = try open(segmentBytes: 64 << 20)
        await append([LogFixture.created()], to: log)
        let duration = ContinuousClock().measure { log.close() }
        #expect(duration < .seconds(5))
        let (again, recovered, _) = try open(segmentBytes: 64 << 20)
        #expect(recovered.count == 1)
        again.close()
    }

    /// Rule D1: told once, and nothing completes afterwards.
    @Test func aFailedSyncEndsAllCompletions() async throws {
        let syncs = Mutex(0)
        let completed = Mutex<[Int]>([])
        let told = Mutex<[String]>([])
        let (stream, failed) = AsyncStream<Void>.makeStream()
        let (log, _, _) = try open { options in
            options.sync = { descriptor in
                let count = syncs.withLock { syncs in
                    syncs += 1
                    return syncs
                }
                if count == 2 { errno = EIO }
                return count == 2 ? -1 : fdatasync(descriptor)
            }
            options.onFatal = { reason in
                told.withLock { $0.append(reason) }
                failed.finish()
            }
        }
        await append([LogFixture.created()], to: log)
        log.append([LogFixture.vote(1)]) { completed.withLock { $0.append(1) } }
        for await _ in stream {}
        log.append([LogFixture.vote(2)]) { completed.withLock { $0.append(2) } }
        log.close()
        #expect(completed.withLock { $0 } == [])
        #expect(syncs.withLock { $0 } == 2)
        #expect(told.withLock { $0.count } == 1)
    }

    @Test func aStalledDiskShows() async throws {
        let gate = DispatchSemaphore(value: 0)
        let (log, _, _) = try open { options in
            options.sync = { descriptor in
                gate.wait()
                return fdatasync(descriptor)
            }
        }
        async let done: Void = append([LogFixture.created()], to: log)
        while log.ageOfOldestUnsynced < 2 { await Task.yield() }
        #expect(log.queuedBytes > 0)
        gate.signal()
        await done
        #expect(log.ageOfOldestUnsynced == 0 && log.queuedBytes == 0)
        log.close()
    }

    /// Old segments go, and what they held of idle replicas and burials is still known.
    @Test func purgingKeepsWhatIsNeeded() async throws {
        let (log, _, _) = try open(segmentBytes: 8_192) { $0.purgeBytes = 5 * 8_192 }
        let owner = Owner(log: log)
        log.onPinned { owner.restate($0) }
        let (busy, idle, gone) = (GroupID(1), GroupID(2), GroupID(3))
        for group in [busy, idle, gone] { owner.append([LogFixture.created(group)]) }
        owner.append([LogFixture.entries(1...3, group: idle), LogFixture.vote(4, group: idle)])
        owner.append([.replicaBuried(group: gone, replica: LogFixture.replica)])
        for index in 1...UInt64(400) {
            owner.append([
                LogFixture.entries(index...index, group: busy, bytes: 500),
                .compacted(group: busy, replica: LogFixture.replica, point: LogFixture.point(index - 1)),
            ])
            if index % 4 == 0 { await append([], to: log) }
        }
        log.close()
        #expect(try files().count <= 8)
        #expect(try !files().contains(SegmentHeader.fileName(segment: 1)))
        let (again, recovered, buried) = try open(segmentBytes: 8_192)
        #expect(recovered == owner.known && recovered.keys.sorted() == [busy, idle])
        #expect(buried == [gone: [LogFixture.replica]])
        again.close()
    }

    /// Stands in for the replicas: knows what it appended and says it again when asked.
    private final class Owner: Sendable {
        private let log: WriteAheadLog
        private let fold = Mutex(RecoveryFold())

        init(log: WriteAheadLog) { self.log = log }

        var known: [GroupID: RecoveredReplica] { fold.withLock { $0.replicas } }

        func append(_ items: [LogItem]) {
            fold.withLock { fold in
                for item in items { try? fold.apply(item) }
                log.append(items) {}
            }
        }

        func restate(_ groups: [GroupID]) {
            append(groups.compactMap { known[$0] }.map { .restated($0) })
        }
    }
}
