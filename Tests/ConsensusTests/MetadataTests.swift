import GoldenKit
import Testing
import Vocabulary
import Wire

@testable import Consensus

/// Node n of every metadata test.
func metadataNode(_ number: UInt64) -> NodeID { NodeID(high: number &* 0x9E37_79B9_7F4A_7C15, low: number) }

func profile(_ number: UInt64, featureMax: UInt32 = 1) -> MemberProfile {
    MemberProfile(node: metadataNode(number), name: "node\(number)", featureMax: featureMax)
}

/// A formed cluster with `up` members and, when `assigned`, its first replica sets.
func formedCluster(
    up: Int, expected: UInt32 = 3, partitions: UInt32 = 16, replicas: UInt32 = 3, assigned: Bool = true
) -> ClusterMetadata {
    var state = ClusterMetadata()
    let formation = ClusterFormation(
        cluster: ClusterID(high: 1, low: 2), name: "test", partitionCount: partitions,
        replicationFactor: replicas, expectedNodes: expected, founder: profile(1))
    _ = state.apply(.form(formation))
    for number in 2...UInt64(max(2, up)) where number <= UInt64(up) {
        _ = state.apply(.addMember(profile(number)))
        _ = state.apply(.setMemberState(metadataNode(number), .up))
    }
    if assigned {
        let nodes = (1...UInt64(min(up, Int(replicas)))).map(metadataNode)
        _ = state.apply(
            .assignPartitions(Array(repeating: nodes, count: Int(partitions)), epoch: state.epoch))
    }
    return state
}

@Suite struct MetadataTests {
    @Test func aClusterIsFormedOnce() throws {
        var state = formedCluster(up: 1, assigned: false)
        let formation = try #require(state.formation)
        #expect(state.apply(.form(formation)) == .unchanged)
        var other = formation
        other.cluster = ClusterID(high: 9, low: 9)
        #expect(state.apply(.form(other)) == .refused(.alreadyFormed))
        let founder = try #require(state.members[metadataNode(1)])
        #expect(founder.metadataReplica == ClusterFormation.founderReplica)
        #expect(founder.state == .up && founder.number == 1)
    }

    @Test func nothingHappensBeforeFormation() {
        var state = ClusterMetadata()
        #expect(state.apply(.addMember(profile(1))) == .refused(.notFormed))
        #expect(state == ClusterMetadata())
    }

    @Test func joiningTwiceIsJoiningOnce() {
        var state = formedCluster(up: 1, assigned: false)
        #expect(state.apply(.addMember(profile(2))) == .applied(Epoch(2)))
        #expect(state.apply(.addMember(profile(2))) == .unchanged)
        #expect(state.epoch == Epoch(2))
    }

    @Test func numbersFollowNamesAndAreNeverReused() {
        var state = formedCluster(up: 1, assigned: false)
        _ = state.apply(.addMember(profile(3)))
        _ = state.apply(.addMember(MemberProfile(node: metadataNode(7), name: "berlin")))
        _ = state.apply(.setMemberState(metadataNode(3), .left))
        // A new disk under an old name is another member.
        _ = state.apply(.addMember(MemberProfile(node: metadataNode(8), name: "node3")))
        _ = state.apply(.addMember(MemberProfile(node: metadataNode(9), name: "node0")))
        let numbers = [3, 7, 8, 9].map { state.members[metadataNode($0)]?.number }
        #expect(numbers == [3, 2, 4, 5])
    }

