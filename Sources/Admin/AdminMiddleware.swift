import HTTPTypes
import Hummingbird

/// Turns what is thrown into `{"error":{"code","message"}}`.
struct RefusalMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let refusal as AdminRefusal {
            return AdminAnswer.refusal(refusal)
        } catch let error as any HTTPResponseError {
            let code = error.status == .notFound ? "not_found" : "invalid_request"
            let reason = error.status == .notFound ? "no such resource" : error.status.reasonPhrase
            return AdminAnswer.refusal(
                AdminRefusal(status: error.status.code, code: code, message: reason))
        }
    }
}

/// Lets in who has the token, and no page of another site.
struct AdminGuard<Context: RequestContext>: RouterMiddleware {
    /// `nil` asks for none.
    let token: String?

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let token, !isOpen(request.uri.path), !carries(token, request) {
            var answer = AdminAnswer.refusal(
                AdminRefusal(status: 401, code: "unauthenticated", message: "a bearer token is required"))
            answer.headers[.wwwAuthenticate] = "Bearer"
            return answer
        }
        // A browser sends Origin with a POST that any page may start, also toward loopback.
        if request.method != .get, let origin = request.headers[.origin], !isOwn(origin, request) {
            return AdminAnswer.refusal(
                AdminRefusal(status: 403, code: "forbidden", message: "the request comes from another site"))
        }
        return try await next(request, context)
    }

    /// Probes carry no token and tell nothing but fine or not; the console's page is empty without its data.
    private func isOpen(_ path: String) -> Bool { ["/healthz", "/readyz", "/"].contains(path) }

    private func isOwn(_ origin: String, _ request: Request) -> Bool {
        guard let authority = request.head.authority else { return false }
        return origin == "http://\(authority)" || origin == "https://\(authority)"
    }

    private func carries(_ token: String, _ request: Request) -> Bool {
        guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") else {
            return false
        }
        let given = Array(header.dropFirst("bearer ".count).utf8)
        let wanted = Array(token.utf8)
        guard given.count == wanted.count else { return false }
        // Every byte is looked at, so that the time does not tell how many are right.
        return zip(given, wanted).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
