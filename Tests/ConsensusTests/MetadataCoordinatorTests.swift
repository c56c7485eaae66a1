import Testing
import Vocabulary
import Wire

@testable import Consensus

/// A cluster's metadata with a coordinator that is run until it has nothing more to say; group leaders do
/// their part at once.
private struct Driver {
    var state: ClusterMetadata
    var alive: Set<UInt64> = [1]
    var now = Tick(1_000_000)
    var plannedMoves = 0
    var busiest = 0
    var metadataGroup: RaftStatus?

    var liveness: [NodeID: Coordinator.Liveness] {
        Dictionary(
            uniqueKeysWithValues: state.members.values.map { member in
                (
                    member.node,
                    Coordinator.Liveness(isAlive: alive.contains(member.node.raw.low), since: .zero)
                )
            })
    }

    mutating func settle(replaceAfter: UInt64 = 10_000_000) {
        let coordinator = Coordinator(replaceAfterMilliseconds: replaceAfter)
        for _ in 0..<2_000 {
            let commands = coordinator.nextCommands(
                state: state, liveness: liveness, metadataGroup: metadataGroup, now: now)
            for command in commands {
                if case .planMove = command { plannedMoves += 1 }
                let outcome = state.apply(command)
                if case .refused(let why) = outcome { Issue.record("\(command) was refused: \(why)") }
            }
            busiest = max(busiest, state.moveLoad().values.max() ?? 0)
            if !finishOneMove() && commands.isEmpty { return }
        }
        Issue.record("the coordinator never settles")
    }

    private mutating func finishOneMove() -> Bool {
        guard let index = state.partitions.firstIndex(where: { $0.move != nil }),
            let move = state.partitions[index].move
        else { return false }
        _ = state.apply(.advanceMove(PartitionID(UInt32(index)), move: move.id, stage: .joint))
        _ = state.apply(.finishMove(PartitionID(UInt32(index)), move: move.id))
        return true
    }
}

@Suite struct MetadataCoordinatorTests {
    @Test func genesisWaitsForTheExpectedNodes() {
        var driver = Driver(state: formedCluster(up: 1, partitions: 64, assigned: false))
        driver.settle()
        #expect(driver.state.partitions.allSatisfy { $0.version == 0 })
        #expect(!driver.state.isReadyForClients)
        _ = driver.state.apply(.addMember(profile(2)))
        _ = driver.state.apply(.addMember(profile(3)))
        driver.alive = [1, 2]
        driver.settle()
        #expect(driver.state.members[metadataNode(3)]?.state == .joining)
        #expect(driver.state.partitions.allSatisfy { $0.version == 0 })
        driver.alive = [1, 2, 3]
        driver.settle()
        #expect(driver.state.partitions.allSatisfy { $0.voters.count == 3 && $0.version == 1 })
        #expect(driver.state.isReadyForClients)
    }

    @Test func oneNodeStartsAloneAndGrows() {
        var driver = Driver(state: formedCluster(up: 1, expected: 1, assigned: false))
        driver.settle()
        #expect(driver.state.partitions.allSatisfy { $0.voters.count == 1 })
        #expect(driver.state.isReadyForClients)
        _ = driver.state.apply(.addMember(profile(2)))
        _ = driver.state.apply(.addMember(profile(3)))
        driver.alive = [1, 2, 3]
        driver.settle()
        #expect(driver.state.partitions.allSatisfy { $0.voters.count == 3 && $0.move == nil })
        #expect(driver.busiest == ClusterMetadata.movesPerNodeMax)
    }

    @Test func aFourthNodeGetsItsQuarter() throws {
        var driver = Driver(state: formedCluster(up: 3, partitions: 64), alive: [1, 2, 3, 4])
        _ = driver.state.apply(.addMember(profile(4)))
        driver.settle()
        let counts = driver.state.replicaCounts()
        #expect((46...48).contains(try #require(counts[metadataNode(4)])))
        #expect(counts.values.allSatisfy { abs($0 - 48) <= 4 })
        #expect(driver.plannedMoves <= 48)
        #expect(driver.busiest == 2)
    }

