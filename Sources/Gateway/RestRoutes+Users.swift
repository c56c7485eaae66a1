import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

extension RestRoutes {
    func addUsers(to router: Router<RestContext>) {
        router.put("/v1/users/:id") { _, context in try await create(context) }
        router.get("/v1/users/:id/presence") { request, context in
            let user = try context.user("id")
            let states = try await presence(of: [user], viewer: try await context.actor(request), context)
            guard let state = states.first else { throw Refusal(.notFound, "no such user") }
            // Whoever is seen exists; who is hidden is told from who is not there by asking.
            if !state.online, state.lastSeen == nil { try await mustExist(user, context) }
            return Self.json(.ok, RestAnswer.presence(state))
        }
        router.post("/v1/presence") { _, context in
            let fields = try context.fields()
            let users = try fields.users(.userIDs, max: limits.presenceQueryMax)
            let viewer = try await context.actor(try fields.optionalUser(.senderID))
            return Self.json(.ok, RestAnswer.presence(try await presence(of: users, viewer: viewer, context)))
        }
    }

    private func mustExist(_ user: UserID, _ context: RestContext) async throws(Refusal) {
        guard case .usersExist(let flags) = try await context.cluster.perform(.usersExist([user])) else {
            throw RestCluster.wrongKind
        }
        if flags != [true] { throw Refusal(.notFound, "no such user") }
    }

    /// A backend makes a user; everyone else exists by having come this far.
    private func create(_ context: RestContext) async throws(Refusal) -> Response {
        let user = try context.user("id")
        guard context.caller.isServer || user == context.caller.user else {
            throw Refusal(.forbidden, "only a backend may create users")
        }
        try await context.cluster.ensure(user)
        return Self.json(.ok, RestAnswer.user(user))
    }

    private func presence(
        of users: [UserID], viewer: UserID, _ context: RestContext
    ) async throws(Refusal) -> [PresenceState] {
        try context.admit(viewer)
        guard !users.isEmpty else { return [] }
        let result = try await context.cluster.perform(.presence(viewer: viewer, users: users))
        guard case .presence(let states) = result else { throw RestCluster.wrongKind }
        return states
    }
}
