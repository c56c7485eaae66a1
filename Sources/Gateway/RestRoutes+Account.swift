import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Vocabulary
import Wire

/// The end of an account, and everything it holds.
extension RestRoutes {
    func addAccount(to router: Router<RestContext>) {
        router.delete("/v1/users/me") { request, context in
            try await erase(try await context.own(request), context)
        }
        router.delete("/v1/users/:id") { _, context in
            let user = try context.user("id")
            guard context.caller.isServer || user == context.caller.user else {
                throw Refusal(.forbidden, "only a backend may delete others' accounts")
            }
            try context.admit(user)
            return try await erase(user, context)
        }
        router.get("/v1/users/me/export") { request, context in
            let cursor = try Self.cursor(request, CursorText.export)
            let user = try await context.own(request)
            let lines = try await AccountExport(user: user, context: context).page(after: cursor)
            return Response(
                status: .ok, headers: [.contentType: "application/x-ndjson"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: lines.bytes)))
        }
    }

    private func erase(_ user: UserID, _ context: RestContext) async throws(Refusal) -> Response {
        _ = try await context.ask(user, .change(.erase))
        context.cluster.services.users.forget(user)
        return Self.json(.ok, RestAnswer.erased(user))
    }
}

/// Pages of an export; each holds little in memory, whatever the account holds.
private struct AccountExport {
    let user: UserID
    let context: RestContext

    /// A page is full with this many bytes; one step more may follow.
    private static let bytesEnough = 256 << 10
    private static let messagesStep = 25
    private static let blocksStep = 1_000

    func page(after cursor: ExportCursor?) async throws(Refusal) -> ExportLines {
        var lines = ExportLines()
        var place = cursor
        if cursor == nil {
            lines.profile(user, at: GatewayClock.wall)
            guard case .devices(let devices) = try await context.ask(user, .devices) else {
                throw RestCluster.wrongKind
            }
            for device in devices { lines.device(device) }
            try await privacy(into: &lines)
        }
        while lines.bytes.count < Self.bytesEnough {
            if let current = place, current.after > .zero {
                place = try await messages(current, into: &lines)
            } else {
                guard let row = try await row(after: place?.conversation) else {
                    lines.end()
                    return lines
                }
                lines.conversation(row)
                place = try await messages(
                    ExportCursor(conversation: row.conversation, after: .zero), into: &lines)
            }
        }
        if let place { lines.next(place) }
        return lines
    }

    /// Settings and blocks, of which there is a limited number.
    private func privacy(into lines: inout ExportLines) async throws(Refusal) {
        guard
            case .privacy(.settings(let settings)) = try await context.cluster.perform(
                .privacy(.settings(user)))
        else { throw RestCluster.wrongKind }
        lines.settings(settings)
        var after: UserID?
        while true {
            let query = PrivacyRequest.blocks(user, after: after, limit: Self.blocksStep)
            guard case .privacy(.blocks(let page)) = try await context.cluster.perform(.privacy(query)) else {
                throw RestCluster.wrongKind
            }
            for block in page.blocks { lines.block(block) }
            after = page.blocks.last?.user
            if !page.hasMore || after == nil { return }
        }
    }

    private func row(after conversation: ConversationID?) async throws(Refusal) -> InboxRow? {
        guard case .rows(let page) = try await context.ask(user, .rows(after: conversation, limit: 1)) else {
            throw RestCluster.wrongKind
        }
        return page.rows.first
    }

    /// Some messages of a conversation; where to go on.
    private func messages(
        _ place: ExportCursor, into lines: inout ExportLines
    ) async throws(Refusal) -> ExportCursor {
        let query = HistoryQuery(
            conversation: place.conversation, user: user, bound: place.after > .zero ? place.after : nil,
            order: .ascending, limit: Self.messagesStep)
        guard case .history(let page) = try await context.cluster.perform(.history(query)) else {
            throw RestCluster.wrongKind
        }
        for message in page.messages { lines.message(message) }
        guard page.hasMore, let last = page.messages.last else {
            return ExportCursor(conversation: place.conversation, after: .zero)
        }
        return ExportCursor(conversation: place.conversation, after: last.seq)
    }
}
