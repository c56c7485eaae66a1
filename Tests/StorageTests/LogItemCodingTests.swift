import GoldenKit
import Storage
import Testing
import Vocabulary
import Wire

@Suite struct LogItemCodingTests {
    static let all: [LogItem] = [
        LogFixture.created(), LogFixture.entries(1...3), LogFixture.vote(9),
        .truncatedSuffix(group: LogFixture.group, replica: LogFixture.replica, from: LogIndex(1 << 40)),
        .compacted(group: LogFixture.group, replica: LogFixture.replica, point: LogFixture.point(4)),
        .snapshotApplied(
            group: .metadata, replica: LogFixture.replica, generation: 3, point: LogFixture.point(8)),
        .replicaBuried(group: GroupID(.max), replica: ReplicaID(.max)),
        .restated(
            RecoveredReplica(
                group: LogFixture.group, replica: LogFixture.replica, hardState: HardState(term: Term(2)),
                generation: 1, point: LogFixture.point(2),
                entries: [LogFixture.entry(3), LogEntry(index: LogIndex(4), term: Term(2), payload: .empty)])),
    ]

    @Test(arguments: all) func roundTrip(item: LogItem) throws {
        var writer = ByteWriter()
        writer.logItem(item)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.logItem() == item)
        try reader.finish()
        for cut in 0..<writer.count {
            var short = ByteReader(writer.bytes[..<cut])
            #expect(throws: DecodingFailure.self) { try short.logItem() }
        }
    }

    @Test func unknownTagsAreRefused() {
        var reader = ByteReader([9, 1, 1])
        #expect(throws: DecodingFailure.unknown(field: "log item", value: 9)) { try reader.logItem() }
    }

    /// The same for every kind of item, and for a segment's header and a whole batch around them.
    @Test func theBytesOfEveryKindAreTheOldOnes() {
        let items = Self.all.map { item in
            var writer = ByteWriter()
            writer.logItem(item)
            return writer.bytes
        }
        #expect(Set(items.map { $0[0] }) == Set(1...8))
        var encoder = WALEncoder(header: LogFixture.header(1))
        let batch = encoder.encode(Self.all)
        #expect(
            GoldenFile("log-items", of: "data format", DataFormat.current).differences("item", items) == [])
        #expect(
            GoldenFile("log-segment", of: "data format", DataFormat.current).differences([
                ("header", LogFixture.header(1).encoded()), ("batch", batch),
            ]) == [])
    }

    /// What is on disks stays readable: these bytes never change.
    @Test func goldenBytes() {
        var writer = ByteWriter()
        writer.logItem(.replicaBuried(group: GroupID(300), replica: ReplicaID(5)))
        writer.logItem(.truncatedSuffix(group: GroupID(1), replica: ReplicaID(2), from: LogIndex(3)))
        #expect(writer.bytes == [7, 0xAC, 2, 5, 4, 1, 2, 3])
    }
}
