import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

extension RestRoutes {
    func addGroups(to router: Router<RestContext>) {
        router.post("/v1/groups") { _, context in try await create(context) }
        router.get("/v1/groups/:id") { request, context in try await describe(request, context) }
        router.patch("/v1/groups/:id") { request, context in
            let fields = try context.fields()
            let edit = try fields.groupEdit(limits)
            let group = try await change(request, context, .edit(edit), fields)
            return Self.json(.ok, RestAnswer.group(group))
        }
        router.delete("/v1/groups/:id") { request, context in
            Self.json(.ok, RestAnswer.group(try await change(request, context, .close)))
        }
        router.post("/v1/groups/:id/members") { request, context in
            let fields = try context.fields()
            let users = try fields.users(.userIDs, max: limits.groupMembersMax)
            let group = try await change(request, context, .add(users), fields)
            return Self.json(.ok, RestAnswer.group(group, showsMembers: true))
        }
        router.get("/v1/groups/:id/members") { request, context in try await members(request, context) }
        router.delete("/v1/groups/:id/members/:user") { request, context in
            let user = try context.user("user")
            let isOwn = try await context.actor(request) == user
            let group = try await change(request, context, isOwn ? .leave : .remove(user))
            return Self.json(.ok, RestAnswer.group(group))
        }
        router.put("/v1/groups/:id/members/:user/role") { request, context in
            let fields = try context.fields()
            let user = try context.user("user")
            let role = try fields.groupRole()
            return Self.json(
                .ok, RestAnswer.group(try await change(request, context, .setRole(user, role), fields)))
        }
        router.post("/v1/groups/:id/leave") { request, context in
            Self.json(.ok, RestAnswer.group(try await change(request, context, .leave)))
        }
    }

    private func create(_ context: RestContext) async throws(Refusal) -> Response {
        let fields = try context.fields()
        let creation = try fields.groupCreation(limits)
        let actor = try await context.actor(try fields.optionalUser(.senderID))
        try context.admit(actor)
        var random = SystemRandomNumberGenerator()
        // The shape of a UUIDv4.
        let id = ConversationID(
            high: random.next() & ~0xF000 | 0x4000, low: random.next() >> 2 | 0x8000_0000_0000_0000)
        let request = GroupRequest(group: id, actor: actor, change: .create(creation))
        guard case .group(let group) = try await context.cluster.perform(.group(request)) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.created, RestAnswer.group(group, showsMembers: true))
    }

    private func describe(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        guard case .description(let group) = try await ask(request, context, .description) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.ok, RestAnswer.description(group))
    }

    private func members(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let limit = try Self.limit(request, standard: limits.historyPageMax, max: limits.historyPageMax)
        let after = try Self.cursor(request, CursorText.member)
        guard
            case .members(let members, let hasMore) = try await ask(
                request, context, .members(after: after, limit: limit))
        else { throw RestCluster.wrongKind }
        return Self.json(.ok, RestAnswer.members(members, hasMore: hasMore))
    }

    /// A change of the group in the path, made by the caller or by whom a backend names.
    func change(
        _ request: Request, _ context: RestContext, _ change: GroupChange, _ fields: ClientFields? = nil
    ) async throws(Refusal) -> GroupResult {
        let id: ConversationID = try context.identity("id")
        return try await self.change(id, request, context, change, fields)
    }

    func change(
        _ id: ConversationID, _ request: Request, _ context: RestContext, _ change: GroupChange,
        _ fields: ClientFields? = nil
    ) async throws(Refusal) -> GroupResult {
        let named = try fields?.optionalUser(.senderID)
        let actor = named == nil ? try await context.actor(request) : try await context.actor(named)
        try context.admit(actor)
        let operation = Operation.group(GroupRequest(group: id, actor: actor, change: change))
        guard case .group(let group) = try await context.cluster.perform(operation) else {
            throw RestCluster.wrongKind
        }
        return group
    }

    func ask(
        _ request: Request, _ context: RestContext, _ subject: GroupQuery.Subject
    ) async throws(Refusal) -> GroupAnswer {
        let id: ConversationID = try context.identity("id")
        let actor = try await context.actor(request)
        try context.admit(actor)
        let query = GroupQuery(group: id, actor: actor, subject: subject)
        guard case .groupAnswer(let answer) = try await context.cluster.perform(.groupQuery(query)) else {
            throw RestCluster.wrongKind
        }
        return answer
    }
}