    @Test func aLeavingNodeIsEmptiedAndLeft() {
        var driver = Driver(state: formedCluster(up: 4, partitions: 64), alive: [1, 2, 3, 4])
        driver.settle()
        _ = driver.state.apply(.setMemberState(metadataNode(2), .leaving))
        driver.settle()
        #expect(driver.state.members[metadataNode(2)]?.state == .left)
        #expect(driver.state.partitions.allSatisfy { $0.voters.count == 3 })
    }

    @Test func whoeverVotesInGroupZeroHasNotLeft() {
        var driver = Driver(state: formedCluster(up: 4, partitions: 64), alive: [1, 2, 3, 4])
        driver.settle()
        _ = driver.state.apply(.setMemberState(metadataNode(2), .leaving))
        let voters = [1, 2, 3].map { Replica(node: metadataNode($0), id: ReplicaID(UInt64($0))) }
        driver.metadataGroup = metadataStatus(voters: voters)
        driver.settle()
        #expect(driver.state.members[metadataNode(2)]?.state == .leaving)
        driver.metadataGroup = metadataStatus(voters: [voters[0], voters[2]], isInFlight: true)
        driver.settle()
        #expect(driver.state.members[metadataNode(2)]?.state == .leaving)
        driver.metadataGroup = metadataStatus(voters: [voters[0], voters[2]])
        driver.settle()
        #expect(driver.state.members[metadataNode(2)]?.state == .left)
    }

    private func metadataStatus(voters: [Replica], isInFlight: Bool = false) -> RaftStatus {
        var raft = MultiRaft(
            node: voters[0].node, settings: RaftSettings(), generator: SeededGenerator(seed: 1))
        raft.create(
            group: .metadata, replica: voters[0].id, configuration: Configuration(voters: voters), now: .zero)
        guard var status = raft.status(of: .metadata) else { preconditionFailure("it was just created") }
        status.isConfigurationInFlight = isInFlight
        return status
    }

    @Test func aSilentNodeIsReplacedAfterTheDelayAndNoSooner() {
        var driver = Driver(state: formedCluster(up: 4, partitions: 64), alive: [1, 2, 3, 4])
        driver.settle()
        driver.alive = [1, 2, 3]
        driver.plannedMoves = 0
        driver.settle(replaceAfter: 1_000_001)
        #expect(driver.plannedMoves == 0)
        driver.settle(replaceAfter: 1_000_000)
        #expect(driver.state.members[metadataNode(4)]?.state == .dead)
        #expect(driver.state.replicaCounts()[metadataNode(4)] == nil)
        // It comes back as it was and gets its share again.
        driver.alive = [1, 2, 3, 4]
        driver.settle()
        #expect(driver.state.members[metadataNode(4)]?.state == .up)
        #expect((driver.state.replicaCounts()[metadataNode(4)] ?? 0) >= 46)
    }

    @Test func aDeadNodeWithoutASuccessorKeepsItsSeat() {
        var driver = Driver(state: formedCluster(up: 3), alive: [1, 2])
        driver.settle(replaceAfter: 1_000)
        #expect(driver.state.members[metadataNode(3)]?.state == .dead)
        #expect(driver.state.partitions.allSatisfy { $0.voters.count == 3 })
        #expect(driver.plannedMoves == 0)
    }

    @Test func aMoveToANodeThatDiesIsTakenBack() throws {
        var state = formedCluster(up: 4)
        _ = state.apply(.planMove(PartitionID(0), target: [1, 2, 4].map(metadataNode), version: 1))
        let move = try #require(state.partitions[0].move)
        let driver = Driver(state: state, alive: [1, 2, 3])
        let commands = Coordinator().nextCommands(
            state: state, liveness: driver.liveness, now: Tick(1))
        #expect(commands == [.abortMove(PartitionID(0), move: move.id)])
        // From joint on it only rolls forward.
        _ = state.apply(.advanceMove(PartitionID(0), move: move.id, stage: .joint))
        #expect(Coordinator().nextCommands(state: state, liveness: driver.liveness, now: Tick(1)).isEmpty)
    }

