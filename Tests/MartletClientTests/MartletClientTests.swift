import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import MartletClient

/// The client against a server that fails in the ways that matter: the promise is that the caller does not notice.
@Suite(.timeLimit(.minutes(1))) struct MartletClientTests {
    private static let welcome =
        #"{"type":"welcome","user_id":"alice","device_id":"d","node_id":"n","session_id":"s","#
        + #""heartbeat_interval_ms":10000,"server_time":1}"#

    private static func sent(ref: String, seq: Int, duplicate: Bool = false) -> String {
        #"{"type":"sent","ref":"\#(ref)","client_message_id":"once","message_id":"m\#(seq)","#
            + #""conversation_id":"c","seq":\#(seq),"timestamp":1\#(duplicate ? #","duplicate":true"# : "")}"#
    }

    private static func message(seq: Int) -> String {
        #"{"type":"message","conversation_id":"c","message_id":"m\#(seq)","seq":\#(seq),"sender_id":"bob","#
            + #""recipient_id":"alice","recipient_type":"user","message_type":"text","content":"t\#(seq)","timestamp":1}"#
    }

    private static func ref(of frame: String) -> String {
        frame.split(separator: #""ref":""#, maxSplits: 1).last.map { String($0.prefix { $0 != "\"" }) } ?? ""
    }

    private func connect(_ servers: [ScriptedServer], cursor: String? = nil) async throws -> MartletClient {
        var options = MartletClient.Options(endpoints: servers.map(\.endpoint), device: "d", cursor: cursor) {
            "token"
        }
        options.backoffFirst = .milliseconds(1)
        return try await MartletClient.connect(options)
    }

    @Test func aSendSurvivesALostConnectionUnderTheSameID() async throws {
        let server = try await ScriptedServer.start { connection, frame in
            switch (connection, frame) {
            case (_, ""): .init(texts: [Self.welcome])
            case (1, _): .init(breaks: true)
            default: .init(texts: [Self.sent(ref: Self.ref(of: frame), seq: 1, duplicate: true)])
            }
        }
        let client = try await connect([server])
        let sent = try await client.send(to: .user("bob"), text: "hello", clientMessageID: "once")
        #expect(sent.seq == 1 && sent.isDuplicate)
        let sends = server.frames.filter { $0.contains(#""type":"send""#) }
        #expect(sends.count == 2)
        #expect(Set(sends).count == 1, "the repetition must be the same frame")
        client.close()
        try await server.stop()
    }

    @Test func anOpenOutcomeIsRetried() async throws {
        let attempts = NIOLockedValueBox(0)
        let server = try await ScriptedServer.start { _, frame in
            guard frame.contains("send") else { return .init(texts: frame.isEmpty ? [Self.welcome] : []) }
            let attempt = attempts.withLockedValue { count in
                count += 1
                return count
            }
            let ref = Self.ref(of: frame)
            guard attempt < 3 else { return .init(texts: [Self.sent(ref: ref, seq: 9)]) }
            return .init(texts: [
                #"{"type":"error","ref":"\#(ref)","status":504,"code":"unknown","message":"?","retry_after_ms":1}"#
            ])
        }
        let client = try await connect([server])
        #expect(try await client.send(to: .user("bob"), text: "hello").seq == 9)
        #expect(server.frames.count == 3)
        #expect(Set(server.frames).count == 1, "the repetition must be the same frame")
        client.close()
        try await server.stop()
    }

    @Test func aRefusalIsThrownAtOnce() async throws {
        let server = try await ScriptedServer.start { _, frame in
            guard frame.contains("send") else { return .init(texts: frame.isEmpty ? [Self.welcome] : []) }
            let ref = Self.ref(of: frame)
            return .init(texts: [
                #"{"type":"error","ref":"\#(ref)","status":403,"code":"blocked","message":"no"}"#
            ])
        }
        let client = try await connect([server])
        let error = await #expect(throws: ClientError.self) {
            try await client.send(to: .user("bob"), text: "hello")
        }
        #expect(error?.code == .refused && error?.refusal?.code == "blocked")
        #expect(server.frames.count == 1)
        client.close()
        try await server.stop()
    }

    @Test func aMessageIsGivenOutOnceAndInOrder() async throws {
        let server = try await ScriptedServer.start { connection, frame in
            switch (connection, frame) {
            case (1, ""): .init(texts: [Self.welcome, Self.message(seq: 1), Self.message(seq: 2)])
            case (1, _): .init(breaks: true)
            case (_, ""):
                .init(texts: [
                    Self.welcome, Self.message(seq: 2), Self.message(seq: 3),
                    #"{"type":"sync_done","cursor":"z"}"#,
                ])
            default: .init()
            }
        }
        let client = try await connect([server])
        var seqs: [UInt64] = []
        var connections = 0
        for await event in client.events {
            if case .message(let message) = event {
                seqs.append(message.seq)
                if message.seq == 2 { client.markDelivered(message) }
            }
            if case .connected = event { connections += 1 }
            if case .caughtUp(let cursor) = event {
                #expect(cursor == "z")
                client.close()
            }
        }
        #expect(seqs == [1, 2, 3])
        #expect(connections == 2)
        try await server.stop()
    }

    @Test func receiptsAreRepeatedUntilConfirmed() async throws {
        let server = try await ScriptedServer.start { connection, frame in
            switch (connection, frame) {
            case (_, ""): .init(texts: [Self.welcome])
            case (1, _): .init(breaks: true)
            default: .init(texts: [#"{"type":"ok","ref":"\#(Self.ref(of: frame))"}"#])
            }
        }
        var options = MartletClient.Options(endpoints: [server.endpoint], device: "d") { "token" }
        options.backoffFirst = .milliseconds(1)
        options.receiptDelay = .milliseconds(1)
        let client = try await MartletClient.connect(options)
        client.mark(.read, conversationID: "c", upTo: 5)
        while server.frames.count < 2 { await Task.yield() }
        #expect(server.frames.allSatisfy { $0.contains(#""up_to_seq":5"#) })
        client.close()
        try await server.stop()
    }

    @Test func aDrainingNodeIsLeftForTheOneItNames() async throws {
        let second = try await ScriptedServer.start { _, frame in
            frame.isEmpty
                ? .init(texts: [Self.welcome, #"{"type":"sync_done","cursor":"second"}"#]) : .init()
        }
        let draining = #"{"type":"draining","deadline_ms":1,"reconnect_to":["ws://\#(second.endpoint)"]}"#
        let first = try await ScriptedServer.start { _, frame in
            frame.isEmpty ? .init(texts: [Self.welcome, draining]) : .init()
        }
        let client = try await connect([first])
        var cursors: [String] = []
        for await event in client.events {
            guard case .caughtUp(let cursor) = event else { continue }
            cursors.append(cursor)
            client.close()
        }
        #expect(cursors == ["second"])
        try await first.stop()
        try await second.stop()
    }

    @Test func aReplacedDeviceEndsForGood() async throws {
        let server = try await ScriptedServer.start { _, frame in
            frame.isEmpty ? .init(texts: [Self.welcome], closeCode: 4001) : .init()
        }
        let client = try await connect([server])
        var last: Event?
        for await event in client.events { last = event }
        #expect(last == .disconnected(reason: "this device connected somewhere else", isFinal: true))
        let error = await #expect(throws: ClientError.self) {
            try await client.send(to: .user("bob"), text: "late")
        }
        #expect(error?.code == .closed)
        try await server.stop()
    }
}
