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

/// One HTTP answer: always JSON.
struct HTTPAnswer: Sendable {
    var status: Int
    var body: ByteBuffer
    var refusalCode: RefusalCode?

    static func refusal(_ refusal: Refusal) -> HTTPAnswer {
        HTTPAnswer(
            status: refusal.code.status, body: ByteBuffer(bytes: RestAnswer.error(refusal)),
            refusalCode: refusal.code)
    }
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
        guard services.dispatcher.isReady else {
            throw Refusal(.unavailable, "this node is not ready yet", retryAfterMilliseconds: 1_000)
        }
        guard let token = BearerToken.find(in: request.head, uri) else {
            throw TokenVerifier.refusal("a token is missing")
        }
        let caller = try await services.tokens.verify(token)
        let cluster = RestCluster(services: services, loop: request.loop)
        try await cluster.ensure(caller.user)
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
        return HTTPAnswer(status: response.status.code, body: collector.buffer)
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
