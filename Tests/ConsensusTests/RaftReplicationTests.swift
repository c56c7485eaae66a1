import Testing
import Vocabulary
import Wire

@testable import Consensus

/// Replication and commitment: thesis, sections 3.5, 3.6.2, 5 and 10.2.1; rules D3, D4 and (index, term).
struct RaftReplicationTests {
    typealias Cluster = RaftTestCluster

    private func entry(_ index: UInt64, term: UInt64, _ byte: UInt8 = 0) -> LogEntry {
        LogEntry(index: LogIndex(index), term: Term(term), payload: .command([byte]))
    }

    private func append(_ entries: [LogEntry], after index: UInt64, term: UInt64) -> RaftMessage.Body {
        .append(
            previous: LogPosition(index: LogIndex(index), term: Term(term)), entries: entries, commit: .zero)
    }

    @Test func section3_5_aCommandReachesEveryReplicaInOrder() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(2)
        for byte in 1...20 { cluster.propose(UInt8(byte), on: 2) }
        cluster.advance(200)
        for number in cluster.numbers { #expect(cluster.commands(number) == Array(1...20)) }
    }

    @Test func ruleD3_anAppendIsAcknowledgedOnlyWhenDurable() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.crash(3)
        cluster.stallDisk(2)
        cluster.propose(1, on: 1)
        #expect(cluster.commands(1).isEmpty)
        cluster.resumeDisk(2)
        #expect(cluster.commands(1) == [1])
    }

    @Test func ruleD3_theLeaderCountsItselfOnlyWhenDurable() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.crash(3)
        cluster.stallDisk(1)
        let commit = cluster.status(1).commit
        cluster.propose(1, on: 1)
        #expect(cluster.status(2).lastIndex == cluster.status(1).lastIndex, "sent before its own fsync")
        #expect(cluster.status(1).commit == commit, "one follower and an undurable leader are no majority")
        cluster.resumeDisk(1)
        #expect(cluster.status(1).commit > commit)
    }

    @Test func ruleD4_theLeaderAppliesOnlyWhatIsDurableHere() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.stallDisk(1)
        cluster.propose(1, on: 1)
        #expect(cluster.status(1).commit == cluster.status(1).lastIndex, "both followers have it")
        #expect(cluster.commands(1).isEmpty)
        cluster.resumeDisk(1)
        #expect(cluster.commands(1) == [1])
    }

    @Test func ruleD4_aFollowerAppliesOnlyWhatIsDurableHere() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.stallDisk(3)
        cluster.propose(1, on: 1)
        cluster.advance(300)
        #expect(cluster.status(3).commit == cluster.status(3).lastIndex)
        #expect(cluster.commands(3).isEmpty)
        cluster.resumeDisk(3)
        #expect(cluster.commands(3) == [1])
    }

    /// etcd `async_storage_writes_append_aba_race`: a write of a replaced entry completes.
    @Test func aCompletionIsMatchedByIndexAndTerm() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.stallDisk(3)
        cluster.inject(
            append([entry(1, term: 1), entry(2, term: 1)], after: 0, term: 0), term: 1, from: 1, to: 3)
        cluster.inject(append([entry(1, term: 2)], after: 0, term: 0), term: 2, from: 2, to: 3)
        cluster.inject(append([entry(2, term: 2)], after: 1, term: 2), term: 2, from: 2, to: 3)
        let batches = cluster.members[3]?.pending.map(\.sequence) ?? []
        #expect(batches.count == 3)
        cluster.on(3) { $0.persisted(through: batches[0]) }
        #expect(cluster.status(3).durable == .zero)
        #expect(cluster.answers(from: 3, to: 1).isEmpty, "the replaced entry is not acknowledged")
        cluster.on(3) { $0.persisted(through: batches[1]) }
        #expect(cluster.status(3).durable == LogIndex(1))
        #expect(cluster.answers(from: 3, to: 2) == [.appendResponse(.matched(LogIndex(1)))])
    }

    @Test func section3_5_conflictingEntriesAreReplaced() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        cluster.isolate(1)
        for byte in 50...59 { cluster.propose(UInt8(byte), on: 1) }
        cluster.advance(4_000)
        let leader = cluster.leaders[0]
        for byte in 2...4 { cluster.propose(UInt8(byte), on: leader) }
        cluster.heal()
        cluster.advance(2_000)
        for number in cluster.numbers { #expect(cluster.commands(number) == [1, 2, 3, 4]) }
        #expect(cluster.status(1).lastIndex == cluster.status(leader).lastIndex)
    }

    @Test func section3_5_aRejectionNamesTheLastEntryThatCanAgree() {
        var cluster = Cluster(voters: [1, 2, 3])
        let log = [entry(1, term: 1), entry(2, term: 3), entry(3, term: 3), entry(4, term: 3)]
        cluster.inject(append(log, after: 0, term: 0), term: 3, from: 1, to: 3)
        cluster.inject(append([], after: 4, term: 2), term: 5, from: 2, to: 3)
        #expect(
            cluster.answers(from: 3, to: 2) == [
                .appendResponse(
                    .rejected(
                        previous: LogIndex(4), hint: LogPosition(index: LogIndex(1), term: Term(1))))
            ], "the whole of term 3 is stepped over")
    }

    /// Figure 3.7 of the thesis: an entry of an earlier term on a majority is not committed by counting.
    @Test func section3_6_2_onlyEntriesOfItsOwnTermAreCommittedByCounting() {
        var raft = LoneLeader.elected(log: [entry(1, term: 1), entry(2, term: 2)])
        raft.persisted(through: raft.takeOutput().sequence)
        LoneLeader.answer(.appendResponse(.matched(LogIndex(2))), to: &raft)
        #expect(raft.status(of: Cluster.group)?.commit == .zero, "a majority has it")
        LoneLeader.answer(.appendResponse(.matched(LogIndex(3))), to: &raft)
        #expect(raft.status(of: Cluster.group)?.commit == LogIndex(3), "with the entry that opens the term")
    }

    @Test func lostAppendsAreSentAgain() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.cut = [[1, 2], [1, 3]]
        for byte in 1...5 { cluster.propose(UInt8(byte), on: 1) }
        cluster.heal()
        cluster.advance(1_000)
        for number in cluster.numbers { #expect(cluster.commands(number) == [1, 2, 3, 4, 5]) }
    }

    @Test func aHeartbeatNeverCommitsWhatTheFollowerHasNotAcknowledged() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.stallDisk(3)
        cluster.propose(1, on: 1)
        let status = cluster.status(1)
        let node = Cluster.node(3)
        var commits: [LogIndex] = []
        var raft = cluster.members[1]?.raft
        raft?.tick(now: cluster.now + 200, walAge: 0)
        for (to, beat) in raft?.takeOutput().heartbeats ?? [] where to == node {
            commits += beat.entries.map(\.commit)
        }
        #expect(commits == [status.matched(Cluster.replica(3).id)])
        #expect(commits[0] < status.commit)
    }

    @Test func proposalsBeyondTheBoundAreRefused() {
        var settings = RaftSettings()
        settings.uncommittedProposalsMax = 4
        settings.uncommittedBytesMax = 100
        var cluster = Cluster(voters: [1, 2, 3], settings: settings)
        cluster.elect(1)
        cluster.isolate(1)
        let group = Cluster.group
        for byte in 1...4 {
            let taken = cluster.propose(UInt8(byte), on: 1)
            #expect((try? taken.get()) != nil)
        }
        let result32 = cluster.propose(5, on: 1)
        #expect(result32 == .failure(.overloaded))
        cluster.heal()
        cluster.advance(500)
        let taken = cluster.propose(6, on: 1)
        #expect((try? taken.get()) != nil)
        cluster.isolate(1)
        let result33 = cluster.on(1) { $0.propose(group: group, command: Array(repeating: 1, count: 60)) }
        #expect(result33 != .failure(.overloaded))
        let result34 = cluster.on(1) { $0.propose(group: group, command: Array(repeating: 1, count: 60)) }
        #expect(result34 == .failure(.overloaded))
        let result35 = cluster.propose(1, on: 2)
        #expect(result35 == .failure(.notLeader(hint: Cluster.node(1))))
    }

    // MARK: Snapshots (thesis, chapter 5; rule R5)

    @Test func chapter5_aFollowerBehindTheLogGetsASnapshotAndAcknowledgesItWhenDurable() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.crash(3)
        for byte in 1...10 { cluster.propose(UInt8(byte), on: 1) }
        let group = Cluster.group
        let through = cluster.status(1).applied
        cluster.on(1) { $0.compact(group: group, through: through) }
        cluster.restart(3)
        cluster.advance(1_000)
        let order = cluster.members[1]?.snapshots.last
        #expect(order?.to == Cluster.replica(3))
        #expect(order?.point.index == cluster.status(1).applied)
        guard let order else { return }
        cluster.propose(11, on: 1)
        cluster.stallDisk(3)
        cluster.on(3) { $0.installSnapshot(group: group, generation: 1, point: order.point) }
        #expect(cluster.status(1).matched(order.to.id).map { $0 < order.point.index } == true)
        cluster.resumeDisk(3)
        #expect(cluster.status(1).matched(order.to.id).map { $0 >= order.point.index } == true)
        cluster.advance(400)
        #expect(cluster.commands(3) == [11], "goes on after the point")
        cluster.crash(3)
        cluster.restart(3)
        #expect(cluster.status(3).generation == 1)
        #expect(cluster.status(3).firstIndex == order.point.index.next)
    }

    /// Making the state again from a long log costs many times what taking it in does.
    @Test func anEmptyReplicaIsSentTheStateInsteadOfALongLog() {
        var settings = RaftSettings()
        settings.replayEntriesMax = 20
        for commands in [10, 30] {
            var cluster = Cluster(voters: [1, 2], others: [3], settings: settings)
            cluster.elect(1)
            for byte in 1...commands { cluster.propose(UInt8(byte), on: 1) }
            let group = Cluster.group
            cluster.on(1) { raft in
                _ = raft.changeConfiguration(
                    group: group, to: [1, 2].map(Cluster.replica), learners: [Cluster.replica(3)])
            }
            cluster.advance(1_000)
            let orders = cluster.members[1]?.snapshots ?? []
            if commands < settings.replayEntriesMax {
                #expect(orders.isEmpty && cluster.commands(3) == cluster.commands(1))
            } else {
                #expect(orders.last?.to == Cluster.replica(3) && cluster.commands(3).isEmpty)
            }
        }
    }

    /// Node 3 is down and lacks 100 entries; more than 20 are sent it 8 at a time.
    private func aHundredEntriesAhead() -> Cluster {
        var settings = RaftSettings()
        settings.catchUpThreshold = 20
        settings.catchUpEntriesMax = 8
        var cluster = Cluster(voters: [1, 2, 3], settings: settings)
        cluster.elect(1)
        cluster.crash(3)
        for byte in 1...100 { cluster.propose(UInt8(byte), on: 1) }
        return cluster
    }

    /// A turn of the follower stays short, whatever it has missed.
    @Test func aFollowerFarBehindGetsSmallPagesOneAtATime() {
        var cluster = aHundredEntriesAhead()
        let before = cluster.delivered.count
        cluster.restart(3)
        cluster.stallDisk(3)
        cluster.advance(1_000)
        func pages() -> [[LogEntry]] {
            cluster.delivered[before...].compactMap { each in
                guard each.to == 3, case .append(_, let entries, _) = each.message.body, !entries.isEmpty
                else { return nil }
                return entries
            }
        }
        // The first is not acknowledged, for want of a disk: it comes again, and nothing follows it.
        #expect(pages().first?.count == 8 && Set(pages()).count == 1)
        cluster.resumeDisk(3)
        cluster.advance(1_000)
        #expect(cluster.commands(3) == cluster.commands(1))
        #expect(pages().dropLast().allSatisfy { $0.count == 8 })
        #expect(pages().last.map { $0.count <= cluster.settings.catchUpThreshold } == true)
    }

    /// A lost answer to the only page on its way, and the log compacted past it meanwhile.
    @Test func aFollowerWhosePageIsCompactedAwayGetsASnapshot() {
        var cluster = aHundredEntriesAhead()
        cluster.restart(3)
        cluster.stallDisk(3)
        cluster.advance(400)
        let id = Cluster.replica(3).id
        let page = LogIndex(cluster.status(3).durable.raw + 8)
        cluster.inject(
            .appendResponse(.matched(page)), term: cluster.status(1).term.raw, from: 3, to: 1)
        #expect(cluster.status(1).progress.contains { $0.replica.id == id && $0.state == .replicate })
        let group = Cluster.group
        let through = cluster.status(1).applied
        cluster.on(1) { $0.compact(group: group, through: through) }
        cluster.advance(600)
        #expect(cluster.members[1]?.snapshots.last?.to == Cluster.replica(3))
    }

    /// Its acknowledgement was lost, the log is compacted past what it is known to have, and the group cannot commit
    /// without it.
    @Test func aFollowerThatHasWhatASnapshotBringsIsSentWhatFollows() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.isolate(3)
        cluster.elect(1)
        let leader = cluster.status(1)
        let opening = LogEntry(index: leader.lastIndex, term: leader.term, payload: .empty)
        cluster.inject(
            .append(previous: .start, entries: [opening], commit: opening.index), term: leader.term.raw,
            from: 1,
            to: 3)
        #expect(cluster.status(3).commit == opening.index)
        let group = Cluster.group
        cluster.on(1) { $0.compact(group: group, through: opening.index) }
        cluster.heal()
        cluster.crash(2)
        cluster.advance(400)
        let order = cluster.members[1]?.snapshots.last
        #expect(order?.to == Cluster.replica(3))
        guard let order else { return }
        let use = cluster.status(3).use(of: order.point, to: order.to.id, term: leader.term)
        #expect(use == .alreadyHere)
        cluster.on(1) { $0.snapshotSent(group: group, to: order.to.id, success: use == .alreadyHere) }
        cluster.propose(2, on: 1)
        cluster.advance(400)
        #expect(cluster.status(1).commit == cluster.status(1).lastIndex)
        #expect(
            cluster.status(3).use(of: order.point, to: Cluster.replica(2).id, term: leader.term) == .nothing)
    }

    @Test func chapter5_whatFollowsAnAgreeingEntryIsKeptByAnInstall() {
        var cluster = Cluster(voters: [1, 2, 3])
        let log = (1...5).map { entry(UInt64($0), term: 1) }
        cluster.inject(append(log, after: 0, term: 0), term: 1, from: 1, to: 3)
        let group = Cluster.group
        let point = SnapshotPoint(
            index: LogIndex(3), term: Term(1), configuration: Cluster.configuration([1, 2, 3]))
        cluster.on(3) { $0.installSnapshot(group: group, generation: 1, point: point) }
        cluster.crash(3)
        cluster.members[3]?.applied = log.prefix(3).map { $0 }
        cluster.restart(3)
        #expect(cluster.status(3).lastIndex == LogIndex(5), "they were acknowledged")
    }

    @Test func aReplicaThatWasRestatedIsTheSameAfterARestart() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        for byte in 1...5 { cluster.propose(UInt8(byte), on: 1) }
        cluster.advance(200)
        let group = Cluster.group
        let through = LogIndex(3)
        cluster.on(2) { $0.compact(group: group, through: through) }
        let before = Cluster.fold(cluster.members[2]?.durable ?? [])
        cluster.on(2) { $0.restate(group: group) }
        let last = cluster.members[2]?.durable.last
        #expect(last == .restated(before))
    }
}