    @Test func leftIsForEver() {
        var state = formedCluster(up: 2, assigned: false)
        #expect(
            state.apply(.setMemberState(metadataNode(2), .left))
                == .refused(.transition(from: .up, to: .left)))
        _ = state.apply(.setMemberState(metadataNode(2), .leaving))
        _ = state.apply(.setMemberState(metadataNode(2), .left))
        #expect(
            state.apply(.setMemberState(metadataNode(2), .up))
                == .refused(.transition(from: .left, to: .up)))
        #expect(state.apply(.addMember(profile(2))) == .refused(.transition(from: .left, to: .joining)))
    }

    @Test func aNodeWithReplicasCannotBeLeft() {
        var state = formedCluster(up: 3)
        _ = state.apply(.setMemberState(metadataNode(2), .leaving))
        #expect(state.apply(.setMemberState(metadataNode(2), .left)) == .refused(.stillHoldsReplicas))
    }

    /// Orders to remove everybody, given at once: each was right when it was checked.
    @Test func somebodyStays() {
        var state = formedCluster(up: 3)
        let outcomes = [1, 2, 3].map { state.apply(.setMemberState(metadataNode($0), .leaving)) }
        #expect(outcomes.last == .refused(.lastMember))
        #expect(outcomes.filter { $0 == .refused(.lastMember) }.count == 1)
        #expect(state.members[metadataNode(3)]?.state == .up)
    }

    @Test func theFirstAssignmentIsCompareAndSet() {
        var state = formedCluster(up: 3, assigned: false)
        let sets = Array(repeating: [metadataNode(1)], count: 16)
        #expect(state.apply(.assignPartitions(sets, epoch: state.epoch.previous)) == .refused(.stale))
        #expect(
            state.apply(.assignPartitions(Array(sets.dropLast()), epoch: state.epoch)) == .refused(.malformed)
        )
        let stranger = Array(repeating: [metadataNode(5)], count: 16)
        #expect(
            state.apply(.assignPartitions(stranger, epoch: state.epoch))
                == .refused(.unknownMember(metadataNode(5))))
        #expect(state.apply(.assignPartitions(sets, epoch: state.epoch)) == .applied(state.epoch))
        #expect(state.apply(.assignPartitions(sets, epoch: state.epoch)) == .refused(.alreadyAssigned))
    }

    /// Rule M3: no replica id is given twice, whatever happens to the first one.
    @Test func replicaIDsAreFresh() throws {
        var state = formedCluster(up: 4)
        var seen = Set(state.members.values.map(\.metadataReplica))
        for replica in state.partitions.flatMap(\.voters) { #expect(seen.insert(replica.id).inserted) }
        let target = [1, 2, 4].map(metadataNode)
        for _ in 0..<3 {
            _ = state.apply(.planMove(PartitionID(0), target: target, version: 1))
            let move = try #require(state.partitions[0].move)
            let fresh = try #require(state.partitions[0].incoming.first)
            #expect(fresh.node == metadataNode(4))
            #expect(seen.insert(fresh.id).inserted)
            // Those that stay keep their incarnation.
            #expect(
                move.target.filter { $0.node != metadataNode(4) }.allSatisfy(
                    state.partitions[0].voters.contains))
            _ = state.apply(.abortMove(PartitionID(0), move: move.id))
        }
    }

    @Test func aMoveGoesForwardOnly() throws {
        var state = formedCluster(up: 4)
        let target = [1, 2, 4].map(metadataNode)
        let partition = PartitionID(3)
        #expect(
            state.apply(.planMove(partition, target: target, version: 9)) == .refused(.stale))
        _ = state.apply(.planMove(partition, target: target, version: 1))
        let move = try #require(state.partitions[3].move)
        #expect(state.apply(.planMove(partition, target: target, version: 1)) == .unchanged)
        #expect(
            state.apply(.planMove(partition, target: [1, 3, 4].map(metadataNode), version: 1))
                == .refused(.moveInFlight))
        _ = state.apply(.advanceMove(partition, move: move.id, stage: .joint))
        #expect(state.apply(.advanceMove(partition, move: move.id, stage: .learner)) == .unchanged)
        #expect(state.apply(.abortMove(partition, move: move.id)) == .refused(.tooLate))
        _ = state.apply(.finishMove(partition, move: move.id))
        #expect(state.partitions[3].nodes == target.sorted())
        #expect(state.partitions[3].version == 2)
        // Late reports of a move that is over change nothing.
        #expect(state.apply(.finishMove(partition, move: move.id)) == .refused(.noSuchMove))
        #expect(
            state.apply(.advanceMove(partition, move: move.id, stage: .joined)) == .refused(.noSuchMove))
    }

    @Test func aNodeTakesPartInTwoMoves() {
        var state = formedCluster(up: 4)
        let target = [1, 2, 4].map(metadataNode)
        #expect(state.apply(.planMove(PartitionID(0), target: target, version: 1)) == .applied(state.epoch))
        #expect(state.apply(.planMove(PartitionID(1), target: target, version: 1)) == .applied(state.epoch))
        let third = state.apply(.planMove(PartitionID(2), target: target, version: 1))
        #expect(third == .refused(.nodeBusy(metadataNode(4))))
        #expect(state.moveLoad() == [metadataNode(3): 2, metadataNode(4): 2])
    }

    @Test func onlyMembersThatAreUpReceive() {
        var state = formedCluster(up: 4)
        _ = state.apply(.setMemberState(metadataNode(4), .draining))
        #expect(
            state.apply(.planMove(PartitionID(0), target: [1, 2, 4].map(metadataNode), version: 1))
                == .refused(.notReceiving(metadataNode(4))))
    }

    @Test func replicasOfANodeSayHowTheyBegin() throws {
        var state = formedCluster(up: 4)
        _ = state.apply(.planMove(PartitionID(5), target: [1, 2, 4].map(metadataNode), version: 1))
        let newcomer = state.replicas(on: metadataNode(4))
        #expect(newcomer.map(\.group) == [GroupID(6)])
        #expect(newcomer.first?.isVoter == false)
        #expect(newcomer.first?.initialConfiguration == .empty)
        let first = try #require(state.replicas(on: metadataNode(1)).first)
        #expect(first.initialConfiguration.voters == state.partitions[0].voters)
        let move = try #require(state.partitions[5].move)
        _ = state.apply(.finishMove(PartitionID(5), move: move.id))
        #expect(!state.replicas(on: metadataNode(3)).contains { $0.group == GroupID(6) })
        // After a move the group's log holds its history: nobody starts from the first voters any more.
        #expect(state.replicas(on: metadataNode(1))[5].initialConfiguration == .empty)
    }

    @Test func commandsAndStateSurviveTheirBytes() throws {
        var state = formedCluster(up: 4)
        let commands: [MetadataCommand] = [
            .form(try #require(state.formation)),
            .addMember(
                MemberProfile(node: metadataNode(5), name: "e", zone: "z1", weight: 50, featureMax: 3)),
            .setMemberState(metadataNode(2), .draining),
            .assignPartitions([[metadataNode(1)], [metadataNode(2), metadataNode(3)]], epoch: Epoch(7)),
            .planMove(PartitionID(300), target: [1, 2, 4].map(metadataNode), version: 1),
            .planMove(PartitionID(0), target: [1, 2, 4].map(metadataNode), version: 1),
            .advanceMove(PartitionID(0), move: state.epoch, stage: .caughtUp),
            .finishMove(PartitionID(1), move: Epoch(4)), .abortMove(PartitionID(1), move: Epoch(4)),
            .raiseFeatureLevel(2), .expel(metadataNode(3)),
            .recover(
                LossEvent(
                    group: GroupID(2), survivor: Replica(node: metadataNode(1), id: ReplicaID(1 << 62)),
                    lastTerm: Term(3), lastIndex: LogIndex(4)), version: 1),
        ]
        #expect(
            GoldenFile("metadata-commands", of: "data format", DataFormat.current).differences(
                "command", commands.map { $0.encoded() }) == [])
        for command in commands {
            let bytes = command.encoded()
            #expect(try MetadataCommand(decoding: bytes) == command)
            for length in 0..<bytes.count {
                #expect(throws: DecodingFailure.self) {
                    _ = try MetadataCommand(decoding: Array(bytes.prefix(length)))
                }
            }
            _ = try state.apply(bytes)
        }
        #expect(try ClusterMetadata(decoding: state.encoded()) == state)
        #expect(
            GoldenFile("metadata-state", of: "data format", DataFormat.current).differences(
                "state", [state.encoded()]) == [])
        #expect(throws: DecodingFailure.self) { _ = try MetadataCommand(decoding: [1, 99]) }
    }
}
