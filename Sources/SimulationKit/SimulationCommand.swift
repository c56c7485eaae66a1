import Glibc
import Vocabulary

/// Runs many seeds on all cores and reports: what `tools/simulate` does.
package struct SimulationCommand: Sendable {
    /// How many seeds; `nil`: until the minutes are over.
    package var seeds: Int?
    /// Only this seed, twice: it must do the same.
    package var seed: UInt64?
    /// Stop after so many minutes of wall time.
    package var minutes: Double?
    /// Simulated time with faults, per seed.
    package var milliseconds: UInt64 = 30_000
    /// A planted bug is in the build: succeed when it is caught, and stop there.
    package var expectsViolation = false
    /// Lines of history that are printed of a seed that fails.
    package var historyLines = 60
    /// In the place of fresh seeds: this one and those after it.
    package var from: UInt64?
    /// Seeds to run before the fresh ones.
    package var first: [UInt64] = []
    /// Seeds at a time; `nil`: as many as there are cores. With one, each is named on stderr before it runs.
    package var threads: Int?
    /// This named course of events in the place of drawn ones; seeds are 1, 2, 3, ... unless given.
    package var scenario: NamedScenario?
    /// Nodes of every cluster; `nil`: as the seed draws.
    package var nodes: Int?

    /// - Parameter seeds: without it 100, or, where minutes are given, as many as fit.
    package init(seeds: Int?, seed: UInt64? = nil, minutes: Double? = nil) {
        self.seeds = seeds ?? (minutes == nil ? 100 : nil)
        self.seed = seed
        self.minutes = minutes
    }

    /// Prints failing seeds at once and a line of JSON at the end. Returns the exit code.
    package func run() async -> Int32 {
        var report = SimulationReport()
        var chance = SystemRandomNumberGenerator()
        let from = from ?? (scenario == nil ? nil : 1)
        let fixed = seed.map { [$0] } ?? first
        let count = seed == nil ? seeds.map { fixed.count + max(0, $0) } : 1
        var started = 0
        let threads = threads ?? Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let start = ContinuousClock.now
        await withTaskGroup(of: SimulationResult.self) { group in
            func startNext() {
                if let count, started >= count { return }
                let place = started - fixed.count
                let next =
                    place < 0
                    ? fixed[started]
                    : from.map { $0 + UInt64(place) } ?? UInt64.random(in: 1...(1 << 53), using: &chance)
                started += 1
                if threads == 1 { say("seed \(next)\n") }
                group.addTask { play(next) }
            }
            for _ in 0..<max(1, threads) { startNext() }
            while let result = await group.next() {
                report.add(result)
                if !result.violations.isEmpty { printFailure(result) }
                let isOver = minutes.map { (ContinuousClock.now - start) > .seconds($0 * 60) } ?? false
                if isOver || (expectsViolation && !report.failedSeeds.isEmpty) {
                    continue
                }
                startNext()
            }
        }
        if let seed, report.failedSeeds.isEmpty {
            let again = play(seed)
            if again.hash != report.hash { report.addDivergence(of: seed) }
        }
        print(report.json(coreSeconds: Double(clock()) / Double(CLOCKS_PER_SEC)))
        fflush(nil)
        return report.violations == 0 ? (expectsViolation ? 1 : 0) : (expectsViolation ? 0 : 1)
    }

    private func play(_ seed: UInt64, withHistory: Bool = false) -> SimulationResult {
        if let scenario { return scenario.run(seed: seed).result }
        return SimulationRun.run(
            seed: seed, milliseconds: milliseconds, nodes: nodes, withHistory: withHistory)
    }

    /// The seed does the same again, so its history is told by a second run.
    private func printFailure(_ result: SimulationResult) {
        print("seed \(result.seed) fails after \(result.milliseconds) ms: \(result.violations[0])")
        fflush(nil)
        if expectsViolation { return }
        if let scenario {
            return print("replay: tools/simulate --scenario \(scenario.name) --seed \(result.seed)")
        }
        let again = play(result.seed, withHistory: true)
        for line in again.history.suffix(historyLines) { print("  \(line)") }
        print("replay: tools/simulate --seed \(result.seed)")
        fflush(nil)
    }
}

/// To stderr at once, so that the last word stands there when the process is stopped by a check.
private func say(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}
