import NIOConcurrencyHelpers
import Observability
import Testing
import Vocabulary
import Wire

@testable import Gateway

@Suite struct RestTests {
    private func body(_ id: String, sender: String? = nil) -> String {
        let sender = sender.map { #","sender_id":"\#($0)""# } ?? ""
        return
            #"{"client_message_id":"\#(id)","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"hi","timestamp":1\#(sender)}"#
    }

    @Test func aMessageIs201AndItsDuplicate200() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token(device: "phone")
            try await RawClient.connect(rig.port) { client in
                let new = try await client.request("POST", "/v1/messages", token: token, body: body("new"))
                #expect(new.status == 201)
                #expect(new.body.contains(#""client_message_id":"new","message_id":"#))
                // The same connection goes on.
                let again = try await client.request(
                    "POST", "/v1/messages", token: token, body: body("again"))
                #expect(again.status == 200)
                #expect(again.body.contains(#""duplicate":true"#))
            }
            let devices = rig.dispatcher.operations.compactMap { operation -> DeviceID?? in
                guard case .send(let request) = operation else { return nil }
                return request.device
            }
            #expect(devices.map { $0?.text } == ["phone", "phone"])
        }
    }

    @Test func refusalsHaveTheDocumentedShape() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            let group = ConversationID(high: 0, low: 5)
            let cases: [(String, String, String?, String, Int, String)] = [
                ("POST", "/v1/messages", nil, body("x"), 401, "unauthenticated"),
                ("POST", "/v1/messages", token, "", 400, "invalid_request"),
                ("POST", "/v1/messages", token, "{}", 400, "missing_field"),
                ("POST", "/v1/messages", token, body("x", sender: "eve"), 403, "sender_mismatch"),
                ("GET", "/v1/nothing", token, "", 404, "not_found"),
                ("GET", "/", nil, "", 404, "not_found"),
                ("PUT", "/v1/messages", token, "", 404, "not_found"),
                ("GET", "/v1/conversations?limit=101", token, "", 400, "invalid_request"),
                ("GET", "/v1/conversations?cursor=xyz", token, "", 400, "bad_cursor"),
                ("GET", "/v1/conversations/\(group)/messages?cursor=xyz", token, "", 400, "bad_cursor"),
                ("GET", "/v1/conversations/\(group)/messages?order=up", token, "", 400, "invalid_request"),
                ("GET", "/v1/conversations/x/messages", token, "", 404, "not_found"),
                (
                    "POST", "/v1/messages/\(group)/status", token, #"{"status":"seen"}"#, 400,
                    "invalid_request"
                ),
                ("POST", "/v1/groups", token, "{}", 400, "missing_field"),
                ("PUT", "/v1/users/carl", token, "", 403, "forbidden"),
                ("POST", "/v1/presence", token, "{}", 400, "missing_field"),
            ]
            for (method, path, token, body, status, code) in cases {
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request(method, path, token: token, body: body)
                }
                #expect(answer.status == status, "\(method) \(path)")
                #expect(
                    answer.body.hasPrefix(#"{"error":{"code":"\#(code)","message":""#), "\(method) \(path)")
            }
        }
    }

    @Test func aBodyTooLargeIs413() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            let answer = try await RawClient.connect(rig.port) { client in
                try await client.request(
                    "POST", "/v1/messages", token: token, body: String(repeating: "x", count: 1_000_001))
            }
            #expect(answer.status == 413)
            #expect(answer.body.contains(#""code":"frame_too_large""#))
            #expect(rig.metrics.refusals.values.contains { $0.label == "frame_too_large" && $0.value == 1 })
        }
    }

    @Test func aRefusalOfTheClusterIsCarriedAsItStands() async throws {
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue { state in
                state.answers = { operation in
                    guard case .send = operation else { return nil }
                    return .refused(Refusal(.unknown, "no answer", retryAfterMilliseconds: 7))
                }
            }
            let token = try await rig.token()
            let answer = try await RawClient.connect(rig.port) { client in
                try await client.request("POST", "/v1/messages", token: token, body: body("x"))
            }
            #expect(answer.status == 504)
            #expect(answer.body == #"{"error":{"code":"unknown","message":"no answer","retry_after_ms":7}}"#)
        }
    }

    @Test func aBackendActsForOthers() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("backend", scope: "server")
            try await RawClient.connect(rig.port) { client in
                let sent = try await client.request(
                    "POST", "/v1/messages", token: token, body: body("x", sender: "eve"))
                #expect(sent.status == 201)
                #expect(
                    try await client.request("PUT", "/v1/users/a%40b", token: token).body
                        == #"{"user_id":"a@b"}"#)
            }
            let operations = rig.dispatcher.operations
            #expect(operations.contains(.ensureUser(UserID(unchecked: "eve"))))
            #expect(operations.contains(.ensureUser(UserID(unchecked: "a@b"))))
            #expect(
                operations.contains {
                    if case .send(let request) = $0 { return request.sender.text == "eve" }
                    return false
                })
        }
    }

    @Test func sendsHaveARatePerUser() async throws {
        var limits = Limits()
        limits.sendBurst = 2
        limits.sendRatePerSecond = 0
        try await GatewayRig.run(limits: limits) { rig in
            let token = try await rig.token()
            let statuses = try await RawClient.connect(rig.port) { client in
                var statuses: [Int] = []
                for number in 1...3 {
                    let answer = try await client.request(
                        "POST", "/v1/messages", token: token, body: body("m\(number)"))
                    statuses.append(answer.status)
                }
                return statuses
            }
            #expect(statuses == [201, 201, 429])
        }
    }

    @Test func theOtherResources() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                let list = try await client.request("GET", "/v1/conversations", token: token)
                #expect(list.body == #"{"conversations":[],"next_cursor":null,"has_more":false}"#)
                let presence = try await client.request("GET", "/v1/users/bob/presence", token: token)
                #expect(presence.body == #"{"user_id":"bob","status":"online"}"#)
                let many = try await client.request(
                    "POST", "/v1/presence", token: token, body: #"{"user_ids":["bob"]}"#)
                #expect(many.body == #"{"presence":[{"user_id":"bob","status":"online"}]}"#)
                let group = try await client.request(
                    "POST", "/v1/groups", token: token, body: #"{"name":"team","member_ids":["bob"]}"#)
                #expect(group.status == 201)
                #expect(group.body.hasSuffix(#""name":"team","seq":1,"members":[]}"#))
                let left = try await client.request(
                    "POST", "/v1/groups/\(ConversationID(high: 0, low: 5))/leave", token: token)
                #expect(left.status == 200)
                let read = try await client.request(
                    "POST", "/v1/messages/\(ConversationID(high: 0, low: 5))/status", token: token,
                    body: #"{"status":"read","timestamp":1}"#)
                #expect(read.status == 200)
            }
        }
    }
}
