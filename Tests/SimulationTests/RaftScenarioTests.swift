import SimulationKit
import Testing

/// Courses of events that a known mistake in the consensus does not survive; `tools/mutants` plants the mistakes and
/// runs the same stories.
struct RaftScenarioTests {
    @Test(arguments: RaftScenario.allCases)
    func whatCommittedStaysAndSomebodyLeads(scenario: RaftScenario) {
        var told = 0
        for seed in 1...20 as ClosedRange<UInt64> {
            let (result, happened) = scenario.run(seed: seed)
            #expect(result.violations == [], "\(scenario.rawValue), seed \(seed)")
            told += happened ? 1 : 0
        }
        #expect(told == 20, "\(scenario.rawValue) was told \(told) times")
    }
}
