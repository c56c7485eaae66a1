import ArgumentParser
import MartletClient
import NIOCore
import NIOHTTP1

/// `martlet bench group`: one busy group, of which some members are connected.
struct BenchGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "One group: deliveries per second, and when the last live member has it.")

    @OptionGroup var options: BenchOptions

    @Option(help: "Members, the sender among them")
    var members: Int = 1_024

    @Option(help: "Members that are connected, without the sender (default: all)")
    var live: Int?

    @Option(help: "Messages per second; 0 is saturation")
    var rate: Double = 20

    @Option(help: "At saturation, messages that not every live member has yet")
    var window: Int = 16

    func validate() throws {
        guard members > 1, rate >= 0, (1...64).contains(window), (1..<members).contains(live ?? 1) else {
            throw ValidationError("needs at least 2 members, and 1 to members - 1 of them live")
        }
    }

    func run() async throws {
        raiseFileLimit()
        let endpoints = try options.resolvedEndpoints()
        let nodes = options.nodeProcesses(endpoints)
        let tokens = try options.tokens()
        let run = options.runName()
        let users = (0..<members).map { "\(run)-m\($0)" }
        benchProgress("group: making \(members) users and their group")
        try await makeUsers(users, endpoints: endpoints, tokens: tokens)
        let group = try await makeGroup(run, users, endpoint: endpoints[0], tokens: tokens)
        let connected = users.prefix(1 + (live ?? members - 1))
        let plan = BenchGroupRun.Plan(
            groupID: group.id, firstSeq: group.seq, rate: rate, window: window, seconds: options.seconds,
            warmup: options.warmup,
            targets: connected.enumerated().map { index, user in
                RawConnection.Target(
                    endpoint: endpoints[index % endpoints.count],
                    token: tokens.mint(user: user, isServer: true),
                    device: "bench")
            },
            template: BenchSendTemplate(
                sender: 0, recipient: group.id, isGroup: true, run: run, size: options.size),
            nodes: nodes)
        let outcome = try await runBench { eventLoop, done in
            BenchGroupRun(plan, on: eventLoop, done: done).run()
        }
        let report = makeReport(outcome, live: connected.count - 1, nodes: nodes)
        report.print(jsonOnly: options.json)
        if !report.failures.isEmpty { throw ExitCode.failure }
    }

    /// Users exist from a backend's `PUT`; sixteen requests at a time.
    private func makeUsers(_ users: [String], endpoints: [Endpoint], tokens: BenchToken) async throws {
        let token = tokens.mint(user: users[0], isServer: true)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for lane in 0..<16 {
                tasks.addTask {
                    let rest = try await RESTConnection.connect(to: endpoints[lane % endpoints.count])
                    defer { rest.close() }
                    for index in stride(from: lane, to: users.count, by: 16) {
                        let answer = try await rest.call(
                            .PUT, "/v1/users/\(users[index])", token: token, json: "{}")
                        guard (200..<300).contains(answer.status) else {
                            throw BenchFailure(
                                "PUT /v1/users/\(users[index]): \(answer.status) \(answer.text)")
                        }
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    private func makeGroup(
        _ run: String, _ users: [String], endpoint: Endpoint, tokens: BenchToken
    ) async throws -> (id: String, seq: UInt64) {
        let rest = try await RESTConnection.connect(to: endpoint)
        defer { rest.close() }
        let ids = users.dropFirst().map { "\"\($0)\"" }.joined(separator: ",")
        let answer = try await rest.call(
            .POST, "/v1/groups", token: tokens.mint(user: users[0], isServer: true),
            json: #"{"name":"\#(run)","member_ids":[\#(ids)]}"#)
        let fields = answer.body.withUnsafeReadableBytes { bytes -> (String?, UInt64) in
            var found: (String?, UInt64) = (nil, 0)
            guard var scanner = FrameScanner(bytes) else { return found }
            while let (key, value) = scanner.next() {
                if scanner.equals(key, "conversation_id") { found.0 = scanner.text(value) }
                if scanner.equals(key, "seq") { found.1 = scanner.integer(value).map { UInt64($0) } ?? 0 }
            }
            return found
        }
        let added =
            answer.text.split(separator: #""result":"added""#, omittingEmptySubsequences: false).count - 1
        guard answer.status == 201, let id = fields.0, added >= users.count - 1 else {
            throw BenchFailure(
                "POST /v1/groups: \(answer.status), \(added) added: \(answer.text.prefix(300))")
        }
        return (id, fields.1)
    }

    private func makeReport(_ outcome: BenchGroupRun.Outcome, live: Int, nodes: [BenchProcess]) -> BenchReport
    {
        var report = BenchReport("group")
        let perSecond = Double(outcome.deliveredInWindow) / options.seconds
        let finished = Double(outcome.finishedInWindow) / options.seconds
        report.add("members", .count(UInt64(members)), row: ("members", "\(members), \(live) of them live"))
        report.add("live", .count(UInt64(live)))
        report.add("size", .count(UInt64(options.size)))
        report.add(
            "rate", .figure(rate),
            row: (
                "load",
                rate > 0
                    ? "\(BenchValue.decimal(rate)) messages/s, timed from the intended send time"
                    : "saturation, \(window) unfinished messages"
            ))
        report.add("seconds", .figure(options.seconds))
        report.add("messages", .count(outcome.messages), row: ("messages in all", String(outcome.messages)))
        report.add(
            "messages_per_second", .figure(finished),
            row: ("messages that all live members have", "\(BenchValue.decimal(finished))/s"))
        report.add(
            "deliveries_per_second", .figure(perSecond),
            row: ("deliveries", "\(BenchValue.decimal(perSecond))/s"))
        report.add("send_to_sent_ms", outcome.sent, label: "send to sent")
        report.add("send_to_deliver_ms", outcome.delivered, label: "send to deliver, each member")
        report.add("send_to_last_ms", outcome.last, label: "send to last live member")
        report.add("retries", .count(outcome.retries), row: ("retries", String(outcome.retries)))
        report.mustBeZero("errors", outcome.errors.values.reduce(0, +), "errors")
        for code in outcome.errors.keys.sorted() {
            report.note("  \(code)", String(outcome.errors[code] ?? 0))
        }
        report.mustBeZero("duplicates", outcome.duplicates, "duplicates")
        report.mustBeZero("gaps", outcome.gaps, "gaps")
        report.mustBeZero("reordered", outcome.reordered, "out of order")
        report.mustBeZero("lost", outcome.undelivered, "deliveries missing")
        report.mustBeZero("unanswered", outcome.unanswered, "never answered")
        if outcome.deliveredInWindow == 0 { report.fail("nothing was delivered") }
        if let spent = outcome.spent { report.add(spent, nodes: nodes, messages: outcome.deliveredInWindow) }
        report.note(
            "durability", "`sent` comes after a majority's fdatasync; nothing is acknowledged from memory")
        return report
    }
}
