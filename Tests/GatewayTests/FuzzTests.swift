import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// Nothing a client sends crashes a node, or is answered with a server's error: random and damaged bytes as frames,
/// paths and bodies. The seed is printed with what fails.
@Suite struct FuzzTests {
    private static let seed: UInt64 = 20_261_125

    private static let frames = [
        #"{"type":"send","ref":"r","client_message_id":"m","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"h\u00e9llo","timestamp":1,"mentions":["bob"],"reply_to":"00000000-0000-8000-8000-000000004000","expires_in_ms":86400000}"#,
        #"{"type":"status","status":"read","conversation_id":"00000000-0000-0000-0000-000000000001","up_to_seq":9223372036854775807}"#,
        #"{"type":"status","status":"delivered","message_id":"00000000-0000-8000-8000-000000004000"}"#,
        #"{"type":"history","ref":"h","conversation_id":"00000000-0000-0000-0000-000000000001","before":18,"limit":100}"#,
        #"{"type":"presence_subscribe","user_ids":["bob","carl"]}"#,
        #"{"type":"presence_unsubscribe","user_ids":["bob"]}"#,
        #"{"type":"typing","conversation_id":"00000000-0000-0000-0000-000000000001","state":"started"}"#,
        #"{"type":"ping"}"#, #"{"type":"away"}"#, #"{"type":"active"}"#,
    ]

    private static let requests: [(String, String, String)] = [
        ("POST", "/v1/messages", frames[0]),
        ("GET", "/v1/conversations?cursor=oQEC&limit=10", ""),
        ("GET", "/v1/conversations/00000000-0000-0000-0000-000000000001/messages?order=asc&limit=5", ""),
        ("POST", "/v1/messages/00000000-0000-8000-8000-000000004000/status", #"{"status":"read"}"#),
        ("GET", "/v1/messages/00000000-0000-8000-8000-000000004000/info", ""),
        ("PATCH", "/v1/messages/00000000-0000-8000-8000-000000004000", #"{"content":"x"}"#),
        ("PUT", "/v1/messages/00000000-0000-8000-8000-000000004000/reaction", #"{"emoji":"👍"}"#),
        ("GET", "/v1/users/bob/presence", ""), ("POST", "/v1/presence", #"{"user_ids":["bob"]}"#),
        (
            "PATCH", "/v1/users/me/settings",
            #"{"last_seen":"nobody","quiet_hours":{"start":"22:00","end":"07:00","time_zone":"Europe/Berlin"}}"#
        ),
        ("PUT", "/v1/users/me/blocks/bob", ""), ("GET", "/v1/users/me/blocks?limit=5&cursor=pANib2I", ""),
        ("POST", "/v1/groups", #"{"name":"n","member_ids":["bob"]}"#),
        (
            "PATCH", "/v1/conversations/00000000-0000-0000-0000-000000000001/settings",
            #"{"muted_until":5,"pinned":true}"#
        ),
        ("PUT", "/v1/users/me/devices/phone/keys", #"{"identity_key":"AAAA","one_time_keys":[]}"#),
        ("GET", "/v1/users/me/devices", ""),
    ]

    private func damage(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<(1 + Int(generator.next() % 3)) where !bytes.isEmpty {
            let place = Int(generator.next() % UInt64(bytes.count))
            switch generator.next() % 6 {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
            case 3: bytes.removeSubrange(place...)
            case 4: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            default: bytes.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "["), count: 40), at: place)
            }
        }
        return bytes
    }

    private func noise(_ generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int(generator.next() % 80)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    @Test func damagedFramesAreAnsweredAndTheSocketStaysOpen() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("backend", scope: "server")
            var generator = SeededGenerator(seed: Self.seed)
            let texts = (0..<3_000).map { round in
                round % 5 == 0
                    ? noise(&generator)
                    : damage(Array(Self.frames[round % Self.frames.count].utf8), &generator)
            }
            try await RawClient.connect(rig.port) { client in
                _ = try await client.upgrade("/v1/ws?device=phone", token: token)
                for (round, text) in texts.enumerated() {
                    try await client.send(bytes: text)
                    guard round % 100 == 99 else { continue }
                    try await client.send(#"{"type":"ping","ref":"still here \#(round)"}"#)
                    let pong = try await client.frame(containing: #""ref":"still here \#(round)""#)
                    #expect(pong != nil, "seed \(Self.seed), up to round \(round)")
                    if pong == nil { return }
                }
            }
        }
    }

    @Test func damagedRequestsAreRefusedAndNeverTheServersError() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("backend", scope: "server")
            var generator = SeededGenerator(seed: Self.seed)
            for round in 0..<1_500 {
                let (method, path, body) = Self.requests[round % Self.requests.count]
                let isInPath = body.isEmpty || generator.next() % 3 == 0
                // What is no legal request line is the HTTP parser's business.
                let legal = damage(Array(path.utf8), &generator).filter { $0 > 0x20 && $0 < 0x7F }
                let sentPath = isInPath ? "/v1/" + String(decoding: legal.dropFirst(4), as: UTF8.self) : path
                let sentBody = isInPath ? Array(body.utf8) : damage(Array(body.utf8), &generator)
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request(method, sentPath, token: token, bytes: sentBody)
                }
                let what: Comment = "seed \(Self.seed), round \(round): \(method) \(sentPath): \(answer.body)"
                #expect((200..<500).contains(answer.status), what)
                if answer.status >= 400 {
                    #expect(answer.body.hasPrefix(#"{"error":{"code":""#), what)
                }
            }
        }
    }

    /// Broken framing ends the stream, and the next client is served.
    @Test func brokenFramingEndsThatSocketOnly() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            var generator = SeededGenerator(seed: Self.seed)
            for round in 0..<20 {
                let bytes = noise(&generator) + noise(&generator) + [0x82, 0x80, 0, 0, 0, 0]
                // The stream may end while this client still writes.
                _ = try? await RawClient.connect(rig.port) { client in
                    _ = try await client.upgrade("/v1/ws?device=phone", token: token)
                    try await client.write(bytes)
                    // Enough to fill any frame that the noise may have begun.
                    try await client.write([UInt8](repeating: 0xFF, count: 1_100_000))
                    while try await client.frame() != nil {}
                }
                let alive = try await RawClient.connect(rig.port) { client in
                    try await client.request("GET", "/v1/conversations", token: token).status
                }
                #expect(alive == 200, "seed \(Self.seed), round \(round)")
            }
        }
    }
}
