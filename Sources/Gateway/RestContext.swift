import Hummingbird
import Logging
import NIOCore
import Vocabulary
import Wire

/// What a route knows of its request besides path and query.
struct RestContext: RequestContext {
    typealias Source = Origin

    /// Where a context comes from.
    struct Origin: RequestContextSource {
        var logger: Logger
        var caller: Caller
        var body: ByteBuffer
        var cluster: RestCluster
    }

    var coreContext: CoreRequestContextStorage
    let caller: Caller
    let body: ByteBuffer
    let cluster: RestCluster

    init(source: Origin) {
        coreContext = CoreRequestContextStorage(source: source)
        caller = source.caller
        body = source.body
        cluster = source.cluster
    }

    /// The fields of the body, which must be one JSON object.
    func fields() throws(Refusal) -> ClientFields {
        try ClientFields(Array(body.readableBytesView))
    }

    /// Whom the request is made for: a backend may name another user, everyone else only themselves.
    func actor(_ named: UserID?) async throws(Refusal) -> UserID {
        guard let named, named != caller.user else { return caller.user }
        guard caller.isServer else {
            throw Refusal(.senderMismatch, "sender_id is not the user of the token")
        }
        try await cluster.ensure(named)
        return named
    }

    /// The same for requests without a body: `?sender_id=`.
    func actor(_ request: Request) async throws(Refusal) -> UserID {
        guard let text = request.uri.queryParameters["sender_id"] else { return caller.user }
        guard let user = UserID(String(text)) else { throw ClientFields.bad(.senderID, "is no user id") }
        return try await actor(user)
    }

    /// An id in the path that no one can have is not found.
    func identity<I: Identity128>(_ name: String, _: I.Type = I.self) throws(Refusal) -> I {
        guard let text = coreContext.parameters.get(name), let identity = I(text) else {
            throw Refusal(.notFound, "no such resource")
        }
        return identity
    }

    func user(_ name: String) throws(Refusal) -> UserID {
        guard let text = coreContext.parameters.get(name), let user = UserID(percentDecoded(text)) else {
            throw Refusal(.invalidRequest, "the path names no user id")
        }
        return user
    }

    /// Takes a token of the user's bucket; backends have none.
    func admit(_ user: UserID, isSend: Bool = false) throws(Refusal) {
        guard !caller.isServer else { return }
        let now = GatewayClock.tick
        let buckets = cluster.services.buckets
        if let refusal = isSend
            ? buckets.refusalOfSend(user, device: caller.device, now: now)
            : buckets.refusalOfRequest(user, now: now)
        {
            throw refusal
        }
    }
}

/// `%40` and its like.
func percentDecoded(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%"), rest.count >= 2,
            let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
        {
            bytes.append(value)
            rest = rest.dropFirst(2)
        } else {
            bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Operations with `await`, for requests.
struct RestCluster: Sendable {
    let services: GatewayServices
    let loop: any EventLoop

    /// The result, or the refusal it carries.
    func perform(_ operation: Operation) async throws(Refusal) -> OperationResult {
        let result = await withCheckedContinuation { continuation in
            services.dispatcher.perform(operation, on: loop) { continuation.resume(returning: $0) }
        }
        if case .refused(let refusal) = result { throw refusal }
        return result
    }

    func ensure(_ user: UserID) async throws(Refusal) {
        let refusal = await withCheckedContinuation { continuation in
            services.users.ensure(user, on: loop) { continuation.resume(returning: $0) }
        }
        if let refusal { throw refusal }
    }

    /// A token that is bound to a device ends with it.
    func admit(_ caller: Caller) async throws(Refusal) {
        guard caller.device != nil else { return }
        let refusal = await withCheckedContinuation { continuation in
            services.devices.check(caller, on: loop) { continuation.resume(returning: $0) }
        }
        if let refusal { throw refusal }
    }

    /// A result of the wrong kind is this server's fault, and says nothing of what was done.
    static let wrongKind = Refusal(
        .unknown, "the answer was of another kind", retryAfterMilliseconds: 1_000)
}
