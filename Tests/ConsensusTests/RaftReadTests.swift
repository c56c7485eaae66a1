import Testing
import Vocabulary
import Wire

@testable import Consensus

/// Linearizable reads: thesis, section 6.4; rule Q1.
struct RaftReadTests {
    typealias Cluster = RaftTestCluster

    private func read(_ cluster: inout Cluster, _ token: UInt64, on number: Int) -> Bool {
        let group = Cluster.group
        let now = cluster.now
        return cluster.on(number) { $0.read(group: group, token: token, now: now) }
    }

    @Test func ruleQ1_aReadIsConfirmedAtOnceByARoundOfItsOwn() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        let result19 = read(&cluster, 7, on: 1)
        #expect(result19)
        #expect(cluster.members[1]?.reads[7] == .some(cluster.status(1).commit))
        let result20 = read(&cluster, 8, on: 2)
        #expect(!result20, "a follower refuses")
    }

    @Test func ruleQ1_aDeposedLeaderConfirmsNothing() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.isolate(1)
        let result21 = read(&cluster, 7, on: 1)
        #expect(result21)
        #expect(cluster.members[1]?.reads[7] == nil)
        cluster.advance(1_500)
        #expect(cluster.members[1]?.reads[7] == .some(.none), "it ends when leadership does")
    }

    @Test func ruleQ1_onlyARoundThatStartedAfterTheReadConfirmsIt() {
        var (raft, heartbeats) = Self.leaderWithABeatInFlight()
        #expect(heartbeats.count == 2)
        let result22 = raft.read(group: Cluster.group, token: 7, now: Tick(5_000))
        #expect(result22)
        let own = raft.takeOutput()
        #expect(own.heartbeats.isEmpty, "one round per peer is in flight")
        // The answers to rounds that started before the read.
        for (node, beat) in heartbeats {
            raft.receive(PairHeartbeatAck(round: beat.round, rejects: []), from: node, now: Tick(5_000))
        }
        let next = raft.takeOutput()
        #expect(next.reads.isEmpty)
        #expect(next.heartbeats.count == 2, "the read starts a round at once")
        let (node, beat) = next.heartbeats[0]
        raft.receive(PairHeartbeatAck(round: beat.round, rejects: []), from: node, now: Tick(5_000))
        let result23 = raft.takeOutput().reads.map(\.token)
        #expect(result23 == [7])
    }

    @Test func ruleQ1_aRejectedGroupIsNotConfirmed() {
        var (raft, heartbeats) = Self.leaderWithABeatInFlight()
        for (node, beat) in heartbeats {
            raft.receive(PairHeartbeatAck(round: beat.round, rejects: []), from: node, now: Tick(5_000))
        }
        let result24 = raft.read(group: Cluster.group, token: 7, now: Tick(5_000))
        #expect(result24)
        let rounds = raft.takeOutput().heartbeats
        #expect(rounds.count == 2)
        for (node, beat) in rounds {
            let entry = beat.entries[0]
            let reject = PairHeartbeatAck.Reject(
                group: entry.group, from: entry.from, to: entry.to, term: .zero)
            raft.receive(PairHeartbeatAck(round: beat.round, rejects: [reject]), from: node, now: Tick(5_000))
        }
        let result25 = raft.takeOutput().reads.isEmpty
        #expect(result25)
    }

    @Test func ruleQ1_noReadBeforeAnEntryOfTheTermIsCommitted() {
        var raft = LoneLeader.elected()
        let result26 = raft.read(group: Cluster.group, token: 7, now: Tick(3_000))
        #expect(result26)
        let rounds = raft.takeOutput()
        for (node, beat) in rounds.heartbeats {
            raft.receive(PairHeartbeatAck(round: beat.round, rejects: []), from: node, now: Tick(3_000))
        }
        #expect(!rounds.heartbeats.isEmpty)
        let result27 = raft.takeOutput().reads.isEmpty
        #expect(result27)
        raft.persisted(through: rounds.sequence)
        LoneLeader.answer(.appendResponse(.matched(LogIndex(1))), to: &raft)
        let result28 = raft.takeOutput().reads
        #expect(result28 == [ReadReady(token: 7, group: Cluster.group, index: LogIndex(1))])
    }

    @Test func aHigherTermInAnAnswerEndsTheLeadership() {
        var (raft, heartbeats) = Self.leaderWithABeatInFlight()
        let (node, beat) = heartbeats[0]
        let entry = beat.entries[0]
        let reject = PairHeartbeatAck.Reject(
            group: entry.group, from: entry.from, to: entry.to, term: Term(9))
        raft.receive(PairHeartbeatAck(round: beat.round, rejects: [reject]), from: node, now: Tick(5_000))
        #expect(raft.status(of: Cluster.group)?.role == .follower)
        #expect(raft.status(of: Cluster.group)?.term == Term(9))
    }

    // MARK: A leader of three voters, alone

    /// Its first entry is committed, and a beat is on its way to both followers.
    private static func leaderWithABeatInFlight() -> (MultiRaft, [(NodeID, PairHeartbeat)]) {
        var raft = LoneLeader.elected()
        raft.persisted(through: raft.takeOutput().sequence)
        LoneLeader.answer(.appendResponse(.matched(LogIndex(1))), to: &raft)
        _ = raft.takeOutput()
        raft.tick(now: Tick(3_200), walAge: 0)
        let heartbeats = raft.takeOutput().heartbeats
        return (raft, heartbeats)
    }
}
