import ArgumentParser
import SimulationKit

/// Simulated clusters, seed by seed (`tools/simulate`).
@main
struct MartletSimulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-simulate",
        abstract: "Simulates whole clusters with faults, and checks every promise at every step.")

    @Option(help: "Fresh random seeds to run (100, or, with --minutes, as many as fit).")
    var seeds: Int?

    @Option(help: "Run this seed only, twice: it must do the same.")
    var seed: UInt64?

    @Option(help: "In the place of fresh seeds: this one and those after it.")
    var from: UInt64?

    @Option(help: "Stop after so many minutes.")
    var minutes: Double?

    @Option(help: "Clusters of so many nodes, in the place of 1 to 7.")
    var nodes: Int?

    @Option(help: "Seeds at a time, in the place of one for each core.")
    var threads: Int?

    @Option(help: "Lines of its history that a failing seed prints.")
    var history = 60

    @Option(
        help:
            "A named course of events in the place of drawn ones; without a name that is known they are listed."
    )
    var scenario: String?

    func run() async throws {
        var command = SimulationCommand(seeds: seeds, seed: seed, minutes: minutes)
        command.historyLines = history
        command.from = from
        command.nodes = nodes
        command.threads = threads
        if let scenario {
            guard let named = NamedScenario(named: scenario) else {
                throw ValidationError("scenarios: \(NamedScenario.all.map(\.name).joined(separator: " "))")
            }
            command.scenario = named
        }
        throw ExitCode(await command.run())
    }
}
