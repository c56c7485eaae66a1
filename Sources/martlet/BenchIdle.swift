import ArgumentParser
import MartletClient
import NIOCore

/// `martlet bench idle`: what a connection costs that does nothing.
struct BenchIdle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Idle connections on one node: memory each, and how fast they come.",
        discussion: """
            Run it twice with the same --prefix to leave out what making the users costs. Local addresses from \
            127.0.0.2 on are used, so that the ports of one address do not run out.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Connections, each of a user of its own")
    var connections: Int = 10_000

    @Option(help: "Connections that are opened at the same time")
    var ramp: Int = 128

    @Option(help: "Process id of the node (default: who listens on the first endpoint's port)")
    var pid: Int?

    @Flag(help: "Then close all and open all again: a reconnect storm, catch-up included")
    var storm = false

    func validate() throws {
        guard connections > 0, ramp > 0 else {
            throw ValidationError("connections and ramp must be positive")
        }
    }

    func run() async throws {
        let files = raiseFileLimit()
        guard files == 0 || UInt64(connections) + 64 < files else {
            throw BenchFailure(
                "\(connections) connections need more than the \(files) files this process may open")
        }
        let endpoint = try options.resolvedEndpoints()[0]
        let node = pid.map { BenchProcess(pid: $0) } ?? BenchProcess.listening(on: endpoint.port)
        let plan = BenchIdleRun.Plan(
            targets: try targets(endpoint), inFlight: ramp, hold: options.seconds, storms: storm, node: node)
        benchProgress("idle: \(connections) connections to \(endpoint)")
        let outcome = try await runBench { eventLoop, done in
            BenchIdleRun(plan, on: eventLoop, done: done).run()
        }
        let report = makeReport(outcome, node: node)
        report.print(jsonOnly: options.json)
        if !report.failures.isEmpty { throw ExitCode.failure }
    }

    private func targets(_ endpoint: Endpoint) throws -> [RawConnection.Target] {
        let tokens = try options.tokens()
        let run = options.runName()
        let isLocal = endpoint.host == "127.0.0.1"
        return try (0..<connections).map { index in
            // 4,000 ports of each local address: far from the 28,000 that one has.
            let source = isLocal ? try SocketAddress(ipAddress: "127.0.0.\(2 + index / 4_000)", port: 0) : nil
            let token = tokens.mint(user: "\(run)-i\(index)", isServer: true)
            return RawConnection.Target(endpoint: endpoint, token: token, device: "bench", source: source)
        }
    }

    private func makeReport(_ outcome: BenchIdleRun.Outcome, node: BenchProcess?) -> BenchReport {
        var report = BenchReport("idle")
        let count = Double(max(outcome.open, 1))
        func perConnection(_ resident: UInt64) -> Double {
            (Double(resident) - Double(outcome.residentBefore)) / count
        }
        let openRate = count / max(outcome.openSeconds, 0.001)
        report.add("connections", .count(outcome.open), row: ("connections", String(outcome.open)))
        report.add(
            "opened_per_second", .figure(openRate),
            row: ("opened, token and catch-up included", "\(BenchValue.decimal(openRate))/s"))
        if let seconds = outcome.stormSeconds {
            report.add(
                "storm_per_second", .figure(count / seconds),
                row: ("opened again in a storm", "\(BenchValue.decimal(count / seconds))/s"))
        }
        if node == nil {
            report.note("node", "not on this host: no memory figures (give --pid)")
        } else {
            addMemory(outcome, to: &report, perConnection)
        }
        report.add("seconds", .figure(options.seconds))
        report.mustBeZero("lost", outcome.lostWhileHeld, "connections lost while held")
        report.mustBeZero("errors", outcome.errors.values.reduce(0, +), "errors")
        for code in outcome.errors.keys.sorted() {
            report.note("  \(code)", String(outcome.errors[code] ?? 0))
        }
        return report
    }

    private func addMemory(
        _ outcome: BenchIdleRun.Outcome, to report: inout BenchReport, _ perConnection: (UInt64) -> Double
    ) {
        let (open, held) = (perConnection(outcome.residentOpen), perConnection(outcome.residentHeld))
        report.add(
            "resident_before_mb", .figure(Double(outcome.residentBefore) / 1e6),
            row: (
                "memory of the node before", "\(BenchValue.decimal(Double(outcome.residentBefore) / 1e6)) MB"
            ))
        report.add(
            "bytes_per_connection_open", .figure(open),
            row: ("per connection, just open", "\(BenchValue.decimal(open)) bytes"))
        report.add(
            "bytes_per_connection", .figure(held),
            row: ("per connection, held for \(Int(options.seconds)) s", "\(BenchValue.decimal(held)) bytes"))
        let core = outcome.cpuHeld / options.seconds * 100
        report.add(
            "cpu_percent_held", .figure(core),
            row: ("CPU of the node while held", "\(BenchValue.decimal(core)) % of a core"))
    }
}
