import Testing
import Vocabulary
import Wire

@testable import Consensus

/// Replicas compare what they made of the same log (rule R4).
struct RaftStateTests {
    private func mark(_ index: UInt64, _ digest: UInt64) -> StateMark {
        StateMark(index: LogIndex(index), digest: StateDigest(digest))
    }

    private func cluster() -> RaftTestCluster {
        var cluster = RaftTestCluster(voters: [1, 2, 3])
        cluster.elect(1)
        return cluster
    }

    private func note(_ mark: StateMark, on number: Int, in cluster: inout RaftTestCluster) {
        cluster.on(number) { $0.noteState(group: RaftTestCluster.group, mark) }
    }

    @Test func equalStatesGoOn() {
        var cluster = cluster()
        for number in 1...3 { note(mark(256, 5), on: number, in: &cluster) }
        cluster.advance(500)
        #expect(cluster.numbers.allSatisfy { cluster.members[$0]?.divergences.isEmpty == true })
        cluster.propose(7, on: 1)
        cluster.advance(200)
        #expect(cluster.commands(3) == [7])
    }

    private func divergences(_ cluster: RaftTestCluster) -> [Int: [StateDivergence]] {
        cluster.members.mapValues(\.divergences).filter { !$0.value.isEmpty }
    }

    private func divergence(own: UInt64, expected: UInt64, isByMajority: Bool = true) -> StateDivergence {
        StateDivergence(
            group: RaftTestCluster.group, index: LogIndex(256), own: StateDigest(own),
            expected: StateDigest(expected), isByMajority: isByMajority)
    }

