import NIOConcurrencyHelpers
import Observability
import Testing
import Vocabulary
import Wire

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct WebSocketTests {
    private let send =
        #"{"type":"send","ref":"r","client_message_id":"c","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"hi","timestamp":1}"#

    @Test func aSessionFromWelcomeToClose() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                #expect(try await client.upgrade("/v1/ws?device=phone", token: token).status == 101)
                let welcome = try await client.frame()?.text
                #expect(
                    welcome?.hasPrefix(#"{"type":"welcome","user_id":"ann","device_id":"phone","#) == true)
                #expect(try await client.frame()?.text.hasPrefix(#"{"type":"sync_done","cursor":""#) == true)
                try await client.send(send)
                #expect(try await client.frame(of: "sent") != nil)
                let record = MessageRecord(
                    conversation: ConversationID(high: 0, low: 2), seq: Seq(1), ordinal: Ordinal(1),
                    messageID: MessageID(high: 0, low: 1), sender: UserID(unchecked: "bob"),
                    senderDevice: nil,
                    recipient: .user(UserID(unchecked: "ann")),
                    clientMessageID: ClientMessageID(unchecked: "m"),
                    type: .text, content: String(repeating: "x", count: 300), timestamp: Timestamp(1),
                    clientTimestamp: nil)
                rig.dispatcher.push(.message(record, rev: Rev(1)))
                #expect(try await client.frame(of: "message") != nil)
                try await client.send("abc", first: 0x89)
                // A cursor may come in between.
                var frame = try await client.frame()
                while let text = frame?.text, text.hasPrefix(#"{"type":"cursor""#) {
                    frame = try await client.frame()
                }
                #expect(frame == RawClient.Frame(opcode: 10, text: "abc", closeCode: nil))
                try await client.send("\u{3}\u{68}", first: 0x88)
                #expect(try await client.closeCode() == 872)
                #expect(try await client.frame() == nil)
            }
            #expect(rig.dispatcher.operations.first == .ensureUser(UserID(unchecked: "ann")))
            #expect(rig.metrics.framesIn.value == 1)
        }
    }

    @Test func fragmentsAreOneFrameAndFramesOfOneReadAreAll() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token(device: "pinned")
            try await RawClient.connect(rig.port) { client in
                #expect(try await client.upgrade("/v1/ws?access_token=\(token)", token: nil).status == 101)
                try await client.send(#"{"type":"pi"#, first: 0x01)
                try await client.send(#"ng","ref":"#, first: 0x00)
                try await client.send(#""one"}"#, first: 0x80)
                #expect(try await client.frame(of: "pong") == #"{"type":"pong","ref":"one"}"#)
                try await client.send("not JSON")
                #expect(try await client.frame(of: "error")?.contains(#""code":"invalid_request""#) == true)
                try await client.send(#"{"type":"ping","ref":"two"}"#)
                #expect(try await client.frame(of: "pong") == #"{"type":"pong","ref":"two"}"#)
            }
        }
    }

    @Test func brokenFramingAndBinaryAreClosed() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            let closed: @Sendable (UInt8, String) async throws -> UInt16? = { first, text in
                try await RawClient.connect(rig.port) { client in
                    _ = try await client.upgrade("/v1/ws?device=d", token: token)
                    try await client.send(text, first: first)
                    return try await client.closeCode()
                }
            }
            #expect(try await closed(0x82, "binary") == 4009)
            #expect(try await closed(0x80, "a continuation of nothing") == 4009)
            #expect(try await closed(0xC1, "a reserved bit") == 4009)
            #expect(try await closed(0x81, String(repeating: "x", count: 1_000_001)) == 1009)
        }
    }

    @Test func theLargestFrameIsRead() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                _ = try await client.upgrade("/v1/ws?device=d", token: token)
                let head = #"{"type":"ping","ref":"big","x":""#
                try await client.send(
                    head + String(repeating: "x", count: 1_000_000 - head.utf8.count - 2) + "\"}")
                #expect(try await client.frame(of: "pong") == #"{"type":"pong","ref":"big"}"#)
            }
        }
    }

    @Test func aReplacedSessionIsClosedWith4001() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                _ = try await client.upgrade("/v1/ws?device=d", token: token)
                _ = try await client.frame(of: "sync_done")
                rig.dispatcher.push(.close(code: 4001, reason: "replaced"))
                #expect(try await client.closeCode() == 4001)
            }
        }
    }

    @Test func whoMayNotComeInIsToldWhy() async throws {
        try await GatewayRig.run { rig in
            let upgrade: @Sendable (String, String?) async throws -> RawClient.Answer = { path, token in
                try await RawClient.connect(rig.port) { client in try await client.upgrade(path, token: token)
                }
            }
            let good = try await rig.token()
            let cases: [(String, String?, Int, String)] = [
                ("/v1/ws?device=d", nil, 401, "unauthenticated"),
                ("/v1/ws?device=d", "nonsense", 401, "unauthenticated"),
                ("/v1/ws?device=d", try await rig.token(lasts: -1), 401, "unauthenticated"),
                ("/v1/ws?device=d", try await rig.token(lasts: nil), 401, "unauthenticated"),
                ("/v1/ws?device=d", try await rig.token("no one"), 401, "unauthenticated"),
                ("/v1/ws", good, 400, "missing_field"),
                ("/v1/ws?device=%20", good, 400, "invalid_request"),
                ("/v1/ws?device=d&cursor=AAAA", good, 400, "bad_cursor"),
                ("/v1/ws?device=d", try await rig.token(device: "other"), 403, "forbidden"),
            ]
            for (path, token, status, code) in cases {
                let answer = try await upgrade(path, token)
                #expect(answer.status == status, "\(path)")
                #expect(answer.body.hasPrefix(#"{"error":{"code":"\#(code)","message":""#), "\(path)")
            }
            rig.dispatcher.state.withLockedValue { $0.isDraining = true }
            #expect(try await upgrade("/v1/ws?device=d", good).body.contains(#""code":"draining""#))
            rig.dispatcher.state.withLockedValue { $0.isReady = false }
            rig.dispatcher.state.withLockedValue { $0.isDraining = false }
            #expect(try await upgrade("/v1/ws?device=d", good).body.contains(#""code":"unavailable""#))
        }
    }

    @Test func drainingTellsAndThenCloses() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                _ = try await client.upgrade("/v1/ws?device=d", token: token)
                _ = try await client.frame(of: "sync_done")
                async let drained: Void = rig.server.drain(deadlineMilliseconds: 200)
                let frame = try await client.frame(of: "draining")
                #expect(
                    frame?.contains(#""deadline_ms":200,"reconnect_to":["ws://127.0.0.1:1/v1/ws"]"#) == true)
                #expect(try await client.closeCode() == 4000)
                await drained
            }
        }
    }
}
