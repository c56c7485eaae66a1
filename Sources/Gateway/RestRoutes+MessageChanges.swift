import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

/// What happens to messages after they were sent.
extension RestRoutes {
    func addMessageChanges(to router: Router<RestContext>) {
        router.patch("/v1/messages/:id") { request, context in
            let fields = try context.fields()
            let content = try SendBody.content(fields, type: .text, limits: limits)
            return try await change(request, context, .edit(content), fields)
        }
        router.delete("/v1/messages/:id") { request, context in
            try await change(request, context, try Self.deletion(request))
        }
        router.put("/v1/messages/:id/reaction") { request, context in
            let fields = try context.fields()
            return try await change(request, context, .react(try emoji(fields)), fields)
        }
        router.delete("/v1/messages/:id/reaction") { request, context in
            try await change(request, context, .unreact)
        }
        router.get("/v1/messages/:id/info") { request, context in try await info(request, context) }
    }

    private func change(
        _ request: Request, _ context: RestContext, _ change: MessageChangeRequest.Change,
        _ fields: ClientFields? = nil
    ) async throws(Refusal) -> Response {
        let message: MessageID = try context.identity("id")
        let named = try fields?.optionalUser(.senderID)
        let actor = named == nil ? try await context.actor(request) : try await context.actor(named)
        try context.admit(actor, isSend: true)
        let operation = Operation.changeMessage(
            MessageChangeRequest(message: message, actor: actor, change: change))
        guard case .messageChanged(let event) = try await context.cluster.perform(operation) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.ok, RestAnswer.update(event))
    }

    private static func deletion(_ request: Request) throws(Refusal) -> MessageChangeRequest.Change {
        switch request.uri.queryParameters["for"] {
        case "everyone": return .deleteForEveryone
        case nil, "me": return .deleteForMe
        default:
            throw Refusal(
                .invalidRequest, "for must be everyone or me", details: [.init("field", .text("for"))])
        }
    }

    /// One emoji is several scalars at times, but never a space or a control character.
    private func emoji(_ fields: ClientFields) throws(Refusal) -> String {
        let emoji = try fields.string(.emoji)
        guard !emoji.isEmpty else { throw ClientFields.bad(.emoji, "must not be empty") }
        guard emoji.utf8.count <= limits.reactionBytesMax else {
            throw Refusal(
                .invalidRequest, "emoji has more than \(limits.reactionBytesMax) bytes",
                details: [
                    .init("field", .text("emoji")), .init("max", .number(Int64(limits.reactionBytesMax))),
                ])
        }
        guard emoji.unicodeScalars.allSatisfy({ $0.value > 0x20 && !(0x7F...0x9F).contains($0.value) }) else {
            throw ClientFields.bad(.emoji, "must be one emoji")
        }
        return emoji
    }

    private func info(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let message: MessageID = try context.identity("id")
        let user = try await context.actor(request)
        try context.admit(user)
        let operation = Operation.messageInfo(InfoQuery(message: message, user: user))
        guard case .messageInfo(let info) = try await context.cluster.perform(operation) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.ok, RestAnswer.info(info))
    }
}
