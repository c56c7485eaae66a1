import Testing
import Vocabulary
import Wire

@testable import Consensus

private let a = Replica(node: metadataNode(1), id: ReplicaID(11))
private let b = Replica(node: metadataNode(2), id: ReplicaID(12))
private let c = Replica(node: metadataNode(3), id: ReplicaID(13))
private let group = GroupID(PartitionID(0))

private func log(
    _ replica: Replica, term: UInt64, index: UInt64, voters: [Replica] = [a, b, c], outgoing: [Replica] = []
) -> SurvivingLog {
    SurvivingLog(
        node: replica.node, group: group, replica: replica.id, lastTerm: Term(term),
        lastIndex: LogIndex(index), configuration: Configuration(voters: voters, outgoing: outgoing))
}

@Suite struct RecoveryTests {
    @Test func aGroupWithAQuorumIsLeftAlone() {
        let plan = RecoveryPlanner.plan(
            logs: [log(a, term: 1, index: 5), log(b, term: 1, index: 4)], groups: [group], salt: 1)
        #expect(plan == RecoveryPlan(healthy: [group]))
    }

    @Test func theHighestTermWinsThenTheLongestLog() throws {
        let five = [a, b, c] + [14, 15].map { Replica(node: metadataNode($0), id: ReplicaID($0)) }
        let later = RecoveryPlanner.plan(
            logs: [log(a, term: 3, index: 5, voters: five), log(b, term: 2, index: 9, voters: five)],
            groups: [group], salt: 1)
        #expect(try #require(later.steps.first).source.node == a.node)
        let longer = RecoveryPlanner.plan(
            logs: [log(a, term: 2, index: 5, voters: five), log(b, term: 2, index: 9, voters: five)],
            groups: [group], salt: 1)
        let step = try #require(longer.steps.first)
        #expect(step.source.node == b.node)
        #expect(step.missing == five.dropFirst(2).map(\.node).sorted())
        #expect(step.newReplica.raw > RecoveryPlanner.firstReplica)
    }

    @Test func anEmptyLogIsNeverChosen() {
        let plan = RecoveryPlanner.plan(logs: [log(a, term: 0, index: 0)], groups: [group], salt: 1)
        #expect(plan == RecoveryPlan(hopeless: [group]))
    }

    @Test func aReplicaOfAnotherIncarnationIsNoQuorum() {
        // Node 2 holds a replica that the configuration does not know (rule M3).
        let stranger = Replica(node: b.node, id: ReplicaID(99))
        let plan = RecoveryPlanner.plan(
            logs: [log(a, term: 1, index: 5), log(stranger, term: 1, index: 4)], groups: [group], salt: 1)
        #expect(plan.steps.map(\.source.node) == [a.node])
    }

    @Test func aJointConfigurationNeedsBothHalves() {
        let old = [14, 15, 16].map { Replica(node: metadataNode($0), id: ReplicaID($0)) }
        let logs = [log(a, term: 1, index: 5, outgoing: old), log(b, term: 1, index: 5, outgoing: old)]
        #expect(RecoveryPlanner.plan(logs: logs, groups: [group], salt: 1).steps.count == 1)
    }

    @Test func theRecoveredLogEndsWithAGroupOfOneInAFreshTerm() {
        let point = SnapshotPoint(
            index: LogIndex(3), term: Term(1), configuration: Configuration(voters: [a, b]))
        let known = RecoveredReplica(
            group: group, replica: a.id, hardState: HardState(term: Term(7), vote: b.id), generation: 2,
            point: point, entries: [LogEntry(index: LogIndex(4), term: Term(5), payload: .command([1]))])
        let new = Replica(node: a.node, id: ReplicaID(RecoveryPlanner.firstReplica | 5))
        let log = known.recovered(as: new, commands: [[9]])
        #expect(log.replica == new.id && log.generation == 2 && log.point == point)
        #expect(log.hardState == HardState(term: Term(8)))
        #expect(
            log.entries.dropFirst() == [
                LogEntry(
                    index: LogIndex(5), term: Term(8), payload: .configuration(Configuration(voters: [new]))),
                LogEntry(index: LogIndex(6), term: Term(8), payload: .command([9])),
            ])
        #expect(log.configurationInForce.voters == [new])
    }

    @Test func theClusterTakesTheSurvivorAndKeepsTheLostOut() throws {
        var state = formedCluster(up: 3)
        _ = state.apply(.planMove(PartitionID(0), target: [1, 2].map(metadataNode), version: 1))
        let survivor = Replica(node: metadataNode(1), id: ReplicaID(RecoveryPlanner.firstReplica | 1))
        let event = LossEvent(group: group, survivor: survivor, lastTerm: Term(2), lastIndex: LogIndex(9))
        #expect(!state.knows(survivor.id, of: group))
        #expect(state.apply(.recover(event, version: 7)) == .refused(.stale))
        guard case .applied(let epoch) = state.apply(.recover(event, version: 1)) else {
            Issue.record("not applied")
            return
        }
        #expect(state.partitions[0] == PartitionAssignment(voters: [survivor], version: 2))
        #expect(state.losses.map(\.epoch) == [epoch])
        #expect(state.knows(survivor.id, of: group))
        #expect(state.apply(.recover(event, version: 1)) == .unchanged)
        // It held replicas, and is left all the same.
        guard case .applied = state.apply(.expel(metadataNode(2))) else {
            Issue.record("not applied")
            return
        }
        #expect(state.members[metadataNode(2)]?.state == .left)
        #expect(try ClusterMetadata(decoding: state.encoded()) == state)
    }

    @Test func groupZeroGoesOnFromItsSurvivor() {
        var state = formedCluster(up: 3)
        let survivor = Replica(node: metadataNode(2), id: ReplicaID(RecoveryPlanner.firstReplica | 3))
        let event = LossEvent(group: .metadata, survivor: survivor, lastTerm: Term(2), lastIndex: LogIndex(9))
        _ = state.apply(.recover(event, version: 0))
        for lost in [1, 3] as [UInt64] { _ = state.apply(.expel(metadataNode(lost))) }
        let wanted = state.desiredMetadataConfiguration(current: Configuration(voters: [survivor]))
        #expect(wanted == Configuration(voters: [survivor]))
    }

    @Test func aDrainNeedsSomewhereToGo() {
        let state = formedCluster(up: 3)
        let all = Set([1, 2, 3].map(metadataNode))
        #expect(state.refusalToDrain(metadataNode(1), alive: all) == nil)
        #expect(state.refusalToDrain(metadataNode(1), alive: [metadataNode(1)]) != nil)
        #expect(formedCluster(up: 1).refusalToDrain(metadataNode(1), alive: [metadataNode(1)]) == nil)
    }
}
