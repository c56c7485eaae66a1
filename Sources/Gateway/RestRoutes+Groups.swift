import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

extension RestRoutes {
    func addGroups(to router: Router<RestContext>) {
        router.post("/v1/groups") { _, context in try await create(context) }
        router.get("/v1/groups/:id") { request, context in
            let group = try await change(request, context, .describe)
            return Self.json(.ok, RestAnswer.group(group, members: .roles))
        }
        router.patch("/v1/groups/:id") { request, context in
            let fields = try context.fields()
            let name = try groupName(fields)
            let group = try await change(request, context, .rename(name), fields)
            return Self.json(.ok, RestAnswer.group(group, members: .none))
        }
        router.post("/v1/groups/:id/members") { request, context in
            let fields = try context.fields()
            let users = try fields.users(.userIDs, max: limits.groupMembersMax)
            let group = try await change(request, context, .add(users), fields)
            return Self.json(.ok, RestAnswer.group(group, members: .results))
        }
        router.get("/v1/groups/:id/members") { request, context in
            let group = try await change(request, context, .describe)
            return Self.json(.ok, RestAnswer.members(group))
        }
        router.delete("/v1/groups/:id/members/:user") { request, context in
            let user = try context.user("user")
            let isOwn = try await context.actor(request) == user
            let group = try await change(request, context, isOwn ? .leave : .remove(user))
            return Self.json(.ok, RestAnswer.group(group, members: .none))
        }
        router.post("/v1/groups/:id/leave") { request, context in
            let group = try await change(request, context, .leave)
            return Self.json(.ok, RestAnswer.group(group, members: .none))
        }
    }

    private func create(_ context: RestContext) async throws(Refusal) -> Response {
        let fields = try context.fields()
        let name = try groupName(fields)
        let members = try fields.optionalUsers(.memberIDs, max: limits.groupMembersMax) ?? []
        let actor = try await context.actor(try fields.optionalUser(.senderID))
        try context.admit(actor)
        var random = SystemRandomNumberGenerator()
        // The shape of a UUIDv4.
        let id = ConversationID(
            high: random.next() & ~0xF000 | 0x4000, low: random.next() >> 2 | 0x8000_0000_0000_0000)
        let request = GroupRequest(group: id, actor: actor, change: .create(name: name, members: members))
        guard case .group(let group) = try await context.cluster.perform(.group(request)) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.created, RestAnswer.group(group, members: .results))
    }

    private func groupName(_ fields: ClientFields) throws(Refusal) -> String {
        let name = try fields.string(.name)
        guard !name.isEmpty else { throw ClientFields.bad(.name, "must not be empty") }
        guard name.utf8.count <= limits.groupNameBytesMax else {
            throw ClientFields.bad(.name, "has more than \(limits.groupNameBytesMax) bytes")
        }
        return name
    }

    /// A change of the group in the path, made by the caller or by whom a backend names.
    private func change(
        _ request: Request, _ context: RestContext, _ change: GroupRequest.Change,
        _ fields: ClientFields? = nil
    ) async throws(Refusal) -> GroupResult {
        let id: ConversationID = try context.identity("id")
        let named = try fields?.optionalUser(.senderID)
        let actor = named == nil ? try await context.actor(request) : try await context.actor(named)
        try context.admit(actor)
        let operation = Operation.group(GroupRequest(group: id, actor: actor, change: change))
        guard case .group(let group) = try await context.cluster.perform(operation) else {
            throw RestCluster.wrongKind
        }
        return group
    }
}
