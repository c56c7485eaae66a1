import Storage
import Testing
import Vocabulary
import Wire

@Suite struct RecoveryFoldTests {
    private let group = LogFixture.group
    private let replica = LogFixture.replica

    private func recovered(_ items: [LogItem]) throws -> RecoveredReplica? {
        try LogFixture.fold([LogFixture.created()] + items).replicas[group]
    }

    private func indices(_ replica: RecoveredReplica?) -> [UInt64] {
        (replica?.entries ?? []).map(\.index.raw)
    }

    @Test func aNewReplicaHasItsConfiguration() throws {
        let replica = try recovered([])
        #expect(replica?.point.configuration == LogFixture.configuration)
        #expect(replica?.entries == [] && replica?.lastIndex == .zero)
    }

    @Test func laterEntriesReplaceFromTheirFirstIndexOn() throws {
        let replica = try recovered([LogFixture.entries(1...5), LogFixture.entries(3...4, term: 2)])
        #expect(
            replica?.entries == [1, 2].map { LogFixture.entry($0) }
                + [3, 4].map { LogFixture.entry($0, term: 2) })
    }

    @Test func truncationCutsTheEnd() throws {
        let cut = LogItem.truncatedSuffix(group: group, replica: replica, from: LogIndex(3))
        #expect(indices(try recovered([LogFixture.entries(1...5), cut])) == [1, 2])
        #expect(indices(try recovered([LogFixture.entries(1...2), cut])) == [1, 2])
        #expect(
            indices(try recovered([LogFixture.entries(1...5), cut, LogFixture.entries(3...3)])) == [1, 2, 3])
    }

    @Test func compactionCutsTheBeginning() throws {
        let compacted = LogItem.compacted(group: group, replica: replica, point: LogFixture.point(3))
        let older = LogItem.compacted(group: group, replica: replica, point: LogFixture.point(2))
        let known = try recovered([LogFixture.entries(1...5), compacted, older])
        #expect(indices(known) == [4, 5] && known?.point == LogFixture.point(3))
        // Entries that a leader repeats from before the point change nothing there.
        #expect(
            indices(try recovered([LogFixture.entries(1...5), compacted, LogFixture.entries(2...4)])) == [4])
    }

    @Test func anInstalledSnapshotEmptiesTheLog() throws {
        let applied = LogItem.snapshotApplied(
            group: group, replica: replica, generation: 4, point: LogFixture.point(90, term: 6))
        let known = try recovered([
            LogFixture.entries(1...5), LogFixture.vote(6), applied, LogFixture.entries(91...92),
        ])
        #expect(known?.generation == 4 && known?.point == LogFixture.point(90, term: 6))
        #expect(indices(known) == [91, 92] && known?.hardState.term == Term(6))
    }

    @Test func aBuriedReplicaIsGoneAndRemembered() throws {
        let burial = LogItem.replicaBuried(group: group, replica: replica)
        let fold = try LogFixture.fold([LogFixture.created(), LogFixture.entries(1...2), burial])
        #expect(fold.replicas.isEmpty && fold.buried == [group: [replica]])
        let next = LogFixture.created(group, ReplicaID(8))
        let again = try LogFixture.fold([LogFixture.created(), burial, next, burial])
        #expect(again.replicas[group]?.replica == ReplicaID(8))
        #expect(throws: StorageCorruption.self) {
            try LogFixture.fold([LogFixture.created(), burial, LogFixture.created()])
        }
    }

    @Test func aRestatementReplacesAllBeforeIt() throws {
        let stated = RecoveredReplica(
            group: group, replica: replica, hardState: HardState(term: Term(3)), generation: 2,
            point: LogFixture.point(10), entries: [LogFixture.entry(11)])
        #expect(try recovered([LogFixture.entries(1...5), .restated(stated)]) == stated)
        // With the older segments deleted, what is left before it has no beginning.
        let fold = try LogFixture.fold([
            LogFixture.entries(4...5), .restated(stated), LogFixture.entries(12...12),
        ])
        #expect(fold.replicas[group].map { indices($0) } == [11, 12])
    }

    @Test func missingBeginningsAndGapsAreCorruption() throws {
        #expect(throws: StorageCorruption.self) { try LogFixture.fold([LogFixture.entries(1...5)]) }
        #expect(throws: StorageCorruption.self) {
            try recovered([LogFixture.entries(1...2), LogFixture.entries(4...5)])
        }
    }
}
