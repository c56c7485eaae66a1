import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// Every code of the client protocol's list, over WebSocket and REST, as documented.
@Suite(.timeLimit(.minutes(1))) struct RefusalTests {
    /// Code, status, and the further fields that the protocol names.
    private static let documented: [(RefusalCode, Int, String)] = [
        (.invalidRequest, 400, "invalid_request"), (.messageTooLong, 400, "message_too_long"),
        (.badCursor, 400, "bad_cursor"), (.missingField, 400, "missing_field"),
        (.unauthenticated, 401, "unauthenticated"), (.forbidden, 403, "forbidden"),
        (.blocked, 403, "blocked"),
        (.notMember, 403, "not_member"), (.groupSendRestricted, 403, "group_send_restricted"),
        (.senderMismatch, 403, "sender_mismatch"), (.notFound, 404, "not_found"),
        (.recipientUnknown, 404, "recipient_unknown"), (.duplicateMismatch, 409, "duplicate_mismatch"),
        (.staleDevices, 409, "stale_devices"), (.gone, 410, "gone"),
        (.frameTooLarge, 413, "frame_too_large"), (.rateLimited, 429, "rate_limited"),
        (.unavailable, 503, "unavailable"), (.overloaded, 503, "overloaded"), (.draining, 503, "draining"),
        (.unknown, 504, "unknown"), (.storageFull, 507, "storage_full"),
    ]

    private func send(_ id: String, content: String = "hi", more: String = "") -> String {
        #"{"type":"send","ref":"r","client_message_id":"\#(id)","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"\#(content)"\#(more)}"#
    }

    @Test func theListIsWhole() { #expect(Self.documented.map(\.0) == RefusalCode.allCases) }

    /// What the cluster refuses reaches the client with its status and code, over both transports.
    @Test func theClustersRefusalsAreCarriedOverBothTransports() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            for (code, status, word) in Self.documented {
                rig.dispatcher.state.withLockedValue { state in
                    state.answers = { operation in
                        guard case .send = operation else { return nil }
                        return .refused(
                            Refusal(
                                code, "no", retryAfterMilliseconds: 9, details: [.init("max", .number(3))]))
                    }
                }
                let tail = #""code":"\#(word)","message":"no","retry_after_ms":9,"max":3}"#
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request("POST", "/v1/messages", token: token, body: send("x"))
                }
                #expect(answer.status == status && answer.body == #"{"error":{"# + tail + "}", "\(word)")
                let frame = try await RawClient.connect(rig.port) { client in
                    _ = try await client.upgrade("/v1/ws?device=phone", token: token)
                    try await client.send(send("x"))
                    return try await client.frame(of: "error")
                }
                #expect(
                    frame
                        == #"{"type":"error","ref":"r","client_message_id":"x","status":\#(status),"# + tail,
                    "\(word)")
            }
        }
    }

    /// What this node refuses by itself over REST.
    @Test func ownRefusalsOverREST() async throws {
        var limits = Limits()
        limits.sendBurst = 30
        limits.sendRatePerSecond = 0
        limits.textScalarsMax = 10
        limits.frameBytesMax = 2_000
        try await GatewayRig.run(limits: limits) { rig in
            let token = try await rig.token()
            func ask(
                _ method: String, _ path: String, _ body: String = "", token: String?
            ) async throws -> RawClient.Answer {
                try await RawClient.connect(rig.port) { client in
                    try await client.request(method, path, token: token, body: body)
                }
            }
            try await RawClient.connect(rig.port) { client in
                for number in 1...30 {
                    let answer = try await client.request(
                        "POST", "/v1/messages", token: token, body: send("first \(number)"))
                    #expect(answer.status == 201)
                }
            }
            let limited = try await ask("POST", "/v1/messages", send("6"), token: token)
            #expect(limited.status == 429 && limited.body.contains(#""retry_after_ms":"#))
            let many = (0...100).map { #""u\#($0)""# }.joined(separator: ",")
            let cases: [(String, String, String, Int, String)] = [
                ("POST", "/v1/presence", #"{"user_ids":[\#(many)]}"#, 400, #""invalid_request","#),
                ("POST", "/v1/messages", send("2"), 429, #""rate_limited","message":"more than 0 per"#),
                ("POST", "/v1/messages", send("3", content: "12345678901"), 400, #""message_too_long","#),
                ("POST", "/v1/messages", #"{"content":"x"}"#, 400, #""missing_field","#),
                ("POST", "/v1/messages", "[]", 400, #""invalid_request","#),
                (
                    "POST", "/v1/messages", send("4", content: String(repeating: "x", count: 3_000)), 413,
                    #""frame_too_large","#
                ),
                (
                    "POST", "/v1/messages", send("5", more: #","sender_id":"eve""#), 403,
                    #""sender_mismatch","#
                ),
                ("GET", "/v1/conversations?cursor=AAAA", "", 400, #""bad_cursor","#),
                ("PUT", "/v1/users/eve", "", 403, #""forbidden","#),
                ("GET", "/v1/nowhere", "", 404, #""not_found","#),
                ("PATCH", "/v1/users/me/settings", #"{"online":"friends"}"#, 400, #""invalid_request","#),
                (
                    "PATCH", "/v1/users/me/settings", #"{"quiet_hours":{"start":"1:00"}}"#, 400,
                    #""invalid_request","#
                ),
                (
                    "PATCH", "/v1/users/me/settings",
                    #"{"quiet_hours":{"start":"01:00","end":"02:00","time_zone":"Mars/Base"}}"#, 400,
                    #""invalid_request","#
                ),
                ("PUT", "/v1/users/me/blocks/ann", "", 400, #""invalid_request","#),
                ("PUT", "/v1/users/me/blocks/no%20one", "", 400, #""invalid_request","#),
                ("GET", "/v1/users/me/blocks?limit=1001", "", 400, #""invalid_request","#),
                ("GET", "/v1/users/me/blocks?cursor=x", "", 400, #""bad_cursor","#),
            ]
            for (method, path, body, status, code) in cases {
                let answer = try await ask(method, path, body, token: token)
                #expect(answer.status == status, "\(method) \(path) \(body.prefix(80))")
                #expect(answer.body.hasPrefix(#"{"error":{"code":"# + code), "\(answer.body)")
            }
            #expect(try await ask("GET", "/v1/conversations", token: nil).status == 401)
            #expect(try await ask("GET", "/v1/conversations", token: "x.y.z").status == 401)
            rig.dispatcher.state.withLockedValue { $0.isReady = false }
            let unready = try await ask("GET", "/v1/conversations", token: token)
            #expect(unready.status == 503 && unready.body.contains(#""code":"unavailable""#))
            rig.dispatcher.state.withLockedValue {
                $0.isReady = true
                $0.isDraining = true
            }
            let draining = try await RawClient.connect(rig.port) { client in
                try await client.upgrade("/v1/ws?device=phone", token: token)
            }
            #expect(draining.status == 503 && draining.body.contains(#""code":"draining""#))
        }
    }

    @Test func ratesArePerUserAndDevice() async throws {
        var limits = Limits()
        limits.sendBurst = 3
        limits.sendRatePerSecond = 1
        let buckets = UserBuckets(limits: limits)
        let (ann, bob) = (UserID(unchecked: "ann"), UserID(unchecked: "bob"))
        let phone = DeviceID(unchecked: "phone")
        let now = Tick(1_000)
        for _ in 1...3 { #expect(buckets.refusalOfSend(ann, device: phone, now: now) == nil) }
        let refused = buckets.refusalOfSend(ann, device: phone, now: now)
        #expect(refused?.code == .rateLimited && refused?.retryAfterMilliseconds == 1_000)
        // All devices of a user share its bucket; others have their own.
        #expect(buckets.refusalOfSend(ann, device: DeviceID(unchecked: "laptop"), now: now) != nil)
        #expect(buckets.refusalOfSend(bob, now: now) == nil)
        #expect(buckets.refusalOfSend(ann, now: now + 1_000) == nil)
        // Other requests have a bucket of their own.
        #expect(buckets.refusalOfRequest(ann, now: now) == nil)
    }

    @Test func abuseIsClosedWith4008AndBackendsHaveNoRate() async throws {
        var limits = Limits()
        limits.frameBurst = 5
        limits.frameRatePerSecond = 0
        try await GatewayRig.run(limits: limits) { rig in
            let token = try await rig.token()
            let code = try await RawClient.connect(rig.port) { client in
                _ = try await client.upgrade("/v1/ws?device=phone", token: token)
                for _ in 0..<2_100 { try await client.send(#"{"type":"ping"}"#) }
                return try await client.closeCode()
            }
            #expect(code == 4_008)
            let backend = try await rig.token("backend", scope: "server")
            try await RawClient.connect(rig.port) { client in
                _ = try await client.upgrade("/v1/ws?device=phone", token: backend)
                for _ in 0..<50 { try await client.send(#"{"type":"ping"}"#) }
                for _ in 0..<50 { #expect(try await client.frame(of: "pong") != nil) }
                let statuses = try await RawClient.connect(rig.port) { client in
                    var statuses: Set<Int> = []
                    for number in 0..<80 {
                        statuses.insert(
                            try await client.request(
                                "POST", "/v1/messages", token: backend, body: send("\(number)")
                            ).status)
                    }
                    return statuses
                }
                #expect(statuses == [201])
            }
        }
    }

    @Test func aHiddenUserIsOfflineAndAnUnknownOne404() async throws {
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue { state in
                state.answers = { operation in
                    guard case .presence(_, let users) = operation else { return nil }
                    return .presence(users.map { PresenceState(user: $0, online: false, lastSeen: nil) })
                }
            }
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                let hidden = try await client.request("GET", "/v1/users/bob/presence", token: token)
                #expect(hidden.status == 200 && hidden.body == #"{"user_id":"bob","status":"offline"}"#)
                let unknown = try await client.request("GET", "/v1/users/nobody/presence", token: token)
                #expect(unknown.status == 404 && unknown.body.contains(#""code":"not_found""#))
            }
        }
    }

    @Test func settingsAndBlocksReachTheCluster() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token()
            try await RawClient.connect(rig.port) { client in
                let settings = try await client.request(
                    "PATCH", "/v1/users/me/settings", token: token,
                    body:
                        #"{"last_seen":"contacts","read_receipts":false,"quiet_hours":{"start":"22:05","end":"07:30","time_zone":"Europe/Berlin"},"other":1}"#
                )
                #expect(
                    settings.body
                        == #"{"last_seen":"everyone","online":"everyone","read_receipts":true,"group_add":"everyone","quiet_hours":null}"#
                )
                #expect(
                    try await client.request("PUT", "/v1/users/me/blocks/bob", token: token).body
                        == #"{"user_id":"bob","blocked":true}"#)
                #expect(
                    try await client.request("DELETE", "/v1/users/me/blocks/bob", token: token).body
                        == #"{"user_id":"bob","blocked":false}"#)
                #expect(
                    try await client.request("GET", "/v1/users/me/blocks", token: token).body
                        == #"{"blocks":[],"next_cursor":null,"has_more":false}"#)
            }
            var change = SettingsChange()
            change.lastSeen = .contacts
            change.readReceipts = false
            change.quietHours = .hours(
                QuietHours(startMinute: 1_325, endMinute: 450, timeZone: "Europe/Berlin"))
            let (ann, bob) = (UserID(unchecked: "ann"), UserID(unchecked: "bob"))
            #expect(rig.dispatcher.operations.contains(.privacy(.change(ann, change))))
            #expect(
                rig.dispatcher.operations.contains(.privacy(.block(ann, peer: bob, isBlocked: true))))
            #expect(
                rig.dispatcher.operations.contains(.privacy(.block(ann, peer: bob, isBlocked: false))))
        }
    }
}
