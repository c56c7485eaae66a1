import Vocabulary

/// What one seed did.
package struct SimulationResult: Sendable {
    package var seed: UInt64
    package var violations: [String]
    /// Of every event and of everything applied, in order: equal for equal seeds.
    package var hash: UInt64
    package var milliseconds: UInt64
    package var messages: Int
    package var sends: Int
    package var reads: Int
    package var faults: [FaultKind: Int]
    /// The last steps, when asked for.
    package var history: [String]
}

package enum SimulationRun {
    /// Runs one seed: `milliseconds` of virtual time with faults, then until all is well or for two minutes.
    package static func run(
        seed: UInt64, milliseconds: UInt64 = 30_000, nodes: Int? = nil, withHistory: Bool = false
    ) -> SimulationResult {
        var random = SeededGenerator(seed: seed)
        var plan = FaultPlan(&random)
        if let nodes {
            plan.hosts += nodes - plan.nodes
            plan.nodes = nodes
        }
        let simulation = Simulation(
            plan: plan, random: random, seed: seed, milliseconds: milliseconds, isTraced: withHistory)
        simulation.run()
        return simulation.result(seed: seed)
    }
}

extension Simulation {
    func result(seed: UInt64) -> SimulationResult {
        var faults = faults
        faults[.messagesLost] = network.framesLost
        faults[.messagesDuplicated] = network.framesDoubled
        faults[.messagesLate] = network.framesLate
        return SimulationResult(
            seed: seed, violations: checker.violations, hash: fingerprint, milliseconds: now / 1_000,
            messages: network.framesSent, sends: checker.model.acknowledged.count, reads: readsAnswered,
            faults: faults, history: trace.lines)
    }
}
