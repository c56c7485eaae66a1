import ArgumentParser

/// `martlet bench`: measures a running cluster from outside, over real sockets.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a running cluster from outside.",
        discussion: """
            Every run prints a table and, as the last line, one JSON object. It fails when anything was refused, \
            lost, duplicated or out of order.
            """,
        subcommands: [BenchDirect.self, BenchGroup.self, BenchIdle.self, BenchReconnect.self])
}
