import Testing
import Vocabulary
import Wire

@testable import Consensus

/// Membership: thesis, chapter 4; rule M1.
struct RaftConfigurationTests {
    typealias Cluster = RaftTestCluster

    private func change(
        _ cluster: inout Cluster, on number: Int, to voters: [Int], learners: [Int] = []
    ) -> Result<ProposalPosition, ProposalRefusal> {
        let group = Cluster.group
        return cluster.on(number) {
            $0.changeConfiguration(
                group: group, to: voters.map(Cluster.replica), learners: learners.map(Cluster.replica))
        }
    }

    private func succeeds(_ result: Result<ProposalPosition, ProposalRefusal>) -> Bool {
        (try? result.get()) != nil
    }

    @Test func aLearnerGetsTheLogAndDecidesNothing() {
        var cluster = Cluster(voters: [1, 2, 3], others: [4])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        let result1 = succeeds(change(&cluster, on: 1, to: [1, 2, 3], learners: [4]))
        #expect(result1)
        cluster.propose(2, on: 1)
        cluster.advance(500)
        #expect(cluster.commands(4) == [1, 2])
        cluster.crash(2)
        cluster.crash(3)
        let commit = cluster.status(1).commit
        cluster.propose(3, on: 1)
        cluster.advance(400)
        #expect(cluster.status(1).commit == commit, "a learner's acknowledgement does not count")
        cluster.crash(1)
        cluster.advance(10_000)
        #expect(cluster.status(4).role == .follower, "a learner never campaigns")
    }

    @Test func section4_3_replacingOneOfThreeGoesThroughAJointConfiguration() {
        var cluster = Cluster(voters: [1, 2, 3], others: [4])
        cluster.elect(1)
        let result2 = succeeds(change(&cluster, on: 1, to: [1, 2, 3], learners: [4]))
        #expect(result2)
        let result3 = succeeds(change(&cluster, on: 1, to: [1, 2, 4]))
        #expect(result3)
        cluster.advance(300)
        let final = Cluster.configuration([1, 2, 4])
        for number in [1, 2, 4] {
            #expect(cluster.status(number).configuration == final)
            #expect(!cluster.status(number).isConfigurationInFlight)
        }
        let seen = cluster.members[2]?.applied.compactMap { entry -> Configuration? in
            if case .configuration(let configuration) = entry.payload { return configuration }
            return nil
        }
        #expect(seen?.map(\.isJoint) == [false, true, false])
    }

    @Test func section4_3_aJointConfigurationNeedsBothMajorities() {
        var cluster = Cluster(voters: [1, 2, 3], others: [4, 5])
        cluster.elect(1)
        let result4 = succeeds(change(&cluster, on: 1, to: [1, 2, 3], learners: [4, 5]))
        #expect(result4)
        cluster.advance(300)
        // The new majority {1, 4, 5} is there, of the old one only {1}.
        cluster.crash(2)
        cluster.crash(3)
        let result5 = succeeds(change(&cluster, on: 1, to: [1, 4, 5]))
        #expect(result5)
        cluster.advance(400)
        #expect(cluster.status(1).isJoint)
        #expect(cluster.status(1).isConfigurationInFlight)
        cluster.restart(2)
        cluster.advance(600)
        #expect(cluster.status(1).configuration == Cluster.configuration([1, 4, 5]))
    }

    @Test func ruleM1_oneChangeIsInFlightAtATime() {
        var cluster = Cluster(voters: [1, 2, 3], others: [4, 5])
        cluster.elect(1)
        cluster.crash(2)
        cluster.crash(3)
        let result6 = succeeds(change(&cluster, on: 1, to: [1, 2, 3], learners: [4]))
        #expect(result6)
        let result7 = change(&cluster, on: 1, to: [1, 2, 3], learners: [5])
        #expect(result7 == .failure(.configurationInFlight))
    }

    /// The known flaw of single-server changes: a new leader must first commit an entry of its own term.
    @Test func ruleM1_noChangeBeforeAnEntryOfTheTermIsCommitted() {
        var raft = LoneLeader.elected()
        let voters = [1, 2, 3].map(Cluster.replica)
        let early = raft.changeConfiguration(
            group: Cluster.group, to: voters, learners: [Cluster.replica(4)])
        #expect(early == .failure(.configurationInFlight))
        raft.persisted(through: raft.takeOutput().sequence)
        LoneLeader.answer(.appendResponse(.matched(LogIndex(1))), to: &raft)
        let later = raft.changeConfiguration(
            group: Cluster.group, to: voters, learners: [Cluster.replica(4)])
        #expect((try? later.get()) != nil)
    }

    @Test func section4_1_aConfigurationIsInForceWhenAppendedAndRevertedWhenTruncated() {
        var cluster = Cluster(voters: [1, 2, 3], others: [4, 5])
        cluster.elect(1)
        cluster.isolate(1)
        let result9 = succeeds(change(&cluster, on: 1, to: [1, 4, 5]))
        #expect(result9)
        #expect(cluster.status(1).isJoint)
        // Crash point one: the joint entry is on the old leader's disk only.
        cluster.crash(1)
        cluster.advance(4_000)
        cluster.propose(1, on: cluster.leaders[0])
        cluster.restart(1)
        #expect(cluster.status(1).isJoint, "read back from the disk")
        cluster.heal()
        cluster.advance(2_000)
        #expect(cluster.status(1).configuration == Cluster.configuration([1, 2, 3]))
        #expect(cluster.commands(1) == [1])
    }

