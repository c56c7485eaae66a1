import NIOCore
import NIOHTTP1
import NIOPosix

/// One keep-alive HTTP/1.1 connection to a node's client or admin port; answers come in the order of the calls.
///
/// For tools: no redirects, no retries, no pool. A failed connection fails its calls, and the caller makes another.
package struct RESTConnection: Sendable {
    /// What came back.
    package struct Answer: Sendable {
        package var status: Int
        package var body: ByteBuffer
        package var text: String { String(buffer: body) }
    }

    private let channel: any Channel
    private let host: String

    /// Connects; throws what the socket throws, after 5 s at the latest.
    package static func connect(
        to endpoint: Endpoint, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> RESTConnection {
        let security = try EndpointSecurity(endpoint)
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try security?.add(to: channel)
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(RESTHandler())
                }
            }
            .connect(host: endpoint.host, port: endpoint.port).get()
        return RESTConnection(channel: channel, host: endpoint.description)
    }

    /// Makes one request and waits for its whole answer.
    package func call(
        _ method: HTTPMethod, _ path: String, token: String? = nil, json: String? = nil
    ) async throws -> Answer {
        var headers: HTTPHeaders = ["Host": host]
        if let token { headers.add(name: "Authorization", value: "Bearer \(token)") }
        let body = json.map { ByteBuffer(string: $0) }
        if let body {
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: String(body.readableBytes))
        }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
        let promise = channel.eventLoop.makePromise(of: Answer.self)
        channel.writeAndFlush(RESTCall(head: head, body: body, promise: promise), promise: nil)
        return try await promise.futureResult.get()
    }

    package func close() { channel.close(promise: nil) }
}

private struct RESTCall: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer?
    let promise: EventLoopPromise<RESTConnection.Answer>
}

private final class RESTHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = RESTCall
    typealias OutboundOut = HTTPClientRequestPart

    private var waiting = CircularBuffer<EventLoopPromise<RESTConnection.Answer>>()
    private var answer = RESTConnection.Answer(status: 0, body: ByteBuffer())
    private var failure: (any Error)?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let call = unwrapOutboundIn(data)
        if let failure {
            call.promise.fail(failure)
            return
        }
        waiting.append(call.promise)
        context.write(wrapOutboundOut(.head(call.head)), promise: nil)
        if let body = call.body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            answer = RESTConnection.Answer(status: Int(head.status.code), body: ByteBuffer())
        case .body(let part): answer.body.writeImmutableBuffer(part)
        case .end: waiting.popFirst()?.succeed(answer)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    private func fail(_ error: any Error) {
        failure = failure ?? error
        while let promise = waiting.popFirst() { promise.fail(error) }
    }
}
