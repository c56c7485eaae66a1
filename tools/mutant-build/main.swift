import Glibc
import SimulationKit
import Vocabulary

// The simulation with a bug in it: simulate --list | [--mutant NAME] [--scenario NAME] [--seeds N] [--seed S]
// [--first S] [--from S] [--threads N] [--expect-violation]. This build has no libraries, so its few options are read here.

func option(_ name: String) -> String? {
    let all = CommandLine.arguments
    guard let place = all.firstIndex(of: "--\(name)"), place + 1 < all.count else { return nil }
    return all[place + 1]
}

if CommandLine.arguments.contains("--list") {
    for mutant in Mutant.allCases { print(mutant.rawValue) }
    exit(0)
}
if let name = option("mutant") {
    guard let mutant = Mutant(rawValue: name) else {
        print("no planted bug is called \(name); --list names them")
        exit(2)
    }
    Mutant.active = mutant
}
var command = SimulationCommand(
    seeds: option("seeds").flatMap(Int.init) ?? 100, seed: option("seed").flatMap(UInt64.init),
    minutes: option("minutes").flatMap(Double.init))
if let name = option("scenario") {
    guard let scenario = NamedScenario(named: name) else {
        print("no scenario is called \(name)")
        exit(2)
    }
    command.scenario = scenario
}
command.first = option("first").flatMap(UInt64.init).map { [$0] } ?? []
command.from = option("from").flatMap(UInt64.init)
command.historyLines = option("history").flatMap(Int.init) ?? 60
command.threads = option("threads").flatMap(Int.init)
command.expectsViolation = CommandLine.arguments.contains("--expect-violation")
exit(await command.run())
