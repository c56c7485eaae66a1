import SimulationKit
import Testing

/// Courses of events that a known mistake does not survive; `tools/mutants` plants the mistakes and runs the same
/// stories.
struct ToldScenarioTests {
    private func tell(_ scenario: NamedScenario, seeds: ClosedRange<UInt64>) {
        var told = 0
        for seed in seeds {
            let (result, happened) = scenario.run(seed: seed)
            #expect(result.violations == [], "\(scenario.name), seed \(seed)")
            told += happened ? 1 : 0
        }
        #expect(told == seeds.count, "\(scenario.name) was told \(told) times")
    }

    @Test(arguments: RaftScenario.allCases)
    func whatIsCommittedStaysAndSomebodyLeads(scenario: RaftScenario) { tell(.raft(scenario), seeds: 1...20) }

    @Test(arguments: SessionScenario.allCases)
    func aCursorSaysNoMoreThanWasWritten(scenario: SessionScenario) {
        tell(.session(scenario), seeds: 1...20)
    }

    @Test(arguments: BurialScenario.allCases)
    func whoWasBuriedNeverComesBack(scenario: BurialScenario) { tell(.burial(scenario), seeds: 1...3) }
}
