import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// Every route about groups: the operation it becomes, the answer, and what it refuses.
@Suite struct GroupRouteTests {
    private let group = ConversationID(high: 0, low: 5)
    private let bob = UserID(unchecked: "bob")
    private var path: String { "/v1/groups/\(group)" }
    private var invite: GroupInvite {
        GroupInvite(
            InviteOffer(
                secret: InviteSecret(raw: UInt128ID(high: 1, low: 2)), lastsMilliseconds: 10, usesMax: 3),
            by: bob, at: Timestamp(5))
    }
    private var code: String { InviteCode(group: group, secret: invite.secret).description }

    /// What the dispatcher was asked and what was answered; the user's own `ensureUser` left out.
    private func ask(
        _ method: String, _ path: String, _ body: String = "",
        answer: @escaping @Sendable (Operation) -> OperationResult? = { _ in nil }
    ) async throws -> (status: Int, body: String, operations: [Operation]) {
        try await GatewayRig.run { rig in
            rig.dispatcher.state.withLockedValue { $0.answers = answer }
            let token = try await rig.token()
            let reply = try await RawClient.connect(rig.port) { client in
                try await client.request(method, path, token: token, body: body)
            }
            let operations = rig.dispatcher.operations.filter {
                if case .ensureUser = $0 { false } else { true }
            }
            return (reply.status, reply.body, operations)
        }
    }

    private func change(_ operation: Operation?) -> GroupChange? {
        guard case .group(let request)? = operation, request.actor.text == "ann", request.group == group
        else { return nil }
        return request.change
    }

