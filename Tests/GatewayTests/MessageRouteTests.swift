import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

@Suite struct MessageRouteTests {
    private let message = MessageID(high: 0x8001, low: 1 << 63 | 1 << 14)
    private let conversation = ConversationID(high: 0, low: 5)

    @Test func everyChangeHasItsRoute() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("ann")
            let cases: [(String, String, String, MessageChangeRequest.Change, String)] = [
                (
                    "PATCH", "", #"{"content":"new"}"#, .edit("new"),
                    #""change":"edited","content":"new","edited_at":7"#
                ),
                ("DELETE", "?for=everyone", "", .deleteForEveryone, #""change":"deleted","for":"everyone""#),
                ("DELETE", "?for=me", "", .deleteForMe, #""change":"deleted","for":"me""#),
                ("PUT", "/reaction", #"{"emoji":"👍"}"#, .react("👍"), #""change":"reaction","emoji":"👍""#),
                ("DELETE", "/reaction", "", .unreact, #""change":"reaction","emoji":null"#),
            ]
            for (method, path, body, change, fields) in cases {
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request(
                        method, "/v1/messages/\(message)\(path)", token: token, body: body)
                }
                #expect(answer.status == 200, "\(method) \(path)")
                #expect(answer.body.contains(fields), "\(answer.body)")
                let request = MessageChangeRequest(
                    message: message, actor: UserID(unchecked: "ann"), change: change)
                #expect(rig.dispatcher.operations.last == .changeMessage(request))
            }
        }
    }

    @Test func refusals() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("ann")
            let long = String(repeating: "x", count: 65_537)
            let cases: [(String, String, String, Int, String)] = [
                ("PATCH", "/v1/messages/\(message)", "{}", 400, "missing_field"),
                ("PATCH", "/v1/messages/\(message)", #"{"content":""}"#, 400, "invalid_request"),
                ("PATCH", "/v1/messages/\(message)", #"{"content":"\#(long)"}"#, 400, "message_too_long"),
                ("PATCH", "/v1/messages/nonsense", #"{"content":"x"}"#, 404, "not_found"),
                ("DELETE", "/v1/messages/\(message)?for=them", "", 400, "invalid_request"),
                ("PUT", "/v1/messages/\(message)/reaction", "{}", 400, "missing_field"),
                ("PUT", "/v1/messages/\(message)/reaction", #"{"emoji":""}"#, 400, "invalid_request"),
                ("PUT", "/v1/messages/\(message)/reaction", #"{"emoji":"a b"}"#, 400, "invalid_request"),
                (
                    "PUT", "/v1/messages/\(message)/reaction",
                    #"{"emoji":"\#(String(repeating: "x", count: 65))"}"#, 400, "invalid_request"
                ),
                ("GET", "/v1/conversations/\(conversation)/messages?around=x", "", 400, "invalid_request"),
                ("GET", "/v1/conversations/\(conversation)/messages?limit=101", "", 400, "invalid_request"),
                ("GET", "/v1/conversations/\(conversation)/messages?limit=0", "", 400, "invalid_request"),
                ("GET", "/v1/conversations/\(conversation)/messages?order=up", "", 400, "invalid_request"),
                ("GET", "/v1/conversations/\(conversation)/messages?cursor=x", "", 400, "bad_cursor"),
                ("GET", "/v1/conversations/\(conversation)/messages?stale_ok=x", "", 400, "invalid_request"),
                ("GET", "/v1/conversations/\(conversation)/messages?min_seq=x", "", 400, "invalid_request"),
            ]
            for (method, path, body, status, code) in cases {
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request(method, path, token: token, body: body)
                }
                #expect(answer.status == status, "\(method) \(path)")
                #expect(
                    answer.body.hasPrefix(#"{"error":{"code":"\#(code)""#), "\(method) \(path) \(answer.body)"
                )
            }
        }
    }

    @Test func infoAndHistoryCarryTheirParameters() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("ann")
            let answers = try await RawClient.connect(rig.port) { client in
                let info = try await client.request("GET", "/v1/messages/\(message)/info", token: token)
                let page = try await client.request(
                    "GET",
                    "/v1/conversations/\(conversation)/messages?around=\(message)&order=asc&stale_ok=1&min_seq=9",
                    token: token)
                return (info, page)
            }
            #expect(
                answers.0.body
                    == #"{"message_id":"\#(message)","members":[{"user_id":"bob","delivered_at":5}],"status":"delivered","delivered_count":1,"read_count":0}"#
            )
            #expect(answers.1.status == 200)
            guard case .history(let query)? = rig.dispatcher.operations.last else {
                Issue.record("no history")
                return
            }
            #expect(query.around == .message(message) && query.order == .ascending)
            #expect(query.isStaleAllowed && query.minSeq == Seq(9))
        }
    }