    /// All nodes have restarted, and one never came back: gossip has never heard of it, and its move is taken back.
    @Test func whoWasNeverHeardOfSinceAStartIsGone() throws {
        var state = formedCluster(up: 4)
        _ = state.apply(.planMove(PartitionID(0), target: [1, 2, 4].map(metadataNode), version: 1))
        let move = try #require(state.partitions[0].move)
        let heard = Driver(state: state, alive: [1, 2, 3]).liveness.filter { $0.value.isAlive }
        let start = Tick(50)
        func commands(_ now: Tick) -> [MetadataCommand] {
            Coordinator(replaceAfterMilliseconds: 60_000).nextCommands(
                state: state, liveness: heard.withUnheard(of: state, since: start, now: now), now: now)
        }
        #expect(commands(start + (Coordinator.unheardMilliseconds - 1)).isEmpty)
        #expect(
            commands(start + Coordinator.unheardMilliseconds) == [.abortMove(PartitionID(0), move: move.id)])
        #expect(commands(start + 60_000) == [.setMemberState(metadataNode(4), .dead)])
    }

    /// One of three leaves and there is nobody to take its place: the two that stay must both live, or the group
    /// that has a quorum now would have none.
    @Test func aMoveNeverLeavesTooFewWhoLive() throws {
        var state = formedCluster(up: 3)
        _ = state.apply(.setMemberState(metadataNode(3), .leaving))
        func plans(_ alive: Set<UInt64>) -> [MetadataCommand] {
            let driver = Driver(state: state, alive: alive)
            return Coordinator().nextCommands(state: state, liveness: driver.liveness, now: Tick(1))
        }
        let both = [1, 2].map(metadataNode).sorted()
        let shrunk = MetadataCommand.planMove(PartitionID(0), target: both, version: 1)
        #expect(plans([1, 2, 3]).contains(shrunk))
        #expect(plans([1, 3]).isEmpty)
        // It was planned, and then the other one died.
        _ = state.apply(shrunk)
        let move = try #require(state.partitions[0].move)
        #expect(!plans([1, 2, 3]).contains(.abortMove(PartitionID(0), move: move.id)))
        #expect(plans([1, 3]) == [.abortMove(PartitionID(0), move: move.id)])
    }

    /// The same for the group that leads the move, and for group 0: whoever leads knows who answers.
    @Test func aGroupGoesOnlyToVotersWhoAnswer() {
        var state = formedCluster(up: 3)
        let voters = state.partitions[0].voters
        _ = state.apply(.setMemberState(metadataNode(3), .leaving))
        _ = state.apply(.planMove(PartitionID(0), target: [1, 2].map(metadataNode), version: 1))
        let assignment = state.partitions[0]
        func step(answering: [Int]) -> ReplicaStep? {
            assignment.nextStep(
                of: PartitionID(0),
                status: ledStatus(GroupID(PartitionID(0)), voters: voters, answering: answering))
        }
        guard case .report(.advanceMove(_, _, stage: .joint))? = step(answering: [0, 1]) else {
            Issue.record("the move does not go on")
            return
        }
        #expect(step(answering: [0, 2]) == nil)

        let metadata = [1, 2, 3].compactMap { state.members[metadataNode($0)] }
            .map { Replica(node: $0.node, id: $0.metadataReplica) }
        let healthy = ledStatus(.metadata, voters: metadata, answering: [0, 1])
        #expect(
            state.nextMetadataStep(status: healthy)
                == .change(voters: metadata.prefix(2).sorted(), learners: [metadata[2]]))
        let silent = ledStatus(.metadata, voters: metadata, answering: [0, 2])
        #expect(state.nextMetadataStep(status: silent) == nil)
    }

    /// A leader that starts while the move goes joint reads metadata from before it, and takes the learners for an
    /// aborted move's. Nobody may abort the move any more, so it must bring them back.
    @Test func learnersThatOldMetadataDroppedComeBack() throws {
        var state = formedCluster(up: 3)
        let before = state.partitions[0]
        _ = state.apply(.addMember(profile(4)))
        _ = state.apply(.setMemberState(metadataNode(4), .up))
        _ = state.apply(.planMove(PartitionID(0), target: [1, 2, 4].map(metadataNode), version: 1))
        let move = try #require(state.partitions[0].move)
        _ = state.apply(.advanceMove(PartitionID(0), move: move.id, stage: .joint))
        let assignment = state.partitions[0]
        #expect(assignment.move?.stage == .joint)
        var status = ledStatus(GroupID(PartitionID(0)), voters: assignment.voters, answering: [0, 1, 2])
        status.configuration = Configuration(voters: assignment.voters, learners: assignment.incoming)
        #expect(
            before.nextStep(of: PartitionID(0), status: status)
                == .change(voters: assignment.voters, learners: []))

        status.configuration = Configuration(voters: assignment.voters)
        let back = assignment.nextStep(of: PartitionID(0), status: status)
        #expect(back == .change(voters: assignment.voters, learners: assignment.incoming))
        status.configuration = Configuration(voters: assignment.voters, learners: assignment.incoming)
        let on = assignment.nextStep(of: PartitionID(0), status: status)
        #expect(on == .change(voters: move.target, learners: []))
    }

    /// What the first of `voters` knows as the leader, when the others have all it has and only some answer.
    private func ledStatus(_ group: GroupID, voters: [Replica], answering: [Int]) -> RaftStatus {
        var status = metadataStatus(voters: voters)
        status.group = group
        status.role = .leader
        status.progress = voters.indices.map { place in
            ReplicaProgress(
                replica: voters[place], matched: status.lastIndex, state: .replicate, lag: 0,
                isResponsive: answering.contains(place))
        }
        return status
    }

    @Test func groupZeroHasOneTwoThreeOrFiveVoters() {
        for (count, wanted) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (7, 5)] {
            let state = formedCluster(up: count, assigned: false)
            #expect(state.desiredMetadataVoters(current: [metadataNode(1)]).count == wanted)
            let configuration = state.desiredMetadataConfiguration(
                current: Configuration(voters: [Replica(node: metadataNode(1), id: ReplicaID(1))]))
            #expect(configuration.voters.count + configuration.learners.count == count)
        }
    }

    @Test func aVoterOfGroupZeroIsKeptUntilItsStateSaysOtherwise() {
        var state = formedCluster(up: 4, assigned: false)
        let current = [2, 3, 4].map(metadataNode)
        #expect(state.desiredMetadataVoters(current: current) == current.sorted())
        _ = state.apply(.setMemberState(metadataNode(3), .leaving))
        #expect(state.desiredMetadataVoters(current: current) == [1, 2, 4].map(metadataNode).sorted())
    }

    @Test func leadersMoveOffADrainingNodeAndNoMoreThanAskedFor() {
        var state = formedCluster(up: 3)
        let leaders = [NodeID?](repeating: metadataNode(1), count: 16)
        let driver = Driver(state: state, alive: [1, 2, 3])
        let even = Coordinator().leaderTransfers(state: state, leaders: leaders, liveness: driver.liveness)
        #expect(even.count == 8)
        _ = state.apply(.setMemberState(metadataNode(1), .draining))
        let all = Coordinator().leaderTransfers(
            state: state, leaders: leaders, liveness: driver.liveness, limit: 64)
        #expect(all.count == 16)
        #expect(all.allSatisfy { $0.from == metadataNode(1) && $0.to != metadataNode(1) })
    }

    @Test func aRemovalThatWouldLoseAQuorumIsRefused() {
        let state = formedCluster(up: 3)
        let everyone = Set([1, 2, 3].map(metadataNode))
        #expect(state.refusalToRemove(metadataNode(3), alive: everyone) == nil)
        // One is dead: the dead one may be taken out, a living one may not.
        let two = Set([1, 2].map(metadataNode))
        #expect(state.refusalToRemove(metadataNode(3), alive: two) == nil)
        #expect(state.refusalToRemove(metadataNode(2), alive: two) != nil)
        #expect(formedCluster(up: 1).refusalToRemove(metadataNode(1), alive: everyone) != nil)
    }

    @Test func faultsShowInTheViews() {
        let state = formedCluster(up: 3)
        #expect(state.underReplicated(alive: Set([1, 2, 3].map(metadataNode))).isEmpty)
        #expect(state.underReplicated(alive: Set([1, 2].map(metadataNode))).count == 16)
        #expect(state.unavailable(alive: Set([1, 2].map(metadataNode))).isEmpty)
        #expect(state.unavailable(alive: [metadataNode(1)]).count == 16)
    }
}
