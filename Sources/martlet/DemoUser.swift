import MartletClient
import NIOCore

/// One person of the story: a client, and everything that it has heard, to be waited for.
actor DemoUser {
    nonisolated let name: String
    nonisolated let client: MartletClient
    private var heard: [Event] = []
    private var waiting:
        [(matches: @Sendable (Event) -> Bool, found: CheckedContinuation<Event, any Error>)] = []

    init(name: String, client: MartletClient) {
        self.name = name
        self.client = client
    }

    static func connect(name: String, to endpoints: [Endpoint], token: String) async throws -> DemoUser {
        var options = MartletClient.Options(endpoints: endpoints, device: "demo") { token }
        options.backoffLongest = .milliseconds(500)
        let settled = options
        let client = try await within(seconds: 15, "\(name) connects") {
            try await MartletClient.connect(settled)
        }
        return DemoUser(name: name, client: client)
    }

    /// Takes events until the client closes.
    func listen() async {
        for await event in client.events {
            heard.append(event)
            // A story has a few dozen events; the bound is for a cluster that has gone mad.
            if heard.count > 10_000 { heard.removeFirst(5_000) }
            if let index = waiting.firstIndex(where: { $0.matches(event) }) {
                waiting.remove(at: index).found.resume(returning: event)
            }
        }
        for waiter in waiting { waiter.found.resume(throwing: BenchFailure("\(name)'s client was closed")) }
        waiting = []
    }

    /// The first event that matches, from the beginning or when it comes.
    func wait(
        _ what: String, seconds: Int64 = 10, _ matches: @escaping @Sendable (Event) -> Bool
    ) async throws -> Event {
        if let event = heard.first(where: matches) { return event }
        return try await within(seconds: seconds, "\(name) waits for \(what)") {
            try await self.next(matches)
        }
    }

    private func next(_ matches: @escaping @Sendable (Event) -> Bool) async throws -> Event {
        if let event = heard.first(where: matches) { return event }
        return try await withCheckedThrowingContinuation { waiting.append((matches, $0)) }
    }

    /// The message with this text.
    func message(_ text: String) async throws -> Message {
        let event = try await wait("the message '\(text)'") { event in
            if case .message(let message) = event { message.content == text } else { false }
        }
        guard case .message(let message) = event else { throw BenchFailure("no message") }
        return message
    }

    /// A receipt of this kind, by `user`, that covers `seq`.
    func receipt(_ status: Receipt.Status, by user: String, seq: UInt64) async throws {
        _ = try await wait("'\(status.rawValue)' of seq \(seq) by \(user)") { event in
            guard case .receipt(let receipt) = event else { return false }
            return receipt.status == status && receipt.userID == user && receipt.seq >= seq
        }
    }
}

/// Fails when `work` takes longer; what still runs is left behind, for the process ends then.
func within<Result: Sendable>(
    seconds: Int64, _ what: String, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let (results, sink) = AsyncThrowingStream.makeStream(of: Result.self)
    let worker = Task {
        do {
            sink.yield(try await work())
            sink.finish()
        } catch {
            sink.finish(throwing: error)
        }
    }
    let timer = Task {
        try await Task.sleep(for: .seconds(seconds))
        worker.cancel()
        sink.finish(throwing: BenchFailure("\(what): not within \(seconds) s"))
    }
    defer { timer.cancel() }
    for try await result in results { return result }
    throw BenchFailure("\(what): cancelled")
}
