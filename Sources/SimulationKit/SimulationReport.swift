/// The sum of many seeds, and the line of JSON that tells it.
struct SimulationReport {
    private(set) var seeds = 0
    private(set) var violations = 0
    private(set) var failedSeeds: [UInt64] = []
    /// Of all seeds, whatever their order.
    private(set) var hash: UInt64 = 0
    private var milliseconds: UInt64 = 0
    private var messages = 0
    private var sends = 0
    private var reads = 0
    private var faults: [FaultKind: Int] = [:]

    mutating func add(_ result: SimulationResult) {
        seeds += 1
        violations += result.violations.count
        if !result.violations.isEmpty { failedSeeds.append(result.seed) }
        hash ^= result.hash
        milliseconds += result.milliseconds
        messages += result.messages
        sends += result.sends
        reads += result.reads
        for (kind, count) in result.faults { faults[kind, default: 0] += count }
    }

    /// A seed that did something else the second time.
    mutating func addDivergence(of seed: UInt64) {
        violations += 1
        failedSeeds.append(seed)
        print("seed \(seed) does not do the same twice")
    }

    /// - Parameter coreSeconds: processor time that it took.
    func json(coreSeconds: Double) -> String {
        let faults = FaultKind.allCases.map { "\"\($0.rawValue)\":\(self.faults[$0] ?? 0)" }
        let digits = String(hash, radix: 16)
        let hours = Double(milliseconds / 3_600) / 1_000
        let speed = Int(Double(milliseconds) / 1_000 / max(0.001, coreSeconds))
        return "{\"seeds\":\(seeds),\"violations\":\(violations),"
            + "\"hash\":\"\(String(repeating: "0", count: 16 - digits.count))\(digits)\","
            + "\"failed_seeds\":[\(failedSeeds.map(String.init).joined(separator: ","))],"
            + "\"simulated_hours\":\(hours),\"messages\":\(messages),\"sends\":\(sends),\"reads\":\(reads),"
            + "\"faults\":{\(faults.joined(separator: ","))},\"speed_per_core\":\(speed)}"
    }
}