    @Test func section4_3_aNewLeaderLeavesTheJointConfigurationThatItFinds() {
        var cluster = Cluster(voters: [1, 2, 3], others: [4])
        cluster.elect(1)
        let result10 = succeeds(change(&cluster, on: 1, to: [1, 2, 3], learners: [4]))
        #expect(result10)
        cluster.advance(300)
        // Crash point two: the joint entry is committed, and the leader dies before it can leave.
        cluster.cut = [[2, 1], [3, 1], [4, 1]]
        let result11 = succeeds(change(&cluster, on: 1, to: [1, 2, 4]))
        #expect(result11)
        cluster.crash(1)
        #expect(cluster.status(2).isJoint)
        cluster.heal()
        cluster.advance(6_000)
        #expect(cluster.leaders.count == 1)
        #expect(cluster.status(2).configuration == Cluster.configuration([1, 2, 4]))
        #expect(!cluster.status(2).isConfigurationInFlight)
    }

    @Test func section4_2_2_aRemovedLeaderStepsDownAfterTheCommit() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        cluster.propose(1, on: 1)
        let result12 = succeeds(change(&cluster, on: 1, to: [2, 3]))
        #expect(result12)
        cluster.advance(100)
        #expect(cluster.status(1).role == .follower)
        #expect(cluster.leaders.count == 1 && cluster.leaders != [1], "an heir was asked at once")
        cluster.propose(2, on: cluster.leaders[0])
        cluster.advance(300)
        #expect(cluster.commands(2) == [1, 2])
        cluster.advance(10_000)
        #expect(cluster.status(1).role == .follower, "who is no voter does not campaign")
    }

    /// The one who is to go is the only one with enough log: without its candidacy nobody is ever elected again.
    @Test func section4_2_2_whoeverIsLeftOutByAChangeThatIsNotCommittedFinishesIt() {
        var cluster = Cluster(voters: [1, 2])
        cluster.elect(2)
        cluster.isolate(2)
        let result = succeeds(change(&cluster, on: 2, to: [1]))
        #expect(result)
        cluster.crash(2)
        cluster.heal()
        cluster.restart(2)
        #expect(cluster.status(2).configuration == Cluster.configuration([1]))
        cluster.advance(8_000)
        #expect(cluster.leaders == [1])
        #expect(cluster.status(1).configuration == Cluster.configuration([1]))
        #expect(!cluster.status(1).isConfigurationInFlight)
        cluster.advance(8_000)
        #expect(cluster.status(2).role == .follower, "the change is committed: it has nothing left to finish")
    }

    @Test func theLeaderKnowsWhoAnswers() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let voters = [1, 2, 3].map(Cluster.replica)
        #expect(cluster.status(1).couldGo(to: [voters[0], voters[1]]))
        cluster.crash(2)
        cluster.advance(1_200)
        #expect(!cluster.status(1).couldGo(to: [voters[0], voters[1]]), "one of two is no majority")
        #expect(cluster.status(1).couldGo(to: voters))
        #expect(cluster.status(1).couldGo(to: [voters[0], voters[2]]))
        #expect(!cluster.status(1).couldGo(to: [Cluster.replica(9)]), "it knows nothing of 9")
    }

    /// A voter that was lost before the election is not taken for one that answers.
    @Test func aNewLeaderKnowsOfNobodyThatItAnswers() {
        var raft = LoneLeader.elected()
        let voters = [1, 2].map(Cluster.replica)
        #expect(raft.status(of: Cluster.group)?.couldGo(to: voters) == false)
        raft.persisted(through: raft.takeOutput().sequence)
        LoneLeader.answer(.appendResponse(.matched(LogIndex(1))), to: &raft)
        #expect(raft.status(of: Cluster.group)?.couldGo(to: voters) == true)
    }

    @Test func aGroupGrowsFromOneToThreeAndShrinksAgain() {
        var cluster = Cluster(voters: [1], others: [2, 3])
        cluster.advance(100)
        cluster.propose(1, on: 1)
        let result13 = succeeds(change(&cluster, on: 1, to: [1], learners: [2, 3]))
        #expect(result13)
        cluster.advance(400)
        let result14 = succeeds(change(&cluster, on: 1, to: [1, 2, 3]))
        #expect(result14)
        cluster.advance(400)
        #expect(cluster.status(3).configuration == Cluster.configuration([1, 2, 3]))
        cluster.crash(3)
        cluster.propose(2, on: 1)
        #expect(cluster.commands(1) == [1, 2])
        let result15 = succeeds(change(&cluster, on: 1, to: [1]))
        #expect(result15)
        cluster.advance(400)
        cluster.crash(2)
        cluster.propose(3, on: 1)
        #expect(cluster.commands(1) == [1, 2, 3])
    }

    @Test func whatIsNoChangeIsRefused() {
        var cluster = Cluster(voters: [1, 2, 3])
        cluster.elect(1)
        let result16 = change(&cluster, on: 1, to: [1, 2, 3])
        #expect(result16 == .failure(.invalidConfiguration))
        let result17 = change(&cluster, on: 1, to: [])
        #expect(result17 == .failure(.invalidConfiguration))
        let result18 = change(&cluster, on: 2, to: [1])
        #expect(result18 == .failure(.notLeader(hint: Cluster.node(1))))
    }
}
