import Testing
import Vocabulary
import Wire

@testable import Consensus

/// Elections: thesis, sections 3.4, 3.6.1, 3.10, 6.2 and 9.6; rules L2, L3, L4, D2, M3.
struct RaftElectionTests {
    typealias Cluster = RaftTestCluster

    @Test func aSingleVoterElectsItselfAtTheFirstTick() {
        var cluster = Cluster(voters: [1])
        cluster.advance(20)
        #expect(cluster.leaders == [1])
        cluster.propose(5, on: 1)
        #expect(cluster.commands(1) == [5])
    }

    @Test func section3_4_oneLeaderIsElectedAndHeartbeatsKeepIt() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.advance(3_000)
        #expect(cluster.leaders.count == 1)
        let term = cluster.status(1).term
        cluster.advance(20_000)
        #expect(cluster.numbers.allSatisfy { cluster.status($0).term == term })
    }

    @Test func section3_8_ownCandidacyCountsOnlyWhenDurable() {
        var cluster = Cluster(voters: [1])
        cluster.stallDisk(1)
        cluster.advance(200)
        #expect(cluster.status(1).role == .candidate)
        cluster.resumeDisk(1)
        #expect(cluster.leaders == [1])
    }

    @Test func section3_8_aVoteLeavesOnlyWhenDurable() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.stallDisk(2)
        cluster.inject(.vote(last: .start, isTransfer: false), term: 4, from: 1, to: 2)
        #expect(cluster.answers(from: 2, to: 1).isEmpty)
        cluster.resumeDisk(2)
        #expect(cluster.answers(from: 2, to: 1) == [.voteResponse(isGranted: true)])
        #expect(Cluster.fold(cluster.members[2]?.durable ?? []).hardState.vote == Cluster.replica(1).id)
    }

    @Test func section3_8_aVoteIsRememberedAcrossARestart() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.inject(.vote(last: .start, isTransfer: false), term: 4, from: 1, to: 2)
        cluster.crash(2)
        cluster.restart(2)
        cluster.inject(.vote(last: .start, isTransfer: false), term: 4, from: 3, to: 2)
        #expect(cluster.answers(from: 2, to: 3) == [.voteResponse(isGranted: false)])
    }

    @Test func ruleD2_nothingAtANewTermLeavesBeforeItIsDurable() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.stallDisk(2)
        let heard = cluster.answers(from: 2, to: 3).count
        let previous = LogPosition(index: LogIndex(99), term: Term(50))
        cluster.inject(.append(previous: previous, entries: [], commit: .zero), term: 50, from: 3, to: 2)
        #expect(cluster.answers(from: 2, to: 3).count == heard)
        cluster.resumeDisk(2)
        #expect(cluster.answers(from: 2, to: 3).count > heard)
    }

    @Test func section3_6_1_aCandidateWithAnOlderLogIsRefused() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        cluster.isolate(1)
        cluster.advance(400)
        // Same term, shorter log; then an older term, longer log.
        let last = cluster.status(2).lastIndex
        let term = cluster.status(2).term
        cluster.inject(
            .vote(last: LogPosition(index: last.previous, term: term), isTransfer: true),
            term: term.raw + 5, from: 3, to: 2)
        cluster.inject(
            .vote(last: LogPosition(index: last.advanced(by: 9), term: term.previous), isTransfer: true),
            term: term.raw + 6, from: 3, to: 2)
        let answers = cluster.answers(from: 2, to: 3)
        #expect(answers.contains(.voteResponse(isGranted: false)))
        #expect(!answers.contains(.voteResponse(isGranted: true)))
    }

    @Test func section9_6_aReturningReplicaDoesNotDisturbTheLeader() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let term = cluster.status(1).term
        cluster.isolate(3)
        cluster.advance(20_000)
        #expect(cluster.status(3).term == term, "PreVote never raises the term without a quorum")
        cluster.heal()
        cluster.advance(5_000)
        #expect(cluster.leaders == [1])
        #expect(cluster.status(1).term == term)
    }

    @Test func section6_2_aLeaderWithoutAQuorumStepsDown() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        cluster.isolate(1)
        cluster.propose(2, on: 1)
        cluster.advance(1_200)
        #expect(cluster.status(1).role != .leader)
        #expect(cluster.members[1]?.failed.count == 1)
        cluster.advance(3_000)
        #expect(cluster.leaders.count == 1)
        cluster.heal()
        cluster.advance(3_000)
        cluster.propose(3, on: cluster.leaders[0])
        cluster.advance(200)
        for number in cluster.numbers { #expect(cluster.commands(number) == [1, 3]) }
    }

    @Test func section4_2_3_aFollowerThatHearsItsLeaderVotesForNobodyElse() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let term = cluster.status(2).term
        let last = LogPosition(index: LogIndex(100), term: Term(100))
        cluster.inject(.vote(last: last, isTransfer: false), term: term.raw + 5, from: 3, to: 2)
        #expect(cluster.status(2).term == term)
        cluster.inject(.vote(last: last, isTransfer: true), term: term.raw + 5, from: 3, to: 2)
        #expect(cluster.status(2).term.raw == term.raw + 5, "a hand-over is no disturbance")
    }

    @Test func section3_10_leadershipIsHandedOverAtOnce() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let target = Cluster.node(3)
        let group = Cluster.group
        let before = cluster.now
        let result29 = cluster.on(1) { $0.transferLeadership(group: group, to: target) }
        #expect(result29)
        #expect(cluster.leaders == [3])
        #expect(cluster.now == before)
    }

    @Test func section3_10_proposalsAreRefusedDuringAHandOver() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.isolate(3)
        cluster.propose(1, on: 1)
        let target = Cluster.node(3)
        let group = Cluster.group
        let result30 = cluster.on(1) { $0.transferLeadership(group: group, to: target) }
        #expect(result30)
        let result31 = cluster.propose(2, on: 1)
        #expect(result31 == .failure(.transferring))
        cluster.advance(350)
        let taken = cluster.propose(3, on: 1)
        #expect((try? taken.get()) != nil, "an heir that is gone holds nobody up for an election timeout")
    }

    @Test func aSilentVoterIsNoHeir() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.isolate(3)
        cluster.advance(350)
        let group = Cluster.group
        #expect(cluster.on(1) { $0.transferLeadership(group: group, to: Cluster.node(3)) } == false)
        #expect(cluster.on(1) { $0.transferLeadership(group: group, to: Cluster.node(2)) })
    }

    @Test func ruleL3_suspicionAndSilenceTogetherHastenAnElection() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let suspect = Cluster.node(1)
        for number in [2, 3] { cluster.on(number) { $0.suspect(node: suspect, true, now: .zero) } }
        cluster.advance(5_000)
        #expect(cluster.leaders == [1], "suspicion alone changes nothing")
        cluster.crash(1)
        let term = cluster.status(2).term
        cluster.advance(900)
        #expect(cluster.up.contains { cluster.status($0).term > term })
    }

    @Test func ruleL3_withoutSuspicionSilenceWaitsForTheElectionTimeout() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let term = cluster.status(2).term
        cluster.crash(1)
        cluster.advance(880)
        #expect(cluster.up.allSatisfy { cluster.status($0).term == term })
    }

    /// All voters hear of a killed process within a moment.
    @Test func ruleL3_suspiciousVotersCampaignInTurn() {
        for killed in 1...3 {
            var cluster = Cluster(voters: [1, 2, 3])
            cluster.elect(killed)
            let term = cluster.status(killed).term
            cluster.crash(killed)
            cluster.advance(500)
            let (suspect, now) = (Cluster.node(killed), cluster.now)
            for number in cluster.up { cluster.on(number) { $0.suspect(node: suspect, true, now: now) } }
            cluster.advance(80)
            #expect(cluster.up.allSatisfy { cluster.status($0).term == term }, "the others may not know yet")
            cluster.advance(200)
            #expect(cluster.leaders.count == 1)
            #expect(cluster.up.allSatisfy { cluster.status($0).term == term.next }, "one campaign was enough")
        }
    }

    /// Only the one with the longer log can win, and the other, which must vote for it, hears of the death when it has
    /// already asked.
    @Test func ruleL3_whoSuspectsLateIsAskedAgain() {
        for (ahead, behind) in [(2, 3), (3, 2)] {
            var cluster = Cluster(voters: [1, 2, 3])
            cluster.elect(1)
            cluster.isolate(behind)
            cluster.propose(7, on: 1)
            cluster.crash(1)
            cluster.heal()
            cluster.advance(320)
            let suspect = Cluster.node(1)
            for (number, delay) in [(ahead, 260), (behind, 0)] as [(Int, UInt64)] {
                let now = cluster.now
                cluster.on(number) { $0.suspect(node: suspect, true, now: now) }
                cluster.advance(delay)
            }
            #expect(cluster.leaders.isEmpty)
            cluster.advance(380)
            #expect(cluster.leaders == [ahead], "silent for 0.96 s: no election timeout has passed")
        }
    }

    @Test func ruleL4_aLeaderWhoseDiskStandsStillStepsDown() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.members[1]?.walAge = 2_500
        cluster.advance(100)
        #expect(cluster.status(1).role == .follower)
        cluster.advance(5_000)
        #expect(cluster.leaders.count == 1 && cluster.leaders != [1])
    }

    @Test func ruleM3_messagesForAnotherIncarnationAreDropped() {
        var cluster = Cluster(voters: [1, 2, 3])
        let other = ReplicaID(999)
        cluster.inject(.vote(last: .start, isTransfer: false), term: 9, from: 1, to: 2, toID: other)
        #expect(cluster.status(2).term == .zero)
        #expect(cluster.answers(from: 2, to: 1).isEmpty)
        let entry = PairHeartbeat.Entry(
            group: Cluster.group, from: Cluster.replica(1).id, to: other, term: Term(9), commit: .zero)
        let node = Cluster.node(1)
        let now = cluster.now
        var raft = cluster.members[2]?.raft
        raft?.receive(PairHeartbeat(round: 1, walAgeMilliseconds: 0, entries: [entry]), from: node, now: now)
        let acks = raft?.takeOutput().heartbeatAcks ?? []
        #expect(acks.map { $0.1.rejects.map(\.group) } == [[Cluster.group]], "never confirmed in silence")
    }

    @Test func aReplicaVotesEvenIfItsConfigurationDoesNotNameIt() {
        var cluster = Cluster(voters: [1, 2], others: [3])
        cluster.inject(.vote(last: .start, isTransfer: false), term: 3, from: 1, to: 3)
        #expect(cluster.answers(from: 3, to: 1) == [.voteResponse(isGranted: true)])
    }

    /// All 64 patterns of one-way links between three voters, from each leader: a leader that can commit
    /// exists whenever two voters reach each other.
    @Test func partialPartitions_twoVotersThatReachEachOtherSuffice() {
        let links = [[1, 2], [2, 1], [1, 3], [3, 1], [2, 3], [3, 2]]
        for pattern in 0..<64 {
            for leader in 1...3 {
                var cluster = Cluster(voters: [1, 2, 3], seed: UInt64(pattern * 3 + leader))
                cluster.elect(leader)
                cluster.cut = Set(links.indices.filter { pattern >> $0 & 1 == 1 }.map { links[$0] })
                cluster.advance(10_000)
                let pairs = [[1, 2], [1, 3], [2, 3]]
                let isLive = pairs.contains {
                    !cluster.cut.contains($0) && !cluster.cut.contains($0.reversed())
                }
                let terms = cluster.up.map { cluster.status($0).term }
                cluster.advance(4_000)
                let isQuiet = terms == cluster.up.map { cluster.status($0).term }
                #expect(isQuiet || !isLive, "pattern \(pattern), leader \(leader): elections go on")
                let before = cluster.up.map { cluster.status($0).commit }.max() ?? .zero
                for number in cluster.leaders { cluster.propose(1, on: number) }
                cluster.advance(300)
                let after = cluster.up.map { cluster.status($0).commit }.max() ?? .zero
                #expect((after > before) == isLive, "pattern \(pattern), leader \(leader)")
            }
        }
    }
}
