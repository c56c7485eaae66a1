/// A course of events that has a name: told by a script, or struck into a cluster at the moment.
package enum NamedScenario: Hashable, Sendable {
    case raft(RaftScenario)
    case burial(BurialScenario)
    case session(SessionScenario)
    case chat(ChatScenario)

    package static var all: [Self] {
        RaftScenario.allCases.map(Self.raft) + BurialScenario.allCases.map(Self.burial)
            + SessionScenario.allCases.map(Self.session) + ChatScenario.allCases.map(Self.chat)
    }

    package var name: String {
        switch self {
        case .raft(let scenario): scenario.rawValue
        case .burial(let scenario): scenario.rawValue
        case .session(let scenario): scenario.rawValue
        case .chat(let scenario): scenario.rawValue
        }
    }

    package init?(named name: String) {
        guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// Runs it; `happened` is false when the story could not be told.
    package func run(seed: UInt64) -> (result: SimulationResult, happened: Bool) {
        switch self {
        case .raft(let scenario): return scenario.run(seed: seed)
        case .burial(let scenario): return scenario.run(seed: seed)
        case .session(let scenario): return scenario.run(seed: seed)
        case .chat(let scenario):
            let (result, happened) = scenario.run(seed: seed)
            return (result, happened > 0)
        }
    }
}
