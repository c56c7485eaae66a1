import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Vocabulary
import Wire

/// One HTTP request, collected.
struct RestRequest: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer
    let loop: any EventLoop
}

/// One HTTP answer; all but the documents are JSON.
struct HTTPAnswer: Sendable {
    var status: Int
    var headers: [(String, String)]
    var body: ByteBuffer
    var refusalCode: RefusalCode?

    /// Pages of any origin may ask: what they may see depends on a token that they must add themselves, never on
    /// a cookie that a browser adds for them.
    static let anyOrigin = ("access-control-allow-origin", "*")

    static func json(_ status: Int, _ body: [UInt8]) -> HTTPAnswer {
        HTTPAnswer(status: status, headers: jsonHeaders, body: ByteBuffer(bytes: body))
    }

    static func refusal(_ refusal: Refusal) -> HTTPAnswer {
        var answer = json(refusal.code.status, RestAnswer.error(refusal))
        answer.refusalCode = refusal.code
        if let wait = refusal.retryAfterMilliseconds {
            answer.headers.append(("retry-after", String((wait + 999) / 1_000)))
        }
        return answer
    }

    static let jsonHeaders = [("content-type", "application/json"), ("cache-control", "no-store"), anyOrigin]

    /// The answer to a browser that asks before it asks (Fetch, 3.2.5).
    static let preflight = HTTPAnswer(
        status: 204,
        headers: [
            anyOrigin, ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE"),
            ("access-control-allow-headers", "authorization, content-type, last-event-id"),
            ("access-control-max-age", "86400"),
        ],
        body: ByteBuffer())
}

/// Everything on the client port that is no WebSocket: who asks, may it ask now, then the router.
struct RestResponder: Sendable {
    private let services: GatewayServices
    private let router: RouterResponder<RestContext>
    private let logger: Logger

    init(services: GatewayServices, logger: Logger) {
        self.services = services
        self.logger = logger
        router = RestRoutes(services: services).router.buildResponder()
    }

    func answer(_ request: RestRequest) async -> HTTPAnswer {
        do throws(Refusal) {
            return try await route(request)
        } catch {
            return .refusal(error)
        }
    }

    private func route(_ request: RestRequest) async throws(Refusal) -> HTTPAnswer {
        let uri = URI(request.head.uri)
        guard uri.path.hasPrefix("/v1/") else { throw Refusal(.notFound, "no such resource") }
        if request.head.method == .OPTIONS { return .preflight }
        if request.head.method == .GET, let document = ServedDocument(path: uri.path) {
            return document.answer
        }
        guard services.dispatcher.isReady else {
            throw Refusal(.unavailable, "this node is not ready yet", retryAfterMilliseconds: 1_000)
        }
        guard let token = BearerToken.find(in: request.head, uri) else {
            throw TokenVerifier.refusal("a token is missing")
        }
        let caller = try await services.tokens.verify(token)
        let cluster = RestCluster(services: services, loop: request.loop)
        try await cluster.ensure(caller.user)
        try await cluster.admit(caller)
        let context = RestContext(
            source: RestContext.Origin(logger: logger, caller: caller, body: request.body, cluster: cluster))
        return try await respond(to: request, context: context)
    }

    private func respond(to request: RestRequest, context: RestContext) async throws(Refusal) -> HTTPAnswer {
        guard let method = HTTPRequest.Method(request.head.method.rawValue) else {
            throw Refusal(.notFound, "no such resource")
        }
        let head = HTTPRequest(method: method, scheme: nil, authority: nil, path: request.head.uri)
        let response: Response
        do {
            response = try await router.respond(
                to: Request(head: head, body: RequestBody(buffer: request.body)), context: context)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal(.unavailable, "the request could not be handled")
        }
        let collector = BodyCollector()
        do {
            try await response.body.write(collector)
        } catch {
            throw Refusal(.unavailable, "the answer could not be made")
        }
        var headers = HTTPAnswer.jsonHeaders
        if let type = response.headers[.contentType] { headers[0].1 = type }
        return HTTPAnswer(status: response.status.code, headers: headers, body: collector.buffer)
    }
}

/// Takes a response's body as one buffer.
private final class BodyCollector: ResponseBodyWriter {
    private(set) var buffer = ByteBuffer()

    func write(_ part: ByteBuffer) async throws {
        var part = part
        buffer.writeBuffer(&part)
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
