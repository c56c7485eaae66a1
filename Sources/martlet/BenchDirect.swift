import ArgumentParser
import MartletClient
import NIOCore

/// `martlet bench direct`: pairs of users write to each other across the nodes.
struct BenchDirect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "direct",
        abstract: "Direct messages: throughput and latency, acknowledged by the recipients.",
        discussion: """
            SIGINT ends the measured time early; the report follows. With --roam nodes may be stopped, killed and \
            restarted meanwhile: nothing that was sent may be lost, doubled or out of order all the same.
            """)

    @OptionGroup var options: BenchOptions

    @Option(help: "Pairs of a sender and a recipient, two connections each")
    var pairs: Int = 200

    @Option(help: "Messages per second in all; 0 is saturation")
    var rate: Double = 0

    @Option(help: "At saturation, unanswered sends per sender")
    var window: Int = 8

    @Flag(help: "When a node goes, connect to another and send again what has no answer")
    var roam = false

    @Option(help: "Client ports of all nodes to roam to, host:port,... (default: the endpoints)")
    var roamTo: String?

    @Option(help: "File for the latencies of each second: one JSON object a line")
    var timeline: String?

    func validate() throws {
        guard pairs > 0, rate >= 0, (1...64).contains(window) else {
            throw ValidationError("pairs and window (1...64) must be positive")
        }
    }

    func run() async throws {
        raiseFileLimit()
        let endpoints = try options.resolvedEndpoints()
        // Of processes that come and go no sum can be made.
        let nodes = roam ? [] : options.nodeProcesses(endpoints)
        let plan = try makePlan(endpoints, nodes)
        benchProgress("direct: \(pairs) pairs over \(endpoints.map(\.description).joined(separator: ", "))")
        let outcome = try await runBench { eventLoop, done in
            BenchDirectRun(plan, on: eventLoop, done: done).run()
        }
        if let timeline { try outcome.timeline.write(to: timeline) }
        let report = makeReport(outcome, endpoints: endpoints, nodes: nodes)
        report.print(jsonOnly: options.json)
        if !report.failures.isEmpty { throw ExitCode.failure }
    }

    /// Senders go round the endpoints; recipients are spread so that every combination of nodes occurs.
    private func makePlan(_ endpoints: [Endpoint], _ nodes: [BenchProcess]) throws -> BenchDirectRun.Plan {
        let tokens = try options.tokens()
        let run = options.runName()
        var targets: [RawConnection.Target] = []
        var templates: [BenchSendTemplate] = []
        for index in 0..<pairs {
            let (sender, recipient) = ("\(run)-s\(index)", "\(run)-r\(index)")
            let ends = [
                endpoints[index % endpoints.count], endpoints[index / endpoints.count % endpoints.count],
            ]
            for (user, endpoint) in zip([sender, recipient], ends) {
                let token = tokens.mint(user: user, isServer: true)
                targets.append(RawConnection.Target(endpoint: endpoint, token: token, device: "bench"))
            }
            templates.append(
                BenchSendTemplate(
                    sender: index, recipient: recipient, isGroup: false, run: run, size: options.size))
        }
        return BenchDirectRun.Plan(
            pairs: pairs, rate: rate, window: window, seconds: options.seconds, warmup: options.warmup,
            targets: targets, templates: templates, nodes: nodes,
            refuges: roam ? try LocalCluster.endpoints(roamTo, else: endpoints) : [],
            keepsTimeline: timeline != nil)
    }

    private func makeReport(
        _ outcome: BenchDirectRun.Outcome, endpoints: [Endpoint], nodes: [BenchProcess]
    ) -> BenchReport {
        var report = BenchReport("direct")
        let perSecond = Double(outcome.deliveredInWindow) / outcome.seconds
        let sentPerSecond = Double(outcome.sentInWindow) / outcome.seconds
        report.add("pairs", .count(UInt64(pairs)))
        report.add("nodes", .count(UInt64(endpoints.count)))
        report.add("size", .count(UInt64(options.size)))
        report.add(
            "rate", .figure(rate),
            row: (
                "load",
                rate > 0
                    ? "\(BenchValue.decimal(rate))/s, timed from the intended send time"
                    : "saturation, \(window) unanswered sends per sender"
            ))
        report.add("seconds", .figure(outcome.seconds))
        report.add("messages", .count(outcome.total), row: ("messages in all", String(outcome.total)))
        report.add(
            "sent_per_second", .figure(sentPerSecond), row: ("sent", "\(BenchValue.decimal(sentPerSecond))/s")
        )
        report.add(
            "delivered_per_second", .figure(perSecond),
            row: ("delivered", "\(BenchValue.decimal(perSecond))/s"))
        report.add("send_to_sent_ms", outcome.sent, label: "send to sent")
        report.add("send_to_deliver_ms", outcome.delivered, label: "send to deliver")
        report.add("receipts", .count(outcome.receipts), row: ("receipts pushed", String(outcome.receipts)))
        report.add("retries", outcome.retries, label: "refused, and sent again")
        if roam {
            report.add("reconnects", outcome.reconnects, label: "reconnected")
            report.add(
                "repeated", .count(outcome.repeated),
                row: ("delivered again after a cursor", String(outcome.repeated)))
        }
        report.mustBeZero("errors", outcome.errors.values.reduce(0, +), "errors")
        for code in outcome.errors.keys.sorted() {
            report.note("  \(code)", String(outcome.errors[code] ?? 0))
        }
        report.mustBeZero("duplicates", outcome.duplicates, "duplicates")
        report.mustBeZero("gaps", outcome.gaps, "gaps")
        report.mustBeZero("reordered", outcome.reordered, "out of order")
        report.mustBeZero("lost", outcome.lost, "sent and not delivered")
        report.mustBeZero("unanswered", outcome.unanswered, "never answered")
        if outcome.deliveredInWindow == 0 { report.fail("nothing was delivered") }
        if let spent = outcome.spent { report.add(spent, nodes: nodes, messages: outcome.deliveredInWindow) }
        report.note(
            "durability", "`sent` comes after a majority's fdatasync; nothing is acknowledged from memory")
        return report
    }
}

