import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

/// Invites of groups, joining by them, and who waits to be let in.
extension RestRoutes {
    func addInvites(to router: Router<RestContext>) {
        router.post("/v1/groups/:id/invites") { request, context in try await invite(request, context) }
        router.get("/v1/groups/:id/invites") { request, context in
            let id: ConversationID = try context.identity("id")
            guard case .invites(let invites) = try await ask(request, context, .invites) else {
                throw RestCluster.wrongKind
            }
            return Self.json(.ok, RestAnswer.invites(invites, of: id))
        }
        router.delete("/v1/groups/:id/invites") { request, context in try await revoke(request, context) }
        router.post("/v1/invites/:code/join") { request, context in try await join(request, context) }
        router.get("/v1/groups/:id/requests") { request, context in try await requests(request, context) }
        router.post("/v1/groups/:id/requests/:user/approve") { request, context in
            try await decide(request, context, admits: true)
        }
        router.post("/v1/groups/:id/requests/:user/reject") { request, context in
            try await decide(request, context, admits: false)
        }
    }

    /// 128 bits that nobody can guess.
    private func invite(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let id: ConversationID = try context.identity("id")
        let fields = context.body.readableBytes == 0 ? nil : try context.fields()
        var random = SystemRandomNumberGenerator()
        let secret = InviteSecret(raw: UInt128ID(high: random.next(), low: random.next()))
        let offer =
            try fields?.inviteOffer(secret)
            ?? InviteOffer(secret: secret, lastsMilliseconds: nil, usesMax: nil)
        guard let invite = try await change(request, context, .invite(offer), fields).invite else {
            throw RestCluster.wrongKind
        }
        return Self.json(.created, RestAnswer.invite(invite, of: id))
    }

    private func join(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        guard let code = InviteCode(context.coreContext.parameters.get("code") ?? "") else {
            throw Refusal(.notFound, "no such invite")
        }
        let group = try await change(code.group, request, context, .join(code.secret))
        return Self.json(group.isPending ? .accepted : .ok, RestAnswer.joined(group))
    }

    private func revoke(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let secret = try revoked(request, context)
        let group = try await change(request, context, .revokeInvites(secret))
        return Self.json(.ok, RestAnswer.group(group))
    }

    /// `{"code"}` or `?code=` names one invite; without it all are revoked.
    private func revoked(_ request: Request, _ context: RestContext) throws(Refusal) -> InviteSecret? {
        var text = request.uri.queryParameters["code"].map { String($0) }
        if context.body.readableBytes > 0 { text = try context.fields().optionalString(.code) ?? text }
        guard let text else { return nil }
        let id: ConversationID = try context.identity("id")
        guard let code = InviteCode(text), code.group == id else {
            throw Refusal(.notFound, "no such invite")
        }
        return code.secret
    }

    private func requests(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let limit = try Self.limit(request, standard: limits.historyPageMax, max: limits.historyPageMax)
        let after = try Self.cursor(request, CursorText.member)
        guard
            case .requests(let requests, let hasMore) = try await ask(
                request, context, .requests(after: after, limit: limit))
        else { throw RestCluster.wrongKind }
        return Self.json(.ok, RestAnswer.requests(requests, hasMore: hasMore))
    }

    private func decide(
        _ request: Request, _ context: RestContext, admits: Bool
    ) async throws(Refusal) -> Response {
        let user = try context.user("user")
        let group = try await change(request, context, .decide(user, admits: admits))
        return Self.json(.ok, RestAnswer.group(group))
    }
}
