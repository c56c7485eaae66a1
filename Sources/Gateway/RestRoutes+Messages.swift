import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

extension RestRoutes {
    func addMessages(to router: Router<RestContext>) {
        router.post("/v1/messages") { request, context in try await send(request, context) }
        router.post("/v1/messages/:id/status") { _, context in try await acknowledge(context) }
        router.get("/v1/conversations") { request, context in try await conversations(request, context) }
        router.get("/v1/conversations/:id/messages") { request, context in try await history(request, context)
        }
    }

    /// 201 for a new message, 200 for one that was there.
    private func send(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let fields = try context.fields()
        let body = try SendBody(fields, limits: limits)
        let ref = try fields.optionalString(.ref)
        let sender = try await context.actor(body.sender)
        try context.admit(sender, isSend: true)
        let device = sender == context.caller.user ? context.caller.device : nil
        let operation = Operation.send(
            body.request(sender: sender, device: device, isUnlimited: context.caller.isServer))
        guard case .sent(let sent) = try await context.cluster.perform(operation) else {
            throw RestCluster.wrongKind
        }
        let answer = RestAnswer.sent(ref: ref, clientMessageID: body.clientMessageID, sent)
        return Self.json(sent.duplicate ? .ok : .created, answer)
    }

    /// Forward only; repeating or going back is fine and changes nothing.
    private func acknowledge(_ context: RestContext) async throws(Refusal) -> Response {
        let message: MessageID = try context.identity("id")
        let fields = try context.fields()
        let status = try fields.receiptStatus()
        _ = try fields.optionalInteger(.timestamp)
        let user = try await context.actor(try fields.optionalUser(.senderID))
        try context.admit(user)
        let request = ReceiptRequest(user: user, status: status, target: .message(message))
        _ = try await context.cluster.perform(.receipt(request))
        return Self.json(.ok, RestAnswer.status(message, status))
    }

    private func conversations(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        let limit = try Self.limit(request, standard: limits.historyPageDefault, max: limits.historyPageMax)
        let before = try Self.cursor(request, CursorText.conversations)
        let user = try await context.actor(request)
        try context.admit(user)
        let query = ConversationsQuery(user: user, before: before, limit: limit)
        guard case .conversations(let page) = try await context.cluster.perform(.conversations(query)) else {
            throw RestCluster.wrongKind
        }
        return Self.json(.ok, RestAnswer.conversations(page))
    }

    private func history(_ request: Request, _ context: RestContext) async throws(Refusal) -> Response {
        var body = HistoryBody(
            conversation: try context.identity("id"),
            limit: try Self.limit(request, standard: limits.historyPageDefault, max: limits.historyPageMax))
        let parameters = request.uri.queryParameters
        body.bound = try Self.cursor(request, CursorText.history)
        body.order = try HistoryBody.order(parameters["order"].map { String($0) })
        if let around = parameters["around"] { body.around = try HistoryBody.around(String(around)) }
        body.proof = try Self.flag("proof", request)
        body.isStaleAllowed = try Self.flag("stale_ok", request)
        if let text = parameters["min_seq"] {
            guard let seq = UInt64(text) else { throw ClientFields.bad(.minSeq, "must be a seq") }
            body.minSeq = Seq(seq)
        }
        let user = try await context.actor(request)
        try context.admit(user)
        guard case .history(let page) = try await context.cluster.perform(.history(body.query(by: user)))
        else {
            throw RestCluster.wrongKind
        }
        return Self.json(.ok, RestAnswer.history(page))
    }

    private static func flag(_ name: String, _ request: Request) throws(Refusal) -> Bool {
        switch request.uri.queryParameters[name[...]] {
        case nil, "0", "false": return false
        case "1", "true": return true
        default:
            throw Refusal(.invalidRequest, "\(name) must be 1 or 0", details: [.init("field", .text(name))])
        }
    }
}