    @Test func ruleR4_aFollowerInTheMinorityIsNamedOnceAndNeitherAcknowledgesNorVotes() {
        var cluster = cluster()
        note(mark(256, 5), on: 1, in: &cluster)
        note(mark(256, 5), on: 2, in: &cluster)
        note(mark(256, 6), on: 3, in: &cluster)
        cluster.advance(500)
        #expect(divergences(cluster) == [3: [divergence(own: 6, expected: 5)]])

        // With one of the others away there is no quorum: the third does not count.
        cluster.isolate(2)
        cluster.propose(9, on: 1)
        cluster.advance(300)
        #expect(!cluster.commands(1).contains(9))
        cluster.advance(5_000)
        #expect(cluster.leaders.isEmpty)
        cluster.heal()
        cluster.advance(5_000)
        #expect(cluster.leaders == [1] || cluster.leaders == [2])
        #expect(
            !cluster.delivered.contains {
                $0.from == 3 && $0.message.body == .voteResponse(isGranted: true) && $0.message.term.raw > 1
            })
    }

    @Test func ruleR4_aLeaderInTheMinorityStopsServingAndTheOthersGoOn() {
        var cluster = cluster()
        let group = RaftTestCluster.group
        note(mark(256, 6), on: 1, in: &cluster)
        note(mark(256, 5), on: 2, in: &cluster)
        cluster.advance(300)
        #expect(divergences(cluster) == [:], "one against one decides nothing")
        note(mark(256, 5), on: 3, in: &cluster)
        cluster.advance(200)
        #expect(divergences(cluster) == [1: [divergence(own: 6, expected: 5)]])
        #expect(cluster.status(1).role == .follower)
        #expect(cluster.propose(8, on: 1) == .failure(.notLeader(hint: nil)))
        let now = cluster.now
        #expect(cluster.on(1) { $0.read(group: group, token: 4, now: now) } == false)

        cluster.advance(5_000)
        #expect(cluster.leaders == [2] || cluster.leaders == [3])
        cluster.propose(9, on: cluster.leaders[0])
        cluster.advance(300)
        #expect(cluster.commands(2) == [9])
        #expect(cluster.commands(3) == [9])
        #expect(!cluster.commands(1).contains(9))
        #expect(divergences(cluster) == [1: [divergence(own: 6, expected: 5)]])
    }

    @Test(arguments: [5, 6])
    func oneAgainstOneWaitsForTheThirdWhoDecides(third: UInt64) {
        var cluster = cluster()
        cluster.isolate(3)
        note(mark(256, 5), on: 1, in: &cluster)
        note(mark(256, 6), on: 2, in: &cluster)
        cluster.advance(500)
        #expect(divergences(cluster) == [:])
        let dispute = StateDispute(
            group: RaftTestCluster.group, own: mark(256, 5), other: RaftTestCluster.replica(2),
            theirs: StateDigest(6))
        #expect(cluster.members[1]?.disputes == [dispute], "told once")

        cluster.heal()
        cluster.advance(500)
        note(mark(256, third), on: 3, in: &cluster)
        cluster.advance(500)
        let expected: [Int: [StateDivergence]] =
            third == 5 ? [2: [divergence(own: 6, expected: 5)]] : [1: [divergence(own: 5, expected: 6)]]
        #expect(divergences(cluster) == expected)
    }

    /// Otherwise the third would have the state of whoever leads, and they would be the majority.
    @Test func aStateInDisputeIsSentToNobody() {
        var cluster = cluster()
        let group = RaftTestCluster.group
        cluster.isolate(3)
        for byte in 1...8 { cluster.propose(UInt8(byte), on: 1) }
        note(mark(256, 5), on: 1, in: &cluster)
        note(mark(256, 6), on: 2, in: &cluster)
        cluster.advance(300)
        let end = cluster.status(1).lastIndex
        cluster.on(1) { $0.compact(group: group, through: end) }
        cluster.heal()
        cluster.advance(1_000)
        #expect(cluster.members[1]?.snapshots.isEmpty == true)
        // One of the two was taken out.
        cluster.isolate(2)
        cluster.advance(2_000)
        #expect(cluster.members[1]?.snapshots.map(\.to) == [RaftTestCluster.replica(3)])
    }

    @Test func whereNoMajorityCanAgreeWhoeverDiffersFromTheLeaderEnds() {
        var two = RaftTestCluster(voters: [1, 2])
        two.elect(1)
        note(mark(256, 5), on: 1, in: &two)
        note(mark(256, 6), on: 2, in: &two)
        two.advance(300)
        #expect(divergences(two) == [2: [divergence(own: 6, expected: 5, isByMajority: false)]])

        var three = cluster()
        for number in 1...3 { note(mark(256, UInt64(number)), on: number, in: &three) }
        three.advance(300)
        #expect(
            divergences(three) == [
                2: [divergence(own: 2, expected: 1, isByMajority: false)],
                3: [divergence(own: 3, expected: 1, isByMajority: false)],
            ])
    }

    @Test func aLearnerIsJudgedAndDoesNotJudge() {
        var cluster = RaftTestCluster(voters: [1, 2, 3], others: [4, 5])
        cluster.elect(1)
        cluster.on(1) {
            _ = $0.changeConfiguration(
                group: RaftTestCluster.group, to: [1, 2, 3].map(RaftTestCluster.replica),
                learners: [4, 5].map(RaftTestCluster.replica))
        }
        cluster.advance(500)
        // Three of five, but one of three voters.
        for number in [1, 4, 5] { note(mark(256, 6), on: number, in: &cluster) }
        cluster.advance(300)
        #expect(divergences(cluster) == [:])
        for number in [2, 3] { note(mark(256, 5), on: number, in: &cluster) }
        cluster.advance(300)
        #expect(divergences(cluster) == [1: [divergence(own: 6, expected: 5)]])
        // The next leader asks the learners again.
        cluster.advance(5_000)
        let found = [divergence(own: 6, expected: 5)]
        #expect(divergences(cluster) == [1: found, 4: found, 5: found])
    }

    @Test func aFollowerThatIsBehindIsJudgedWhenItComesThere() {
        var cluster = cluster()
        note(mark(256, 5), on: 1, in: &cluster)
        note(mark(256, 5), on: 3, in: &cluster)
        cluster.advance(300)
        #expect(divergences(cluster) == [:])
        note(mark(512, 5), on: 1, in: &cluster)
        note(mark(256, 6), on: 2, in: &cluster)
        cluster.advance(300)
        #expect(cluster.members[2]?.divergences.map(\.index) == [LogIndex(256)])
    }

    @Test func aFollowerThatIsAheadRemembersItsOlderDigests() {
        var cluster = cluster()
        note(mark(256, 5), on: 1, in: &cluster)
        note(mark(256, 5), on: 3, in: &cluster)
        for place in 1...4 { note(mark(256 * UInt64(place), place == 1 ? 4 : 5), on: 2, in: &cluster) }
        cluster.advance(300)
        #expect(cluster.members[2]?.divergences.map(\.index) == [LogIndex(256)])
    }

    @Test func theIndicesAreTheSameForAllReplicas() {
        #expect(StateMark.isDue(at: LogIndex(512), of: GroupID(3)))
        #expect(!StateMark.isDue(at: LogIndex(511), of: GroupID(3)))
        #expect(StateMark.isDue(at: LogIndex(32), of: .metadata))
    }
}

