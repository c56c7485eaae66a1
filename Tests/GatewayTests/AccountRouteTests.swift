import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// Routes of devices, keys and conversation settings: what they ask of the cluster, and what they refuse.
@Suite struct AccountRouteTests {
    private static let conversation = ConversationID(high: 0, low: 5)
    private static let ann = UserID(unchecked: "ann")
    private static let phone = DeviceID(unchecked: "phone")
    private static let keys =
        #"{"identity_key":"aWQ=","signed_prekey":{"key_id":1,"public_key":"c3A","signature":"c2ln"},"one_time_prekeys":[{"key_id":1,"public_key":"b25l"}]}"#

    /// Method, path, body, and what the cluster is asked.
    private static let asked: [(String, String, String, AccountRequest.Ask)] = [
        ("GET", "/v1/users/me/devices", "", .devices),
        (
            "PATCH", "/v1/users/me/devices/phone", #"{"name":"Work"}"#,
            .change(.renameDevice(phone, name: "Work"))
        ),
        ("DELETE", "/v1/users/me/devices/phone", "", .change(.revokeDevice(phone))),
        (
            "PUT", "/v1/users/me/devices/phone/push", #"{"provider":"fcm","token":"t:1","content":"sender"}"#,
            .change(
                .setPush(
                    phone,
                    PushRegistration(target: .fcm(token: "t:1"), content: .sender, registeredAt: .zero)))
        ),
        (
            "PUT", "/v1/users/me/devices/phone/push",
            #"{"provider":"webhook","url":"https://h.example/x"}"#,
            .change(
                .setPush(
                    phone,
                    PushRegistration(
                        target: .webhook(url: "https://h.example/x", secret: nil), content: .full,
                        registeredAt: .zero)))
        ),
        (
            "DELETE", "/v1/users/me/devices/phone/push", "",
            .change(.removePush(phone, registeredUpTo: nil))
        ),
        (
            "PUT", "/v1/users/me/devices/phone/keys", keys,
            .change(
                .uploadKeys(
                    phone,
                    KeyUpload(
                        identityKey: "aWQ=", signedPrekey: Prekey(id: 1, publicKey: "c3A", signature: "c2ln"),
                        oneTimePrekeys: [Prekey(id: 1, publicKey: "b25l")])))
        ),
        ("GET", "/v1/users/me/devices/phone/keys", "", .keyStock(phone)),
        ("GET", "/v1/conversations/\(conversation)", "", .row(conversation)),
        (
            "PATCH", "/v1/conversations/\(conversation)/settings",
            #"{"muted_until":9000,"pinned":true,"marked_unread":false}"#,
            .change(
                .settings(
                    conversation,
                    RowSettingsChange(mute: .until(Timestamp(9_000)), pinned: true, markedUnread: false),
                    pending: nil))
        ),
        (
            "PATCH", "/v1/conversations/\(conversation)/settings", #"{"muted_until":null}"#,
            .change(.settings(conversation, RowSettingsChange(mute: .off), pending: nil))
        ),
    ]

