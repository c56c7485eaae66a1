import SimulationKit
import Testing

/// Whole clusters in simulated time; `tools/simulate` runs many more.
struct SimulationTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func aClusterKeepsItsPromisesUnderFaults(seed: UInt64) {
        let result = SimulationRun.run(seed: seed, milliseconds: 10_000)
        #expect(result.violations == [])
        #expect(result.sends > 0)
    }

    @Test func aSeedAlwaysDoesTheSame() {
        let once = SimulationRun.run(seed: 42, milliseconds: 8_000)
        let again = SimulationRun.run(seed: 42, milliseconds: 8_000, withHistory: true)
        #expect(once.hash == again.hash)
        #expect(once.messages == again.messages)
        #expect(once.hash != SimulationRun.run(seed: 43, milliseconds: 8_000).hash)
    }

    @Test func aHistoryIsKeptWhenAskedFor() {
        #expect(SimulationRun.run(seed: 42, milliseconds: 3_000).history.isEmpty)
        #expect(!SimulationRun.run(seed: 42, milliseconds: 3_000, withHistory: true).history.isEmpty)
    }
}
