import Consensus
import Vocabulary

/// A node loses its power at the moment at which the burial of a replica is on its log's disk and nothing after it is
/// in its state store: it starts with metadata that still gives it the replica.
package enum BurialScenario: String, CaseIterable, Sendable {
    case crashAfterBurial = "crash-after-burial"

    /// Runs it; `happened` when a burial was struck.
    package func run(seed: UInt64) -> (result: SimulationResult, happened: Bool) {
        var plan = FaultPlan()
        plan.hosts = 4
        plan.partitions = 8
        let simulation = Simulation(
            plan: plan, random: SeededGenerator(seed: seed), seed: seed, milliseconds: 14_000, isTraced: false
        )
        let struck = Counter()
        simulation.scenario = Scenario()
        simulation.scenario?.buried = { simulation, node in
            guard simulation.areFaultsOn, struck.value < 6 else { return }
            struck.value += 1
            simulation.schedule(.crash(node: node.number), after: 0)
        }
        simulation.schedule(.settle(host: 4), after: 5_000_000)
        simulation.run()
        return (simulation.result(seed: seed), struck.value > 0)
    }
}

private final class Counter {
    var value = 0
}
