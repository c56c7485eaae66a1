import ArgumentParser
import Foundation
import MartletClient
import NIOCore

/// `martlet bench reconnect`: a node dies, and everybody comes back at once.
struct BenchReconnect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconnect",
        abstract: "All devices lose their connection at once and come back with their cursors.",
        discussion: """
            Each device has its cursor, then misses messages: it gets them live and comes back with the cursor from \
            before them. With --kill the process that listens on that endpoint is killed (SIGKILL) at this moment, \
            and the devices spread over the other endpoints; start it again afterwards. A device is back when it has \
            sync_done and everything after its cursor, in order. Probes write to each other all the time.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Devices, each of a user of its own")
    var devices: Int = 5_000

    @Option(help: "Messages that each device misses")
    var missed: Int = 2

    @Option(help: "Number of the endpoint, from 1, whose node is killed; 0 kills none")
    var kill: Int = 0

    @Option(help: "Seconds in which every device must be back")
    var within: Double = 10

    @Option(help: "Pairs of users that write to each other meanwhile")
    var probes: Int = 20

    @Option(help: "Messages per second of all probes together")
    var probeRate: Double = 100

    func validate() throws {
        guard devices > 0, missed > 0, probes > 0, probeRate > 0, within > 0, kill >= 0 else {
            throw ValidationError("devices, missed, probes, probe-rate and within must be positive")
        }
    }

    func run() async throws {
        let files = raiseFileLimit()
        guard files == 0 || UInt64(devices) + 256 < files else {
            throw BenchFailure("\(devices) devices need more than the \(files) files this process may open")
        }
        let endpoints = try options.resolvedEndpoints()
        guard kill <= endpoints.count, kill == 0 || endpoints.count > 1 else {
            throw ValidationError("there is no endpoint \(kill) beside another")
        }
        let victim = kill > 0 ? BenchProcess.listening(on: endpoints[kill - 1].port) : nil
        if kill > 0, victim == nil {
            throw BenchFailure("nothing of this host listens on \(endpoints[kill - 1])")
        }
        let survivors = endpoints.enumerated().filter { $0.offset != kill - 1 }.map(\.element)
        let plan = try makePlan(endpoints, survivors, victim)
        benchProgress(
            "reconnect: \(devices) devices over \(endpoints.count) nodes, \(probes) pairs of probes")
        let outcome = try await runBench { eventLoop, done in
            BenchReconnectRun(plan, on: eventLoop, done: done).run()
        }
        let report = makeReport(outcome, survivors: survivors.count)
        report.print(jsonOnly: options.json)
        if !report.failures.isEmpty { throw ExitCode.failure }
    }

    private func makePlan(
        _ endpoints: [Endpoint], _ survivors: [Endpoint], _ victim: BenchProcess?
    ) throws -> BenchReconnectRun.Plan {
        let tokens = try options.tokens()
        let run = options.runName()
        func target(_ user: String, _ endpoint: Endpoint) -> RawConnection.Target {
            RawConnection.Target(
                endpoint: endpoint, token: tokens.mint(user: user, isServer: true), device: "bench")
        }
        var targets = (0..<devices).map { target("\(run)-d\($0)", endpoints[$0 % endpoints.count]) }
        // Probes and writers are on nodes that live: what they feel is the cluster, not their own connection.
        let others = (0..<probes).flatMap { ["\(run)-p\($0)", "\(run)-q\($0)"] }
        targets += others.enumerated().map { target($1, survivors[$0 % survivors.count]) }
        let texts = (0..<devices).map {
            BenchSendTemplate(
                sender: $0, recipient: "\(run)-d\($0)", isGroup: false, run: run, size: options.size)
        }
        let questions = (0..<probes).map {
            BenchSendTemplate(
                sender: devices + $0, recipient: "\(run)-q\($0)", isGroup: false, run: run, size: options.size
            )
        }
        return BenchReconnectRun.Plan(
            devices: devices, missed: UInt64(missed), probes: probes, probeRate: probeRate, within: within,
            targets: targets, refuges: survivors, texts: texts, questions: questions, victim: victim)
    }

    private func makeReport(_ outcome: BenchReconnectRun.Outcome, survivors: Int) -> BenchReport {
        var report = BenchReport("reconnect")
        let back = Double(outcome.back) / max(outcome.seconds, 0.001)
        report.add("devices", .count(UInt64(devices)), row: ("devices", "\(devices)"))
        report.add("missed", .count(UInt64(missed)))
        report.add("killed", .truth(kill > 0), row: ("nodes that live", String(survivors)))
        report.add(
            "seconds_until_all_back", .figure(outcome.seconds),
            row: ("until the last device was back", "\(BenchValue.decimal(outcome.seconds)) s"))
        report.add("back_per_second", .figure(back), row: ("devices back", "\(BenchValue.decimal(back))/s"))
        report.add("back_ms", outcome.times, label: "until a device was back")
        report.add("probe_before_ms", outcome.probesBefore, label: "probes before")
        report.add("probes_meanwhile", .count(outcome.probesMeanwhile.count))
        report.add("probe_meanwhile_ms", outcome.probesMeanwhile, label: "probes meanwhile")
        report.add("retries", outcome.retries, label: "refused, and sent again")
        report.add("reconnects", outcome.reconnects, label: "reconnected")
        report.mustBeZero("not_back", UInt64(devices) - outcome.back, "devices not back in time")
        report.mustBeZero("gaps", outcome.gaps, "messages missing or out of order after the cursor")
        report.mustBeZero("probes_unanswered", outcome.probesUnanswered, "probes never answered")
        report.mustBeZero("errors", outcome.errors.values.reduce(0, +), "errors")
        for code in outcome.errors.keys.sorted() {
            report.note("  \(code)", String(outcome.errors[code] ?? 0))
        }
        return report
    }
}
