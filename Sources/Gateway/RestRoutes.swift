import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Vocabulary
import Wire

/// The routes of the client port; their handlers stand in the extensions, one noun each.
struct RestRoutes: Sendable {
    let services: GatewayServices
    var limits: Limits { services.limits }

    var router: Router<RestContext> {
        let router = Router(context: RestContext.self)
        router.add(middleware: RefusalMiddleware())
        addMessages(to: router)
        addGroups(to: router)
        addInvites(to: router)
        addUsers(to: router)
        addMessageChanges(to: router)
        addDevices(to: router)
        addKeys(to: router)
        addConversationSettings(to: router)
        addPrivacy(to: router)
        addAccount(to: router)
        return router
    }

    static func json(_ status: HTTPResponse.Status = .ok, _ bytes: [UInt8]) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// `?limit=`, 1 to `max`.
    static func limit(_ request: Request, standard: Int, max: Int) throws(Refusal) -> Int {
        guard let text = request.uri.queryParameters["limit"] else { return standard }
        guard let limit = Int(text), (1...max).contains(limit) else {
            throw Refusal(
                .invalidRequest, "limit must be 1 to \(max)",
                details: [.init("field", .text("limit")), .init("max", .number(Int64(max)))])
        }
        return limit
    }

    /// `?cursor=`, where given.
    static func cursor<T>(
        _ request: Request, _ parse: (String) throws(Refusal) -> T
    ) throws(Refusal) -> T? {
        guard let text = request.uri.queryParameters["cursor"] else { return nil }
        return try parse(String(text))
    }
}

/// Gives every refusal its documented body: also those of the router itself.
private struct RefusalMiddleware: RouterMiddleware {
    typealias Context = RestContext

    func handle(
        _ request: Request, context: RestContext, next: (Request, RestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError {
            throw error.status == .notFound || error.status == .methodNotAllowed
                ? Refusal(.notFound, "no such resource")
                : Refusal(.invalidRequest, "the request is malformed")
        }
    }
}