    @Test func changesBecomeOperations() async throws {
        var settings = GroupSettingsEdit()
        settings.send = .admins
        settings.editInfo = .all
        settings.approveJoins = true
        settings.history = .last(5)
        let cases: [(String, String, String, GroupChange)] = [
            ("PATCH", path, #"{"name":"n"}"#, .rename("n")),
            (
                "PATCH", path,
                #"{"description":"d","settings":{"send":"admins","edit_info":"all","approve_joins":true,"history":"last","history_last":5}}"#,
                .edit(GroupEdit(description: "d", settings: settings))
            ),
            ("DELETE", path, "", .close),
            ("POST", path + "/leave", "", .leave),
            ("POST", path + "/members", #"{"user_ids":["bob","bob"]}"#, .add([bob])),
            ("DELETE", path + "/members/bob", "", .remove(bob)),
            ("DELETE", path + "/members/ann", "", .leave),
            ("PUT", path + "/members/bob/role", #"{"role":"admin"}"#, .setRole(bob, .admin)),
            ("PUT", path + "/members/bob/role", #"{"role":"owner"}"#, .setRole(bob, .owner)),
            ("DELETE", path + "/invites", "", .revokeInvites(nil)),
            ("DELETE", path + "/invites?code=\(code)", "", .revokeInvites(invite.secret)),
            ("DELETE", path + "/invites", #"{"code":"\#(code)"}"#, .revokeInvites(invite.secret)),
            ("POST", path + "/requests/bob/approve", "", .decide(bob, admits: true)),
            ("POST", path + "/requests/bob/reject", "", .decide(bob, admits: false)),
            ("POST", "/v1/invites/\(code)/join", "", .join(invite.secret)),
        ]
        for (method, path, body, expected) in cases {
            let reply = try await ask(method, path, body)
            #expect(reply.status == 200, "\(method) \(path): \(reply.body)")
            #expect(change(reply.operations.first) == expected, "\(method) \(path)")
            #expect(reply.body.hasPrefix(#"{"group_id":"\#(group)","conversation_id":"#))
        }
    }

    @Test func creatingNamesEverybodyWithAResult() async throws {
        let reply = try await ask(
            "POST", "/v1/groups",
            #"{"name":"n","description":"d","member_ids":["bob"],"settings":{"history":"all"}}"#
        ) { operation in
            guard case .group(let request) = operation else { return nil }
            let results: [MemberResult] = [.added, .already, .notFound, .blocked, .inviteNeeded]
            return .group(
                GroupResult(
                    group: request.group, name: "n", seq: Seq(1),
                    members: results.map { .init(user: bob, role: .member, result: $0) }))
        }
        #expect(reply.status == 201)
        for word in ["added", "already", "not_found", "blocked", "invite_needed"] {
            #expect(reply.body.contains(#"{"user_id":"bob","result":"\#(word)"}"#))
        }
        guard case .group(let request)? = reply.operations.first, case .create(let creation) = request.change
        else {
            Issue.record("no creation")
            return
        }
        #expect(creation.description == "d" && creation.settings.history == .all && creation.members == [bob])
    }

    @Test func describesAGroup() async throws {
        let description = GroupDescription(
            group: group, name: "n", description: "d", settings: GroupSettings(), head: Seq(4),
            memberEpoch: 5, memberCount: 2, createdAt: Timestamp(7), creator: bob, isClosed: false,
            role: .admin, members: [GroupMember(user: bob, role: .owner, joinedSeq: Seq(1))],
            hasMoreMembers: false)
        let reply = try await ask("GET", path) { operation in
            if case .groupQuery = operation { .groupAnswer(.description(description)) } else { nil }
        }
        #expect(reply.status == 200)
        #expect(
            reply.body
                == #"{"group_id":"\#(group)","conversation_id":"\#(group)","name":"n","description":"d","settings":{"send":"all","edit_info":"admins","add_members":"admins","approve_joins":false,"history":"none"},"seq":4,"member_count":2,"role":"admin","creator_id":"bob","created_at":7,"deleted":false,"members":[{"user_id":"bob","role":"owner","joined_seq":1}],"next_cursor":null}"#
        )
    }

    @Test func membersAndRequestsComeByPages() async throws {
        let cursor = CursorText.text(member: bob)
        let members = try await ask("GET", path + "/members?limit=1&cursor=\(cursor)") { operation in
            guard case .groupQuery = operation else { return nil }
            return .groupAnswer(
                .members([GroupMember(user: bob, role: .member, joinedSeq: Seq(2))], hasMore: true))
        }
        let query = GroupQuery(
            group: group, actor: UserID(unchecked: "ann"), subject: .members(after: bob, limit: 1))
        #expect(members.operations == [.groupQuery(query)])
        #expect(
            members.body
                == #"{"members":[{"user_id":"bob","role":"member","joined_seq":2}],"next_cursor":"\#(cursor)","has_more":true}"#
        )
        let requests = try await ask("GET", path + "/requests") { operation in
            guard case .groupQuery = operation else { return nil }
            return .groupAnswer(.requests([GroupJoinRequest(user: bob, at: Timestamp(3))], hasMore: false))
        }
        #expect(
            requests.body
                == #"{"requests":[{"user_id":"bob","requested_at":3}],"next_cursor":null,"has_more":false}"#)
    }

    @Test func anInviteIsMadeFromChanceAndListed() async throws {
        let invite = invite
        @Sendable func answer(_ operation: Operation) -> OperationResult? {
            switch operation {
            case .group:
                .group(GroupResult(group: group, name: "n", seq: Seq(1), members: [], invite: invite))
            case .groupQuery: .groupAnswer(.invites([invite]))
            default: nil
            }
        }
        let shown =
            #"{"code":"\#(code)","group_id":"\#(group)","creator_id":"bob","created_at":5,"expires_at":15,"uses_max":3,"uses":0}"#
        var secrets: Set<InviteSecret> = []
        for _ in 0..<2 {
            let made = try await ask(
                "POST", path + "/invites", #"{"expires_in_ms":60000,"uses_max":3}"#, answer: answer)
            #expect(made.status == 201 && made.body == shown)
            guard case .invite(let offer)? = change(made.operations.first) else {
                Issue.record("no invite")
                return
            }
            #expect(offer.lastsMilliseconds == 60_000 && offer.usesMax == 3)
            secrets.insert(offer.secret)
        }
        #expect(secrets.count == 2)
        let listed = try await ask("GET", path + "/invites", answer: answer)
        #expect(listed.body == #"{"invites":[\#(shown)]}"#)
    }

    @Test func whoWaitsIs202() async throws {
        let reply = try await ask("POST", "/v1/invites/\(code)/join") { operation in
            guard case .group(let request) = operation else { return nil }
            return .group(
                GroupResult(group: request.group, name: "n", seq: Seq(1), members: [], isPending: true))
        }
        #expect(reply.status == 202 && reply.body.hasSuffix(#""status":"pending"}"#))
    }

    @Test func whatIsWrongIsRefused() async throws {
        let long = String(repeating: "x", count: 257)
        let otherCode = InviteCode(group: ConversationID(high: 1, low: 1), secret: invite.secret).description
        let cases: [(String, String, String, Int, String)] = [
            ("POST", "/v1/groups", #"{"name":""}"#, 400, "invalid_request"),
            ("POST", "/v1/groups", #"{"name":"\#(long)"}"#, 400, "invalid_request"),
            ("POST", "/v1/groups", #"{"name":"x","member_ids":["no user"]}"#, 400, "invalid_request"),
            ("PATCH", path, "{}", 400, "missing_field"),
            ("PATCH", path, #"{"settings":{"send":"some"}}"#, 400, "invalid_request"),
            ("PATCH", path, #"{"settings":{"approve_joins":1}}"#, 400, "invalid_request"),
            ("PATCH", path, #"{"settings":{"history":"last"}}"#, 400, "invalid_request"),
            ("PATCH", path, #"{"settings":[]}"#, 400, "invalid_request"),
            (
                "PATCH", path, #"{"description":"\#(String(repeating: long, count: 8))"}"#, 400,
                "invalid_request"
            ),
            ("PUT", path + "/members/bob/role", #"{"role":"king"}"#, 400, "invalid_request"),
            ("PUT", path + "/members/bob/role", "{}", 400, "missing_field"),
            ("POST", path + "/members", "{}", 400, "missing_field"),
            ("GET", path + "/members?limit=101", "", 400, "invalid_request"),
            ("GET", path + "/members?cursor=xx", "", 400, "bad_cursor"),
            ("POST", path + "/invites", #"{"uses_max":0}"#, 400, "invalid_request"),
            ("POST", path + "/invites", #"{"expires_in_ms":1}"#, 400, "invalid_request"),
            ("DELETE", path + "/invites?code=\(otherCode)", "", 404, "not_found"),
            ("POST", "/v1/invites/nonsense/join", "", 404, "not_found"),
            ("GET", "/v1/groups/nonsense", "", 404, "not_found"),
        ]
        for (method, path, body, status, code) in cases {
            let reply = try await ask(method, path, body)
            #expect(reply.status == status, "\(method) \(path) \(body): \(reply.body)")
            #expect(reply.body.hasPrefix(#"{"error":{"code":"\#(code)","#), "\(method) \(path) \(reply.body)")
            #expect(reply.operations.isEmpty, "\(method) \(path)")
        }
    }

    @Test(arguments: [
        (RefusalCode.notMember, 403), (.forbidden, 403), (.groupSendRestricted, 403), (.gone, 410),
        (.notFound, 404),
    ])
    func whatTheGroupRefusesIsCarriedAsItStands(code: RefusalCode, status: Int) async throws {
        let body =
            #"{"client_message_id":"1","recipient_id":"\#(group)","recipient_type":"group","message_type":"text","content":"x"}"#
        let reply = try await ask("POST", "/v1/messages", body) { operation in
            if case .send = operation { .refused(Refusal(code, "no")) } else { nil }
        }
        #expect(reply.status == status)
        #expect(reply.body == #"{"error":{"code":"\#(code.word)","message":"no"}}"#)
    }
}
