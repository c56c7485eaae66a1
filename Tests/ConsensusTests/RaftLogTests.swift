import Testing
import Vocabulary
import Wire

@testable import Consensus

/// What of a log stays in memory.
struct RaftLogTests {
    private func log(sizes: [Int]) -> RaftLog {
        let point = SnapshotPoint(index: LogIndex(10), term: Term(1), configuration: .empty)
        let entries = sizes.enumerated().map { place, size in
            LogEntry(
                index: LogIndex(UInt64(11 + place)), term: Term(1),
                payload: .command([UInt8](repeating: 0, count: size)))
        }
        return RaftLog(point: point, entries: entries)
    }

    @Test func entriesAndBytesBoundWhatIsKept() {
        let log = log(sizes: [84, 84, 84, 84])
        #expect(log.index(keepingEntries: 10, bytes: 1_000) == LogIndex(10))
        #expect(log.index(keepingEntries: 3, bytes: 1_000) == LogIndex(11))
        #expect(log.index(keepingEntries: 10, bytes: 200) == LogIndex(12))
        // One entry larger than the bound stays all the same.
        #expect(log.index(keepingEntries: 10, bytes: 1) == LogIndex(13))
    }

    @Test func theByteCountFollowsEveryChange() {
        var log = log(sizes: [84, 184, 284])
        #expect(log.byteCount == 600)
        log.append(LogEntry(index: LogIndex(14), term: Term(1), payload: .command([1])))
        #expect(log.byteCount == 617)
        log.truncate(from: LogIndex(13))
        #expect(log.byteCount == 300)
        log.compact(through: LogIndex(11))
        #expect(log.byteCount == 200)
        log.install(SnapshotPoint(index: LogIndex(40), term: Term(2), configuration: .empty))
        #expect(log.byteCount == 0)
    }
}
