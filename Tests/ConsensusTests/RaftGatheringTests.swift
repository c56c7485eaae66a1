import Testing
import Vocabulary
import Wire

@testable import Consensus

/// A follower lets committed entries gather before it applies them.
struct RaftGatheringTests {
    typealias Cluster = RaftTestCluster

    private static var settings: RaftSettings {
        var settings = RaftSettings()
        settings.applyMilliseconds = 500
        settings.applyEntriesMax = 8
        return settings
    }

    /// Node 1 leads, and nothing is held up.
    private func cluster(others: [Int] = []) -> Cluster {
        var cluster = Cluster(voters: [1, 2, 3], others: others, settings: Self.settings)
        cluster.elect(1)
        cluster.advance(1_000)
        return cluster
    }

    @Test func theLeaderAppliesAtOnceAndAFollowerWhenItsTimeHasCome() {
        var cluster = cluster()
        for byte in 1...3 { cluster.propose(UInt8(byte), on: 1) }
        cluster.advance(200)
        #expect(cluster.commands(1) == [1, 2, 3])
        #expect(cluster.status(2).commit == cluster.status(1).commit && cluster.commands(2).isEmpty)
        #expect(cluster.status(2).applied < cluster.status(2).commit)
        cluster.advance(500)
        #expect(cluster.commands(2) == [1, 2, 3])
        #expect(cluster.status(2).applied == cluster.status(2).commit)
    }

    /// Those that come later do not put it off.
    @Test func theFirstThatWaitsCounts() {
        var cluster = cluster()
        for byte in 1...6 {
            cluster.propose(UInt8(byte), on: 1)
            cluster.advance(120)
        }
        #expect(cluster.commands(2).count >= 4)
    }

    @Test func manyAreAppliedBeforeTheirTime() {
        var cluster = cluster()
        for byte in 1...7 { cluster.propose(UInt8(byte), on: 1) }
        cluster.advance(100)
        #expect(cluster.commands(2).isEmpty)
        for byte in 8...9 { cluster.propose(UInt8(byte), on: 1) }
        cluster.advance(100)
        #expect(cluster.commands(2).count >= 8)
    }

    /// What a new leader serves is complete when its own entry is applied.
    @Test func aNewLeaderHasAppliedEverything() {
        var cluster = cluster()
        for byte in 1...3 { cluster.propose(UInt8(byte), on: 1) }
        let (node, group) = (Cluster.node(2), Cluster.group)
        let tick = cluster.now
        cluster.on(1) { _ = $0.transferLeadership(group: group, to: node) }
        #expect(cluster.now == tick && cluster.leaders == [2])
        #expect(cluster.commands(2) == [1, 2, 3])
        #expect(cluster.status(2).applied == cluster.status(2).commit)
    }

    @Test func whoReadsTheStateNeedNotWait() {
        var cluster = cluster()
        cluster.propose(1, on: 1)
        cluster.advance(120)
        #expect(cluster.status(2).commit == cluster.status(1).commit && cluster.commands(2).isEmpty)
        let group = Cluster.group
        cluster.on(2) { _ = $0.applyNow(group: group) }
        #expect(cluster.commands(2) == [1])
        cluster.propose(2, on: 1)
        cluster.advance(120)
        #expect(cluster.commands(2) == [1], "that was for once")
    }

    /// Asked for when nothing waits, it is no licence for what comes.
    @Test func nothingIsHurriedAhead() {
        var cluster = cluster()
        let group = Cluster.group
        cluster.on(2) { _ = $0.applyNow(group: group) }
        cluster.propose(1, on: 1)
        cluster.advance(120)
        #expect(cluster.commands(2).isEmpty)
    }

    /// A crash loses nothing: what was not applied is in the log, and is handed out after the start.
    @Test func whatGatheredIsAppliedAfterACrash() {
        var cluster = cluster()
        for byte in 1...3 { cluster.propose(UInt8(byte), on: 1) }
        cluster.advance(120)
        cluster.crash(2)
        cluster.restart(2)
        cluster.advance(1_000)
        #expect(cluster.commands(2) == [1, 2, 3])
    }

    /// Every node reads group 0.
    @Test func groupZeroIsNotHeldUp() {
        var raft = MultiRaft(
            node: Cluster.node(2), settings: Self.settings, generator: SeededGenerator(seed: 5))
        raft.create(
            group: .metadata, replica: Cluster.replica(2).id,
            configuration: Cluster.configuration([1, 2, 3]),
            now: Tick(1_000))
        raft.persisted(through: raft.takeOutput().sequence)
        let entry = LogEntry(index: LogIndex(1), term: Term(1), payload: .command([1]))
        let message = RaftMessage(
            group: .metadata, from: Cluster.replica(1).id, to: Cluster.replica(2).id, term: Term(1),
            body: .append(
                previous: LogPosition(index: .zero, term: .zero), entries: [entry], commit: LogIndex(1)))
        raft.receive([message], from: Cluster.node(1), now: Tick(1_020))
        raft.persisted(through: raft.takeOutput().sequence)
        let output = raft.takeOutput()
        #expect(output.committed.flatMap(\.1) == [entry])
    }

    /// Its place is free already, and must not be given to two groups.
    @Test func aBuriedReplicaHandsOutNothing() {
        var cluster = cluster()
        cluster.propose(1, on: 1)
        cluster.advance(120)
        let (group, replica) = (Cluster.group, Cluster.replica(2))
        guard var raft = cluster.members[2]?.raft else { return }
        let now = cluster.now
        raft.bury(group: group, now: now)
        while !raft.takeOutput().isEmpty {}
        raft.tick(now: now + 1_000, walAge: 0)
        while !raft.takeOutput().isEmpty {}
        for other in [GroupID(8), GroupID(9)] {
            raft.create(
                group: other, replica: ReplicaID(replica.id.raw + UInt64(other.raw)),
                configuration: Cluster.configuration([1, 2, 3]), now: now + 1_000)
        }
        #expect(raft.status(of: GroupID(8))?.group == GroupID(8))
        #expect(raft.status(of: GroupID(9))?.group == GroupID(9))
    }

    /// All that are due in one turn would be a burst.
    @Test func notAllAreHandedOutAtOnce() {
        var gatherings = Gatherings()
        for slot in 0..<20 { gatherings.began(slot, at: Tick(1_000)) }
        #expect(gatherings.take(now: Tick(1_499), after: 500) { _, _ in true }.isEmpty)
        #expect(gatherings.take(now: Tick(1_500), after: 500) { _, _ in true } == [0, 1, 2, 3])
        #expect(gatherings.take(now: Tick(1_500), after: 500) { _, _ in true }.isEmpty, "the same turn")
        #expect(gatherings.take(now: Tick(1_501), after: 500) { _, _ in true } == [4])
        #expect(gatherings.take(now: Tick(1_503), after: 500) { slot, _ in slot != 5 } == [6, 7])
        #expect(gatherings.take(now: Tick(1_600), after: 500) { slot, _ in slot > 17 } == [18, 19])
        #expect(gatherings.isEmpty)
    }

    /// One that handed out meanwhile and began anew waits its whole time.
    @Test func aGatheringThatIsOverCountsNoMore() {
        var gatherings = Gatherings()
        gatherings.began(0, at: Tick(1_000))
        gatherings.began(0, at: Tick(1_300))
        let isCurrent = { (_: Int, since: Tick) in since == Tick(1_300) }
        #expect(gatherings.take(now: Tick(1_700), after: 500, isValid: isCurrent).isEmpty)
        #expect(gatherings.take(now: Tick(1_800), after: 500, isValid: isCurrent) == [0])
    }
}
