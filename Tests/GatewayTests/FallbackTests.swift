import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// Server-sent events and long poll: the same events and cursors as the WebSocket.
@Suite(.timeLimit(.minutes(1))) struct FallbackTests {
    private func record(_ seq: UInt64) -> MessageRecord {
        MessageRecord(
            conversation: ConversationID(high: 0, low: 2), seq: Seq(seq), ordinal: Ordinal(seq),
            messageID: MessageID(high: 0, low: seq), sender: UserID(unchecked: "bob"), senderDevice: nil,
            recipient: .user(UserID(unchecked: "ann")),
            clientMessageID: ClientMessageID(unchecked: "m\(seq)"),
            type: .text, content: "hi \(seq)\nthere", timestamp: Timestamp(1), clientTimestamp: nil)
    }

    /// Answers the catch-up of one conversation with `messages`.
    private func lacking(_ messages: [MessageRecord]) -> @Sendable (Operation) -> OperationResult? {
        let conversation = ConversationID(high: 0, low: 2)
        let end = ConversationPosition(seq: messages.last?.seq ?? .zero, rev: Rev(UInt64(messages.count)))
        return { operation in
            switch operation {
            case .openSession:
                return .opened(
                    SessionOpened(
                        version: InboxVersion(1),
                        missed: [.init(conversation: conversation, position: .start, head: end)]))
            case .catchUp:
                return .caughtUp(
                    CatchUpPage(messages: messages, statuses: [], position: end, hasMore: false))
            default: return nil
            }
        }
    }

    @Test func aPollAnswersWhatWasMissedAtOnce() async throws {
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue { $0.answers = lacking([record(1), record(2)]) }
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                let asked = ContinuousClock.now
                let answer = try await client.request(
                    "GET", "/v1/poll?device=d&wait_ms=40000", token: token)
                #expect(answer.status == 200 && asked.duration(to: .now) < .seconds(20))
                #expect(answer.body.hasPrefix(#"{"events":[{"type":"message","#))
                #expect(answer.body.contains(#""content":"hi 2\nthere""#))
                #expect(!answer.body.contains("welcome") && !answer.body.contains("sync_done"))
                // The same connection serves what comes next.
                #expect(try await client.request("GET", "/v1/conversations", token: token).status == 200)
            }
            // Between two polls the session stays with its leader: nobody goes offline.
            let operations = rig.dispatcher.operations
            #expect(!operations.contains { if case .closeSession = $0 { true } else { false } })
            #expect(rig.dispatcher.state.withLockedValue { $0.sessions.isEmpty })
        }
    }

    @Test func aPollWaitsForAnEventAndNoLongerThanAsked() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                let empty = try await client.request("GET", "/v1/poll?device=d&wait_ms=1", token: token)
                #expect(empty.status == 200)
                #expect(empty.body.hasPrefix(#"{"events":[],"cursor":""#))
                let cursor = empty.body.dropFirst(#"{"events":[],"cursor":""#.count).dropLast(2)
                rig.dispatcher.state.withLockedValue { state in
                    state.onAttach = { [dispatcher = rig.dispatcher] in
                        dispatcher.pushSoon(.message(record(1), rev: Rev(1)))
                    }
                }
                let live = try await client.request(
                    "GET", "/v1/poll?device=d&wait_ms=50000&cursor=\(cursor)", token: token)
                #expect(live.body.contains(#""seq":1,"#))
            }
            guard
                case .openSession(let second)? = rig.dispatcher.operations.last(where: {
                    if case .openSession = $0 { true } else { false }
                })
            else { throw Missing() }
            #expect(second.cursor != nil)
        }
    }

    @Test func badPollsAreRefused() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                for (query, code) in [
                    ("device=d&wait_ms=55001", "invalid_request"), ("device=d&wait_ms=x", "invalid_request"),
                    ("device=d&cursor=!!", "bad_cursor"), ("wait_ms=1", "missing_field"),
                ] {
                    try await RawClient.connect(rig.port) { client in
                        let answer = try await client.request("GET", "/v1/poll?\(query)", token: token)
                        #expect(answer.status == 400)
                        #expect(answer.body.contains(code))
                    }
                }
                #expect(try await client.request("GET", "/v1/poll?device=d", token: nil).status == 401)
            }
        }
    }

    @Test func anEventStreamHasEveryFrameAndItsCursor() async throws {
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue { $0.answers = lacking([record(1)]) }
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                try await client.write(
                    Array("GET /v1/events?device=d&access_token=\(token) HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
                let head = try await client.text(until: "\r\n\r\n")
                #expect(head.contains("200 OK") && head.lowercased().contains("text/event-stream"))
                #expect(try await client.text(until: "data: {\"type\":\"welcome\"") != "")
                #expect(try await client.text(until: "data: {\"type\":\"message\"") != "")
                #expect(try await client.text(until: "id: ") != "")
                #expect(try await client.text(until: "data: {\"type\":\"sync_done\",\"cursor\":") != "")
                rig.dispatcher.push(.message(record(2), rev: Rev(2)))
                #expect(try await client.text(until: "\"seq\":2,") != "")
                rig.dispatcher.push(.close(code: 4003, reason: "revoked"))
                #expect(
                    try await client.text(until: "event: close\ndata: {\"type\":\"close\",\"code\":4003")
                        != "")
                // The last chunk, then the end.
                #expect(try await client.text(until: "0\r\n\r\n") != "")
            }
        }
    }

    @Test func aClientThatLeavesItsEventStreamClosesItsSession() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                try await client.write(
                    Array(
                        "GET /v1/events?device=d HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(token)\r\n\r\n"
                            .utf8))
                #expect(try await client.text(until: "sync_done") != "")
            }
            try await rig.dispatcher.waitFor { if case .closeSession = $0 { true } else { false } }
        }
    }

    @Test func theLastEventIDGoesBeforeTheCursorOfTheAddress() async throws {
        let cursor = CursorText.text(SyncCursor(version: InboxVersion(7), marks: []))
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                try await client.write(
                    Array(
                        """
                        GET /v1/events?device=d&cursor=no HTTP/1.1\r\nhost: x\r\nlast-event-id: \(cursor)\r\n\
                        authorization: Bearer \(token)\r\n\r\n
                        """.utf8))
                #expect(try await client.text(until: "sync_done") != "")
            }
            let opened = rig.dispatcher.operations.compactMap { operation -> OpenSession? in
                if case .openSession(let open) = operation { open } else { nil }
            }
            #expect(opened.first?.cursor?.version == InboxVersion(7))
        }
    }

    @Test func pagesOfOtherOriginsMayAsk() async throws {
        try await GatewayRig.run { rig in
            try await RawClient.connect(rig.port) { client in
                try await client.write(Array("OPTIONS /v1/messages HTTP/1.1\r\nhost: x\r\n\r\n".utf8))
                let head = try await client.text(until: "\r\n\r\n").lowercased()
                #expect(head.contains("204") && head.contains("access-control-allow-origin: *"))
            }
        }
    }

    private struct Missing: Error {}
}