extension BenchReport {
    /// Adds CPU per message, bytes to disk and memory of the nodes during the measured time.
    mutating func add(_ spent: BenchSpent, nodes: [BenchProcess], messages: UInt64) {
        let perMessage = 1e6 / Double(max(messages, 1))
        let nodeCPU = spent.nodeSeconds.reduce(0, +)
        let details = zip(nodes, zip(spent.nodeSeconds, zip(spent.nodeWritten, spent.nodeResident)))
        if nodes.isEmpty {
            note("nodes", "not on this host, or not for long: no CPU figures")
        } else {
            add(
                "cpu_us_per_message", .figure(nodeCPU * perMessage),
                row: ("CPU of the nodes", "\(BenchValue.decimal(nodeCPU * perMessage)) us per message"))
        }
        add(
            "client_cpu_us_per_message", .figure(spent.ownSeconds * perMessage),
            row: ("CPU of this client", "\(BenchValue.decimal(spent.ownSeconds * perMessage)) us per message")
        )
        var list: [BenchValue] = []
        for (node, (cpu, (written, resident))) in details {
            list.append(
                .object([
                    ("pid", .count(UInt64(node.pid))), ("cpu_seconds", .figure(cpu)),
                    ("written_mb", .figure(Double(written) / 1e6)),
                    ("resident_mb", .figure(Double(resident) / 1e6)),
                ]))
            note(
                "node process \(node.pid)",
                "\(BenchValue.decimal(cpu)) s CPU, \(BenchValue.decimal(Double(written) / 1e6)) MB written, "
                    + "\(BenchValue.decimal(Double(resident) / 1e6)) MB resident")
        }
        add("processes", .list(list))
    }
}
