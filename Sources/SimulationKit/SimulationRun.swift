import Vocabulary

/// What one seed did.
package struct SimulationResult: Sendable {
    package var seed: UInt64
    package var violations: [String]
    /// Of everything applied, in order: equal for equal seeds.
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
    /// Runs one seed: `milliseconds` of virtual time with faults, then until all is well or for a minute.
    package static func run(
        seed: UInt64, milliseconds: UInt64 = 30_000, withHistory: Bool = false
    ) -> SimulationResult {
        let simulation = Simulation(seed: seed, milliseconds: milliseconds, isTraced: withHistory)
        simulation.run()
        var faults = simulation.faults
        faults[.messagesLost] = simulation.network.framesLost
        faults[.messagesDuplicated] = simulation.network.framesDoubled
        faults[.moves] = simulation.mover.moves
        return SimulationResult(
            seed: seed, violations: simulation.checker.violations, hash: simulation.fingerprint,
            milliseconds: simulation.now / 1_000, messages: simulation.network.framesSent,
            sends: simulation.checker.model.acknowledged.count, reads: simulation.readsAnswered,
            faults: faults, history: simulation.trace.lines)
    }
}
