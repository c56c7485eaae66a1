/// A course of events that has a name: told by a script, or struck into a cluster at the moment.
package enum NamedScenario: Hashable, Sendable {
    case raft(RaftScenario)
    case chat(ChatScenario)

    package static var all: [Self] {
        RaftScenario.allCases.map(Self.raft) + ChatScenario.allCases.map(Self.chat)
    }

    package var name: String {
        switch self {
        case .raft(let scenario): scenario.rawValue
        case .chat(let scenario): scenario.rawValue
        }
    }

    package init?(named name: String) {
        guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    func run(seed: UInt64) -> SimulationResult {
        switch self {
        case .raft(let scenario): scenario.run(seed: seed).result
        case .chat(let scenario): scenario.run(seed: seed).result
        }
    }
}
