import Storage
import Testing
import Vocabulary
import Wire

@Suite struct SegmentTableTests {
    private let a = GroupID(1)
    private let b = GroupID(2)

    private func restated(_ group: GroupID, _ replica: ReplicaID = LogFixture.replica) -> LogItem {
        .restated(RecoveredReplica(group: group, replica: replica))
    }

    private func table(_ segments: [[LogItem]]) -> SegmentTable {
        var table = SegmentTable()
        for (place, items) in segments.enumerated() {
            table.use(segment: UInt64(place) + 1, bytes: 100)
            table.record(items)
        }
        return table
    }

    @Test func aSegmentStaysUntilEveryGroupIsRestatedLater() {
        var table = table([
            [LogFixture.created(a), LogFixture.created(b)], [LogFixture.entries(1...1, group: a)],
            [restated(a)],
        ])
        #expect(table.deletable == [])
        table.record([restated(b)])
        #expect(table.deletable == [1, 2])
        table.remove(1)
        #expect(table.segments.map(\.sequence) == [2, 3])
    }

    @Test func entriesAndCompactionsFreeNothing() {
        let point = LogItem.compacted(group: a, replica: LogFixture.replica, point: LogFixture.point(1))
        #expect(
            table([[LogFixture.created(a)], [LogFixture.entries(1...1, group: a)], [point]]).deletable == [])
    }

    @Test func pinsAreWhatKeepsTheExcess() {
        let table = table([[LogFixture.created(a)], [LogFixture.created(b)], [], []])
        #expect(table.pins(bytesMax: 400).groups == [])
        #expect(table.pins(bytesMax: 399).groups == [a])
        #expect(table.pins(bytesMax: 200).groups == [a, b])
    }

    @Test func burialsPinUntilTheyAreSaidAgain() {
        let burial = LogItem.replicaBuried(group: a, replica: LogFixture.replica)
        var table = table([[LogFixture.created(a), burial], [], []])
        #expect(table.deletable == [] && table.pins(bytesMax: 200).burials == [burial])
        #expect(table.pins(bytesMax: 200).groups == [])
        table.record([burial])
        #expect(table.deletable == [1, 2])
    }

    /// Read back after a purge, a burial can come after the successor's restatement.
    @Test func anOldBurialDoesNotUnpinTheSuccessor() {
        let burial = LogItem.replicaBuried(group: a, replica: LogFixture.replica)
        let table = table([[restated(a, ReplicaID(8)), burial], [burial], []])
        #expect(table.deletable == [])
        #expect(table.pins(bytesMax: 100).groups == [a])
    }
}
