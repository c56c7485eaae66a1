import Consensus
import Testing
import Vocabulary
import Wire

@testable import SimulationKit

/// A fourth node joins, replicas move to it, and somebody dies at the exact moment.
struct MoveScenarioTests {
    enum Victim: CaseIterable {
        /// The leader of group 0, which coordinates.
        case coordinator
        /// The leader of the group that moves.
        case leader
        /// The node that the replica goes to.
        case newcomer
    }

    private static func simulation(seed: UInt64) -> Simulation {
        var plan = FaultPlan()
        plan.hosts = 4
        return Simulation(
            plan: plan, random: SeededGenerator(seed: seed), seed: seed, milliseconds: 14_000, isTraced: false
        )
    }

    private static func node(
        _ victim: Victim, of move: (partition: PartitionID, assignment: PartitionAssignment),
        in simulation: Simulation
    ) -> SimulatedNode? {
        switch victim {
        case .coordinator: simulation.leaderOfMetadata
        case .leader:
            simulation.nodes.first { $0.isRunning && $0.raft.isLeader(of: GroupID(move.partition)) }
        case .newcomer: move.assignment.incoming.first.map { simulation.node($0.node) }
        }
    }

    @Test(arguments: [MoveStage.planned, .learner, .joint], Victim.allCases)
    func whoeverDiesAtWhateverStageTheMoveEndsWell(stage: MoveStage, victim: Victim) {
        for seed in 1...3 as ClosedRange<UInt64> {
            let simulation = Self.simulation(seed: seed)
            var killed = 0
            simulation.scenario = Scenario { simulation, node in
                guard killed < 2, node.number == simulation.leaderOfMetadata?.number else { return }
                for (place, assignment) in node.metadata.partitions.enumerated() {
                    guard let move = assignment.move, move.stage == stage, !assignment.incoming.isEmpty,
                        let target = Self.node(
                            victim, of: (PartitionID(UInt32(place)), assignment), in: simulation)
                    else { continue }
                    killed += 1
                    simulation.schedule(.crash(node: target.number), after: 0)
                    return
                }
            }
            simulation.schedule(.settle(host: 4), after: 5_000_000)
            simulation.run()
            #expect(simulation.checker.violations == [], "seed \(seed)")
            #expect(killed > 0, "seed \(seed): no move came to the stage")
            #expect(simulation.checker.metadata.replicaCounts()[SimulatedNode.id(of: 4)] ?? 0 > 0)
        }
    }

    @Test func aMoveIsThroughInHalfASecond() {
        let simulation = Self.simulation(seed: 7)
        var began: [PartitionID: UInt64] = [:]
        var lengths: [UInt64] = []
        simulation.scenario = Scenario { simulation, node in
            guard node.number == simulation.leaderOfMetadata?.number else { return }
            for (place, assignment) in node.metadata.partitions.enumerated() {
                let partition = PartitionID(UInt32(place))
                if assignment.move != nil {
                    began[partition] = began[partition] ?? simulation.now
                } else if let start = began.removeValue(forKey: partition) {
                    lengths.append(simulation.now - start)
                }
            }
        }
        simulation.schedule(.settle(host: 4), after: 5_000_000)
        simulation.run()
        #expect(simulation.checker.violations == [])
        #expect(!lengths.isEmpty)
        #expect(lengths.sorted()[lengths.count / 2] < 500_000, "\(lengths)")
    }
}
