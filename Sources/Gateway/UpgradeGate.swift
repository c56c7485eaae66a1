import ClientSession
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Vocabulary
import Wire

/// Decides who may open a session: readiness, token, device, cursor, and that the user exists.
struct UpgradeGate: Sendable {
    let services: GatewayServices
    let loop: any EventLoop

    /// What a channel needs to become a session.
    struct Admission: Sendable {
        let identity: SessionIdentity
        let cursor: SyncCursor?
        /// Of the answer to a WebSocket handshake.
        let responseHeaders: HTTPHeaders
        /// Of a long poll.
        let waitMilliseconds: Int
    }

    typealias Completion = @Sendable (Result<Admission, Refusal>) -> Void

    /// `completion` runs on the loop; at once when token and user are known.
    func admit(_ request: SessionRequest, channel: any Channel, completion: @escaping Completion) {
        if let refusal = unavailability { return completion(.failure(refusal)) }
        guard let token = BearerToken.find(in: request.head, request.uri) else {
            return completion(.failure(TokenVerifier.refusal("a token is missing")))
        }
        if let caller = services.tokens.remembered(token) {
            return admit(request, caller: caller, channel: channel, completion: completion)
        }
        Task { [services, loop] in
            do throws(Refusal) {
                let caller = try await services.tokens.verify(token)
                loop.execute { admit(request, caller: caller, channel: channel, completion: completion) }
            } catch {
                loop.execute { completion(.failure(error)) }
            }
        }
    }

    private var unavailability: Refusal? {
        if services.drain.isDraining || services.dispatcher.isDraining {
            return Refusal(
                .draining, "this node is leaving service: connect to another", retryAfterMilliseconds: 1_000)
        }
        if !services.dispatcher.isReady {
            return Refusal(.unavailable, "this node is not ready yet", retryAfterMilliseconds: 1_000)
        }
        return nil
    }

    private func admit(
        _ request: SessionRequest, caller: Caller, channel: any Channel, completion: @escaping Completion
    ) {
        let identity: SessionIdentity
        let cursor: SyncCursor?
        let wait: Int
        do throws(Refusal) {
            identity = SessionIdentity(
                user: caller.user, device: try request.device(pinned: caller.device),
                session: SessionKey(
                    node: services.dispatcher.nodeID, number: services.dispatcher.nextSessionNumber()),
                isServer: caller.isServer, expires: GatewayClock.tick(at: caller.expires),
                boundSince: caller.device == nil ? nil : caller.issued)
            cursor = try request.cursor()
            wait = try request.waitMilliseconds()
        } catch {
            return completion(.failure(error))
        }
        shakeHands(request, channel: channel) { shaken in
            switch shaken {
            case .failure(let refusal): completion(.failure(refusal))
            case .success(let headers):
                services.users.ensure(caller.user, on: loop) { refusal in
                    if let refusal { return completion(.failure(refusal)) }
                    let admission = Admission(
                        identity: identity, cursor: cursor, responseHeaders: headers, waitMilliseconds: wait)
                    completion(.success(admission))
                }
            }
        }
    }

    /// The headers that answer the WebSocket handshake.
    private func shakeHands(
        _ request: SessionRequest, channel: any Channel,
        completion: @escaping @Sendable (Result<HTTPHeaders, Refusal>) -> Void
    ) {
        guard request.kind == .webSocket else { return completion(.success([:])) }
        let refusal = Refusal(.invalidRequest, "not a WebSocket handshake of version 13")
        guard
            request.head.headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" })
        else { return completion(.failure(refusal)) }
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: request.head, initialResponseHeaders: HTTPHeaders()
        ).whenComplete { result in
            switch result {
            case .success(let headers): completion(.success(headers))
            case .failure: completion(.failure(refusal))
            }
        }
    }
}

/// The token of a request: `Authorization: Bearer`, or `?access_token=` for browsers.
enum BearerToken {
    static func find(in head: HTTPRequestHead, _ uri: URI) -> String? {
        if let header = head.headers.first(name: "authorization") {
            let parts = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
            return String(parts[1])
        }
        return uri.queryParameters["access_token"].map { String($0) }
    }
}