/// A disk that was set back to an older state under the same start (rule M4): the epoch tells nothing then.
struct RaftLostLogTests {
    @Test func ruleM4_aReplicaThatHasLostWhatItAcknowledgedSaysSoAndIsSilent() {
        var cluster = RaftTestCluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        cluster.advance(300)
        let image = cluster.members[3]
        cluster.propose(2, on: 1)
        cluster.advance(300)
        #expect(cluster.commands(3) == [1, 2])

        cluster.crash(3)
        cluster.members[3] = image
        cluster.restart(3)
        cluster.advance(300)
        let last = cluster.status(1).lastIndex
        #expect(
            cluster.members[3]?.lostLogs == [
                LostLog(group: RaftTestCluster.group, last: last.previous, acknowledged: last)
            ])
        // It counts for nothing any more.
        cluster.isolate(2)
        cluster.propose(3, on: 1)
        cluster.advance(5_000)
        #expect(!cluster.commands(1).contains(3))
        #expect(cluster.leaders.isEmpty)
    }

    @Test func whatWasNeverAcknowledgedMayBeLost() {
        var cluster = RaftTestCluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        cluster.advance(300)
        cluster.stallDisk(3)
        cluster.propose(2, on: 1)
        cluster.advance(300)
        cluster.crash(3)
        cluster.restart(3)
        cluster.advance(500)
        #expect(cluster.members[3]?.lostLogs == [])
        #expect(cluster.commands(3) == [1, 2])
    }
}

/// A node whose disk is nearly full says so in its heartbeats, and gets no leadership.
struct RaftDiskTests {
    @Test func noLeadershipIsHandedToANodeWithALowDisk() {
        var cluster = RaftTestCluster(voters: [1, 2, 3])
        cluster.elect(1)
        let group = RaftTestCluster.group
        // Node 2 leads another group, so that it speaks to node 1.
        for number in 1...3 {
            cluster.on(number) {
                $0.create(
                    group: GroupID(9), replica: ReplicaID(UInt64(90 + number)),
                    configuration: Configuration(
                        voters: (1...3).map {
                            Replica(node: RaftTestCluster.node($0), id: ReplicaID(UInt64(90 + $0)))
                        }, learners: []), now: Tick(1_000))
            }
        }
        cluster.advance(3_000)
        for number in 1...3
        where cluster.members[number]?.raft.isLeader(of: GroupID(9)) == true && number != 2 {
            cluster.on(number) { _ = $0.transferLeadership(group: GroupID(9), to: RaftTestCluster.node(2)) }
        }
        cluster.advance(500)
        #expect(cluster.members[2]?.raft.isLeader(of: GroupID(9)) == true)
        cluster.on(2) { $0.isDiskLow = true }
        cluster.advance(300)
        #expect(cluster.on(1) { $0.transferLeadership(group: group, to: RaftTestCluster.node(2)) } == false)
        cluster.on(2) { $0.isDiskLow = false }
        cluster.advance(300)
        #expect(cluster.on(1) { $0.transferLeadership(group: group, to: RaftTestCluster.node(2)) } == true)
    }
}
