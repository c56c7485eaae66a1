import Testing
import Vocabulary

@testable import Placement

/// Members with scattered ids: node n of `members(count)` is the same node whatever the count.
func members(_ count: Int, zones: Int = 0, weight: UInt32 = 100) -> [PlacementMember] {
    var generator = SeededGenerator(seed: 7)
    return (0..<count).map { index in
        let node = NodeID(high: generator.next(), low: generator.next())
        return PlacementMember(node: node, zone: zones > 0 ? "z\(index % zones)" : nil, weight: weight)
    }
}

func loads(_ sets: [[NodeID]]) -> [NodeID: Int] {
    sets.reduce(into: [:]) { loads, set in for node in set { loads[node, default: 0] += 1 } }
}

@Suite struct PlacementTests {
    @Test(arguments: [1, 2, 3, 4, 5, 7, 12, 32], [64, 256])
    func targetsAreDistinctAndBounded(count: Int, partitions: Int) {
        let sets = Placement.targetReplicaSets(
            members: members(count), partitionCount: partitions, replicationFactor: 3)
        #expect(sets.count == partitions)
        #expect(sets.allSatisfy { $0.count == min(3, count) && Set($0).count == $0.count })
        let loads = loads(sets)
        let total = partitions * min(3, count)
        #expect(loads.values.allSatisfy { $0 <= (total * 105 + count * 100 - 1) / (count * 100) })
        #expect(loads.values.allSatisfy { $0 * count * 100 >= total * 90 })
        #expect(loads.count == count)
    }

    @Test func theOrderOfMembersDoesNotMatter() {
        let here = members(7, zones: 3)
        let a = Placement.targetReplicaSets(members: here, partitionCount: 64, replicationFactor: 3)
        let b = Placement.targetReplicaSets(
            members: here.reversed(), partitionCount: 64, replicationFactor: 3)
        #expect(a == b)
    }

    @Test(arguments: [64, 256])
    func aFourthNodeMovesAQuarterAndNoMore(partitions: Int) {
        let before = Placement.targetReplicaSets(
            members: members(3), partitionCount: partitions, replicationFactor: 3)
        let moves = Placement.planMoves(current: before, members: members(4), replicationFactor: 3)
        let moved = moves.reduce(0) { $0 + $1.added.count }
        #expect(moved * 4 <= partitions * 3)
        #expect(moved * 100 >= partitions * 3 * 22)
        // Only toward the new node, one replica of a partition at a time.
        let newcomer = members(4)[3].node
        #expect(moves.allSatisfy { $0.added == [newcomer] && $0.removed.count == 1 })
    }

    @Test func theTargetOfATargetIsItself() {
        for count in 1...9 {
            let aim = Placement.target(
                current: Placement.targetReplicaSets(
                    members: members(3), partitionCount: 64, replicationFactor: 3),
                members: members(count), replicationFactor: 3)
            #expect(Placement.planMoves(current: aim, members: members(count), replicationFactor: 3).isEmpty)
        }
    }

    @Test func aLostNodeMovesOnlyWhatItHeld() throws {
        let five = members(5)
        let before = Placement.targetReplicaSets(members: five, partitionCount: 256, replicationFactor: 3)
        let lost = try #require(five.first).node
        let moves = Placement.planMoves(
            current: before, members: Array(five.dropFirst()), replicationFactor: 3)
        let held = before.filter { $0.contains(lost) }.count
        #expect(moves.allSatisfy { !$0.to.contains(lost) })
        #expect(moves.reduce(0) { $0 + $1.added.count } <= held * 11 / 10)
    }

    @Test func aDrainingNodeKeepsWhatItHasAndGetsNothing() {
        var four = members(4)
        let before = Placement.targetReplicaSets(
            members: Array(four.prefix(3)), partitionCount: 64, replicationFactor: 3)
        four[3].isReceiving = false
        #expect(Placement.planMoves(current: before, members: four, replicationFactor: 3).isEmpty)
    }

    @Test func oneNodeGrowsToThreeReplicas() {
        let before = Placement.targetReplicaSets(
            members: members(1), partitionCount: 64, replicationFactor: 3)
        let moves = Placement.planMoves(current: before, members: members(3), replicationFactor: 3)
        #expect(moves.count == 64)
        #expect(moves.allSatisfy { $0.removed.isEmpty && $0.added.count == 2 })
    }

    @Test(arguments: [6, 9, 12])
    func zonesAreSpread(count: Int) {
        let here = members(count, zones: 3)
        let zoneOf = Dictionary(uniqueKeysWithValues: here.map { ($0.node, $0.zone) })
        let sets = Placement.targetReplicaSets(members: here, partitionCount: 256, replicationFactor: 3)
        #expect(sets.allSatisfy { set in Set(set.compactMap { zoneOf[$0] }).count == 3 })
    }

    @Test func aHeavyNodeHoldsItsShare() {
        var five = members(5)
        five[0].weight = 200
        let sets = Placement.targetReplicaSets(members: five, partitionCount: 256, replicationFactor: 3)
        let loads = loads(sets)
        #expect((248...270).contains(loads[five[0].node] ?? 0))
        #expect(sets.allSatisfy { Set($0).count == 3 })
    }

    @Test func leadersAreEvenAndStay() {
        for count in [3, 4, 5, 7] {
            let nodes = Set(members(count).map(\.node))
            let sets = Placement.targetReplicaSets(
                members: members(count), partitionCount: 64, replicationFactor: 3)
            let leaders = LeaderPlacement.preferred(
                replicas: sets, current: Array(repeating: nil, count: 64), eligible: nodes)
            let counts = loads(leaders.map { [$0].compactMap { $0 } })
            #expect((counts.values.max() ?? 0) - (counts.values.min() ?? 0) <= 1)
            #expect(zip(sets, leaders).allSatisfy { set, leader in leader.map(set.contains) ?? false })
            #expect(
                LeaderPlacement.preferred(replicas: sets, current: leaders, eligible: nodes) == leaders)
            #expect(!LeaderPlacement.isUneven(leaders: leaders, eligible: nodes))
        }
    }

    @Test func leadersLeaveANodeThatMayNotLead() throws {
        let nodes = members(4).map(\.node)
        let sets = Placement.targetReplicaSets(
            members: members(4), partitionCount: 64, replicationFactor: 3)
        let all = LeaderPlacement.preferred(
            replicas: sets, current: Array(repeating: nil, count: 64), eligible: Set(nodes))
        let rest = LeaderPlacement.preferred(
            replicas: sets, current: all, eligible: Set(nodes.dropFirst()))
        #expect(rest.allSatisfy { $0 != nil && $0 != nodes[0] })
        let skewed = sets.map { $0.first }
        #expect(LeaderPlacement.isUneven(leaders: skewed, eligible: Set(nodes)))
    }
}