    @Test func eachRouteAsksItsQuestion() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            for (method, path, body, ask) in Self.asked {
                _ = try await RawClient.connect(rig.port) { client in
                    try await client.request(method, path, token: token, body: body)
                }
                #expect(
                    rig.dispatcher.operations.last == .account(AccountRequest(user: Self.ann, ask: ask)),
                    "\(method) \(path)")
            }
        }
    }

    @Test func keysOfAnotherUserAreTakenUnderAFreshID() async throws {
        try await GatewayRig.run { rig in
            let bundle = DeviceKeyBundle(
                device: Self.phone, identityKey: "aWQ",
                signedPrekey: Prekey(id: 1, publicKey: "c3A", signature: "c2ln"),
                oneTimePrekey: Prekey(id: 9, publicKey: "b25l"))
            rig.dispatcher.state.withLockedValue {
                $0.answers = { operation in
                    guard case .account = operation else { return nil }
                    return .account(.keys([bundle]))
                }
            }
            let token = try await rig.token()
            var ids: [KeyFetchID] = []
            for _ in 0..<2 {
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request("GET", "/v1/users/bob/keys", token: token)
                }
                #expect(
                    answer.body
                        == #"{"user_id":"bob","devices":[{"device_id":"phone","identity_key":"aWQ","signed_prekey":{"key_id":1,"public_key":"c3A","signature":"c2ln"},"one_time_prekey":{"key_id":9,"public_key":"b25l"}}]}"#
                )
                guard case .account(let request)? = rig.dispatcher.operations.last,
                    case .change(.takeKeys(let id)) = request.ask
                else {
                    Issue.record("no fetch")
                    return
                }
                #expect(request.user.text == "bob")
                ids.append(id)
            }
            #expect(ids[0] != ids[1])
        }
    }

    @Test func devicesAreShownWithoutTheirTokens() async throws {
        try await GatewayRig.run { rig in
            let push = PushRegistration(
                target: .fcm(token: "a secret"), content: .silent, registeredAt: Timestamp(3))
            let device = DeviceState(
                device: Self.phone, name: "Ann's", createdAt: Timestamp(1), usedAt: Timestamp(2),
                node: NodeID(high: 0, low: 9), push: push, oneTimePrekeys: 4)
            rig.dispatcher.state.withLockedValue {
                $0.answers = { operation in
                    guard case .account = operation else { return nil }
                    return .account(.devices([device]))
                }
            }
            let token = try await rig.token(device: "phone")
            let answer = try await RawClient.connect(rig.port) { client in
                try await client.request("GET", "/v1/users/me/devices", token: token)
            }
            #expect(
                answer.body
                    == #"{"devices":[{"device_id":"phone","name":"Ann's","created_at":1,"last_active_at":2,"connected":true,"node_id":"00000000-0000-0000-0000-000000000009","current":true,"push":{"provider":"fcm","content":"silent","registered_at":3},"one_time_prekeys":4}]}"#
            )
        }
    }

    @Test func badBodiesAreRefusedWithTheirField() async throws {
        let push = "/v1/users/me/devices/phone/push"
        let keys = "/v1/users/me/devices/phone/keys"
        let settings = "/v1/conversations/\(Self.conversation)/settings"
        let many = (0...100).map { #"{"key_id":\#($0),"public_key":"aa"}"# }.joined(separator: ",")
        let cases: [(String, String, String, String, String?)] = [
            ("PATCH", "/v1/users/me/devices/phone", "{}", "missing_field", "name"),
            ("PATCH", "/v1/users/me/devices/phone", #"{"name":7}"#, "invalid_request", "name"),
            (
                "PATCH", "/v1/users/me/devices/phone",
                #"{"name":"\#(String(repeating: "x", count: 129))"}"#, "invalid_request", "name"
            ),
            ("DELETE", "/v1/users/me/devices/a%20b", "", "invalid_request", nil),
            ("PUT", push, "[]", "invalid_request", nil),
            ("PUT", push, "{}", "missing_field", "provider"),
            ("PUT", push, #"{"provider":"pigeon"}"#, "invalid_request", "provider"),
            ("PUT", push, #"{"provider":"apns","token":"xyz"}"#, "invalid_request", "token"),
            ("PUT", push, #"{"provider":"apns","token":"abcd"}"#, "invalid_request", "token"),
            (
                "PUT", push, #"{"provider":"apns","token":"\#(String(repeating: "x", count: 64))"}"#,
                "invalid_request", "token"
            ),
            ("PUT", push, #"{"provider":"fcm","token":"a b"}"#, "invalid_request", "token"),
            ("PUT", push, #"{"provider":"webpush","endpoint":"ftp://x"}"#, "invalid_request", "endpoint"),
            (
                "PUT", push, #"{"provider":"webpush","endpoint":"https://x","keys":{"p256dh":"BA"}}"#,
                "invalid_request", "keys.p256dh"
            ),
            (
                "PUT", push, #"{"provider":"webhook","url":"https://x","secret":"short"}"#,
                "invalid_request", "secret"
            ),
            ("PUT", push, #"{"provider":"fcm","token":"t","content":"all"}"#, "invalid_request", "content"),
            ("PUT", keys, "{}", "missing_field", "one_time_prekeys"),
            (
                "PUT", keys, #"{"signed_prekey":{"key_id":1,"public_key":"aa"}}"#, "missing_field",
                "signed_prekey.signature"
            ),
            (
                "PUT", keys, #"{"one_time_prekeys":[{"key_id":1,"public_key":"a a"}]}"#, "invalid_request",
                "one_time_prekeys.0.public_key"
            ),
            (
                "PUT", keys, #"{"one_time_prekeys":[{"key_id":-1,"public_key":"aa"}]}"#, "invalid_request",
                "one_time_prekeys.0.key_id"
            ),
            ("PUT", keys, #"{"one_time_prekeys":[\#(many)]}"#, "invalid_request", "one_time_prekeys"),
            ("PATCH", settings, "{}", "invalid_request", nil),
            ("PATCH", settings, #"{"pinned":1}"#, "invalid_request", "pinned"),
            ("PATCH", settings, #"{"muted_until":-1}"#, "invalid_request", "muted_until"),
            ("PATCH", settings, #"{"pinned":true,"archived":true}"#, "invalid_request", "pinned"),
        ]
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            for (method, path, body, code, field) in cases {
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request(method, path, token: token, body: body)
                }
                #expect(answer.status == 400, "\(method) \(path) \(body)")
                #expect(
                    answer.body.contains(#""code":"\#(code)""#), "\(method) \(path) \(body) \(answer.body)")
                if let field {
                    #expect(answer.body.contains(#""field":"\#(field)""#), "\(body) \(answer.body)")
                }
            }
            #expect(!rig.dispatcher.operations.contains { if case .account = $0 { true } else { false } })
        }
    }

    /// The literal `me` and a user's id stand side by side.
    @Test func routesOfOthersStillWork() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            for path in ["/v1/users/bob/presence", "/v1/users/me/presence"] {
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request("GET", path, token: token)
                }
                #expect(answer.status == 200, "\(path)")
            }
        }
    }

    @Test func onlyABackendActsForAnother() async throws {
        try await GatewayRig.run { rig in
            for (scope, status) in [(nil, 403), ("server", 404)] {
                let token = try await rig.token("robot", scope: scope)
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request("GET", "/v1/users/me/devices?sender_id=ann", token: token)
                }
                #expect(answer.status == status)
            }
            #expect(
                rig.dispatcher.operations.last
                    == .account(AccountRequest(user: Self.ann, ask: .devices)))
        }
    }

    @Test func anAccountIsDeletedByItselfOrABackend() async throws {
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue {
                $0.answers = { operation in
                    guard case .account = operation else { return nil }
                    return .account(.done)
                }
            }
            let cases: [(String, String, String?, Int)] = [
                ("ann", "/v1/users/me", nil, 200), ("ann", "/v1/users/ann", nil, 200),
                ("bob", "/v1/users/ann", nil, 403), ("robot", "/v1/users/ann", "server", 200),
            ]
            for (user, path, scope, status) in cases {
                let token = try await rig.token(user, scope: scope)
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request("DELETE", path, token: token)
                }
                #expect(answer.status == status, "\(user) \(path)")
                if status == 200 { #expect(answer.body == #"{"user_id":"ann","deleted":true}"#) }
            }
            let erased = rig.dispatcher.operations.filter {
                $0 == .account(AccountRequest(user: Self.ann, ask: .change(.erase)))
            }
            #expect(erased.count == 3)
        }
    }

    /// Two conversations of thirty messages each, on as many pages as it takes.
    @Test func anExportIsCompleteOverItsPages() async throws {
        let ids = [ConversationID(high: 0, low: 1), ConversationID(high: 0, low: 2)]
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue { $0.answers = { Self.answer($0, ids) } }
            let token = try await rig.token()
            var lines: [String] = []
            var cursor: String?
            var pages = 0
            repeat {
                let path = "/v1/users/me/export" + (cursor.map { "?cursor=\($0)" } ?? "")
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request("GET", path, token: token)
                }
                #expect(answer.status == 200)
                let page = answer.body.split(separator: "\n").map { String($0) }
                lines += page
                pages += 1
                cursor = page.last.flatMap { line in
                    guard line.hasPrefix(#"{"type":"next","cursor":""#) else { return nil }
                    return String(line.dropFirst(25).dropLast(2))
                }
            } while cursor != nil && pages < 20
            #expect(pages > 2)
            func count(_ kind: String) -> Int { lines.count { $0.hasPrefix(#"{"type":"\#(kind)""#) } }
            #expect(count("profile") == 1 && count("device") == 1 && count("conversation") == 2)
            #expect(count("message") == 60)
            #expect(lines.contains { $0.hasPrefix(#"{"type":"settings","last_seen":"everyone""#) })
            #expect(
                lines.filter { $0.hasPrefix(#"{"type":"block""#) } == [
                    #"{"type":"block","user_id":"bea","blocked_at":4}"#,
                    #"{"type":"block","user_id":"bob","blocked_at":5}"#,
                ])
            #expect(lines.last == #"{"type":"end"}"#)
            let bad = try await RawClient.connect(rig.port) { client in
                try await client.request("GET", "/v1/users/me/export?cursor=AAAA", token: token)
            }
            #expect(bad.status == 400 && bad.body.contains("bad_cursor"))
        }
    }

    private static func answer(_ operation: Operation, _ ids: [ConversationID]) -> OperationResult? {
        switch operation {
        case .account(let request):
            switch request.ask {
            case .devices:
                return .account(
                    .devices([
                        DeviceState(
                            device: phone, name: "", createdAt: Timestamp(1), usedAt: Timestamp(2))
                    ]))
            case .rows(let after, _):
                let rest = ids.filter { after == nil || $0 > (after ?? $0) }
                let rows = rest.prefix(1).map {
                    InboxRow(
                        conversation: $0, kind: .direct, peer: ann, title: "", head: Seq(30), rev: Rev(30),
                        lastAt: Timestamp(1), preview: "", headOrdinal: Ordinal(30),
                        markOrdinal: Ordinal(30), read: Seq(30), memberEpoch: 1, isMember: true,
                        version: InboxVersion(1))
                }
                return .account(.rows(ConversationsPage(rows: rows, hasMore: rest.count > 1)))
            default: return nil
            }
        case .privacy(.blocks(_, let after, _)):
            // One a page.
            let isFirst = after == nil
            let block = BlocksPage.Block(
                user: UserID(unchecked: isFirst ? "bea" : "bob"), at: Timestamp(isFirst ? 4 : 5))
            return .privacy(.blocks(BlocksPage(blocks: [block], hasMore: isFirst)))
        case .history(let query):
            let first = (query.bound?.raw ?? 0) + 1
            let last = min(30, first + UInt64(query.limit) - 1)
            let messages = (first...max(first, last)).filter { $0 <= 30 }.map { seq in
                MessageRecord(
                    conversation: query.conversation, seq: Seq(seq), ordinal: Ordinal(seq),
                    messageID: MessageID(high: query.conversation.raw.low, low: seq), sender: ann,
                    senderDevice: nil, recipient: .user(ann),
                    clientMessageID: ClientMessageID(unchecked: "c"),
                    type: .text, content: String(repeating: "x", count: 20_000), timestamp: Timestamp(1),
                    clientTimestamp: nil)
            }
            return .history(HistoryPage(messages: messages, hasMore: last < 30, newest: Seq(30)))
        default: return nil
        }
    }
}