    @Test func historyGoesOnFromItsCursor() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("ann")
            rig.dispatcher.state.withLockedValue { state in
                state.answers = { operation in
                    guard case .history = operation else { return nil }
                    let message = MessageRecord(
                        conversation: conversation, seq: Seq(7), ordinal: Ordinal(7), messageID: message,
                        sender: UserID(unchecked: "bob"), senderDevice: nil,
                        recipient: .user(UserID(unchecked: "ann")),
                        clientMessageID: ClientMessageID(unchecked: "m"), type: .text, content: "x",
                        timestamp: Timestamp(1), clientTimestamp: nil)
                    return .history(HistoryPage(messages: [message], hasMore: true, newest: Seq(9)))
                }
            }
            try await RawClient.connect(rig.port) { client in
                let path = "/v1/conversations/\(conversation)/messages?limit=1"
                let first = try await client.request("GET", path, token: token)
                let rest = try #require(first.body.split(separator: #""next_cursor":""#).last)
                let cursor = rest.prefix { $0 != "\"" }
                _ = try await client.request("GET", path + "&cursor=\(cursor)", token: token)
            }
            let bounds = rig.dispatcher.operations.compactMap { operation -> Seq?? in
                guard case .history(let query) = operation, query.limit == 1 else { return nil }
                return query.bound
            }
            #expect(bounds == [nil, Seq(7)])
        }
    }

    @Test func deletingAConversationCarriesItsParameters() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("ann")
            let path = "/v1/conversations/\(conversation)"
            let answers = try await RawClient.connect(rig.port) { client in
                let some = try await client.request("DELETE", path + "?up_to_seq=7", token: token)
                let all = try await client.request("DELETE", path, token: token)
                let bad = try await client.request("DELETE", path + "?up_to_seq=0", token: token)
                return [some, all, bad]
            }
            #expect(answers.map(\.status) == [200, 200, 400])
            #expect(answers[0].body == #"{"conversation_id":"\#(conversation)","deleted":true}"#)
            let asked = rig.dispatcher.operations.compactMap { operation -> ClearRequest? in
                guard case .clear(let request) = operation else { return nil }
                return request
            }
            #expect(asked.map(\.upTo) == [Seq(7), nil])
            #expect(asked.allSatisfy { $0.user.text == "ann" && $0.conversation == conversation })
        }
    }

    @Test func changesCountAsSends() async throws {
        var limits = Limits()
        limits.sendBurst = 2
        limits.sendRatePerSecond = 0
        try await GatewayRig.run(limits: limits) { rig in
            let token = try await rig.token()
            let statuses = try await RawClient.connect(rig.port) { client in
                var statuses: [Int] = []
                for path in ["/reaction", "", "/reaction"] {
                    let answer = try await client.request(
                        "DELETE", "/v1/messages/\(message)\(path)", token: token)
                    statuses.append(answer.status)
                }
                return statuses
            }
            #expect(statuses == [200, 200, 429])
        }
    }
}
