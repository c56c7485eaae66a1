import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

extension RestRoutes {
    private static var blocksPageMax: Int { 1_000 }

    func addPrivacy(to router: Router<RestContext>) {
        router.get("/v1/users/me/settings") { request, context in
            let user = try await context.actor(request)
            return try await settings(context, user, .settings(user))
        }
        router.patch("/v1/users/me/settings") { request, context in
            let change = try settingsChange(context)
            let user = try await context.actor(request)
            return try await settings(context, user, .change(user, change))
        }
        router.get("/v1/users/me/blocks") { request, context in try await blocks(request, context) }
        router.put("/v1/users/me/blocks/:id") { request, context in
            try await block(request, context, isBlocked: true)
        }
        router.delete("/v1/users/me/blocks/:id") { request, context in
            try await block(request, context, isBlocked: false)
        }
    }

    private func settingsChange(_ context: RestContext) throws(Refusal) -> SettingsChange {
        let change = try SettingsChange(body: Array(context.body.readableBytesView))
        if case .hours(let hours) = change.quietHours, TimeZone(identifier: hours.timeZone) == nil {
            throw Refusal(
                .invalidRequest, "time_zone is not one of the IANA time zone database",
                details: [.init("field", .text("quiet_hours"))])
        }
        return change
    }

    private func settings(
        _ context: RestContext, _ user: UserID, _ request: PrivacyRequest
    ) async throws(Refusal) -> Response {
        try context.admit(user)
        guard case .privacy(.settings(let settings)) = try await context.cluster.perform(.privacy(request))
        else { throw RestCluster.wrongKind }
        return Self.json(.ok, RestAnswer.settings(settings))
    }

    private func blocks(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let limit = try Self.limit(request, standard: 100, max: Self.blocksPageMax)
        let after = try Self.cursor(request, CursorText.blocks)
        let user = try await context.actor(request)
        try context.admit(user)
        let result = try await context.cluster.perform(.privacy(.blocks(user, after: after, limit: limit)))
        guard case .privacy(.blocks(let page)) = result else { throw RestCluster.wrongKind }
        return Self.json(.ok, RestAnswer.blocks(page))
    }

    private func block(
        _ request: Request, _ context: RestContext, isBlocked: Bool
    ) async throws(Refusal) -> Response {
        let peer = try context.user("id")
        let user = try await context.actor(request)
        guard peer != user else { throw Refusal(.invalidRequest, "nobody blocks themselves") }
        try context.admit(user)
        let request = PrivacyRequest.block(user, peer: peer, isBlocked: isBlocked)
        guard case .privacy(.settings) = try await context.cluster.perform(.privacy(request)) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.ok, RestAnswer.block(peer, isBlocked: isBlocked))
    }
}
