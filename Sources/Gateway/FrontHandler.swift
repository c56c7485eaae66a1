import NIOCore
import NIOHTTP1
import Vocabulary
import Wire

/// The first handler of every client channel: collects one HTTP request at a time and hands it to the upgrade or
/// to the router. After an upgrade it leaves, and what came in meanwhile goes on to the WebSocket handlers.
final class FrontHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        case receiving(HTTPRequestHead, body: ByteBuffer?, bytes: Int)
        /// An answer is being made; the pipeline handler holds further requests back.
        case answering
        /// A long poll waits for an event.
        case polling(ClientConnection)
        /// The HTTP handlers are leaving: what comes is WebSocket.
        case upgrading([NIOAny])
        case closed
    }

    private var state = State.idle
    private let services: GatewayServices
    private let hub: LoopHub
    private let rest: RestResponder
    private let httpHandlers: UpgradePipeline
    /// A body this much too large is not even read to its end.
    private static let discardMax = 16 << 20
    /// A client that asks for nothing for this long is closed, so that sockets are not held for nothing.
    private static let idleMilliseconds: UInt64 = 60_000
    private var heardAt = GatewayClock.tick
    private var idleCheck: Scheduled<Void>?

    init(services: GatewayServices, hub: LoopHub, rest: RestResponder, httpHandlers: UpgradePipeline) {
        self.services = services
        self.hub = hub
        self.rest = rest
        self.httpHandlers = httpHandlers
    }

    func handlerAdded(context: ChannelHandlerContext) {
        watch(NIOLoopBound(context, eventLoop: context.eventLoop), in: Self.idleMilliseconds)
    }

    func channelInactive(context: ChannelHandlerContext) {
        idleCheck?.cancel()
        if case .polling(let connection) = state {
            state = .closed
            connection.assumeIsolated { $0.inactive() }
        }
        context.fireChannelInactive()
    }

    private func watch(_ context: NIOLoopBound<ChannelHandlerContext>, in milliseconds: UInt64) {
        idleCheck = hub.loop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) { [self] in
            let silence = GatewayClock.tick.since(heardAt)
            switch state {
            case .answering, .polling: return watch(context, in: Self.idleMilliseconds)
            default: break
            }
            if silence < Self.idleMilliseconds { return watch(context, in: Self.idleMilliseconds - silence) }
            context.value.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .upgrading(let held) = state {
            state = .upgrading(held + [data])
            return
        }
        heardAt = GatewayClock.tick
        switch unwrapInboundIn(data) {
        case .head(let head): began(head, context: context)
        case .body(let part): received(part, context: context)
        case .end: ended(context: context)
        }
    }

    private func began(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        guard case .idle = state else { return }
        state = .receiving(head, body: nil, bytes: 0)
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        if length > Self.discardMax { refuseSize(context: context) }
    }

    private func received(_ part: ByteBuffer, context: ChannelHandlerContext) {
        guard case .receiving(let head, var body, let bytes) = state else { return }
        var part = part
        let total = bytes + part.readableBytes
        if total > services.limits.frameBytesMax {
            body = nil
        } else if body == nil {
            body = part
        } else {
            body?.writeBuffer(&part)
        }
        state = .receiving(head, body: body, bytes: total)
        if total > Self.discardMax { refuseSize(context: context) }
    }

    private func ended(context: ChannelHandlerContext) {
        guard case .receiving(let head, let body, let bytes) = state else { return }
        state = .answering
        if bytes > services.limits.frameBytesMax {
            return answer(
                .refusal(Self.tooLarge(services.limits)), keepAlive: head.isKeepAlive, context: context)
        }
        if let request = SessionRequest(head) { return open(request, context: context) }
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = hub.loop
        let rest = rest
        let request = RestRequest(head: head, body: body ?? ByteBuffer(), loop: loop)
        let isKeepAlive = head.isKeepAlive
        let bound = NIOLoopBound(self, eventLoop: loop)
        Task {
            let answer = await rest.answer(request)
            loop.execute { bound.value.answer(answer, keepAlive: isKeepAlive, context: context.value) }
        }
    }

    private func refuseSize(context: ChannelHandlerContext) {
        state = .answering
        answer(.refusal(Self.tooLarge(services.limits)), keepAlive: false, context: context)
    }

    private static func tooLarge(_ limits: Limits) -> Refusal {
        Refusal(
            .frameTooLarge, "the body has more than \(limits.frameBytesMax) bytes",
            details: [.init("max", .number(Int64(limits.frameBytesMax)))])
    }

    private func answer(_ answer: HTTPAnswer, keepAlive: Bool, context: ChannelHandlerContext) {
        guard case .answering = state, context.channel.isActive else { return }
        if let code = answer.refusalCode { services.metrics.refused(code) }
        var headers = HTTPHeaders(answer.headers)
        headers.add(name: "content-length", value: String(answer.body.readableBytes))
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: answer.status)
        context.write(
            wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        state = keepAlive ? .idle : .closed
        guard !keepAlive else { return }
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }

    // MARK: - Sessions

    private func open(_ request: SessionRequest, context: ChannelHandlerContext) {
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        let bound = NIOLoopBound(self, eventLoop: hub.loop)
        UpgradeGate(services: services, loop: hub.loop).admit(request, channel: context.value.channel) {
            result in
            let front = bound.value
            switch (result, request.kind) {
            case (.success(let admission), .poll):
                front.poll(admission, keepAlive: request.head.isKeepAlive, context: context.value)
            case (.success(let admission), _):
                front.swapHandlers(admission, kind: request.kind, context: context.value)
            // A refused upgrade leaves the HTTP decoder in doubt about what follows.
            case (.failure(let refusal), _):
                front.answer(.refusal(refusal), keepAlive: false, context: context.value)
            }
        }
    }

    private func poll(
        _ admission: UpgradeGate.Admission, keepAlive: Bool, context: ChannelHandlerContext
    ) {
        guard case .answering = state, context.channel.isActive else { return }
        let bound = NIOLoopBound((self, context), eventLoop: hub.loop)
        let collector = PollCollector { result in
            let (front, context) = bound.value
            guard case .polling = front.state else { return }
            front.state = .answering
            switch result {
            case .success(let body):
                front.answer(.json(200, body), keepAlive: keepAlive, context: context)
            case .failure(let refusal):
                front.answer(.refusal(refusal), keepAlive: keepAlive, context: context)
            }
        }
        let connection = ClientConnection(
            channel: context.channel, hub: hub, services: services, identity: admission.identity,
            cursor: admission.cursor, outlet: .poll(collector))
        state = .polling(connection)
        let wait = TimeAmount.milliseconds(Int64(admission.waitMilliseconds))
        collector.timer = hub.loop.assumeIsolated().scheduleTask(in: wait) {
            connection.assumeIsolated { $0.answerPoll() }
        }
        connection.assumeIsolated { $0.opened() }
    }

    /// The channel is a session's from now on: a WebSocket, or an event stream.
    private func swapHandlers(
        _ admission: UpgradeGate.Admission, kind: SessionRequest.Kind, context: ChannelHandlerContext
    ) {
        guard case .answering = state, context.channel.isActive else { return }
        state = .upgrading([])
        let bound = NIOLoopBound((self, context), eventLoop: hub.loop)
        httpHandlers.removeDecoders(from: context.pipeline).whenComplete { [services, hub] _ in
            let (front, context) = bound.value
            let httpHandlers = front.httpHandlers
            guard context.channel.isActive else { return }
            let isWebSocket = kind == .webSocket
            let head = HTTPResponseHead(
                version: .http1_1, status: isWebSocket ? .switchingProtocols : .ok,
                headers: isWebSocket ? admission.responseHeaders : Self.eventStreamHeaders)
            context.write(front.wrapOutboundOut(.head(head)), promise: nil)
            if isWebSocket { context.writeAndFlush(front.wrapOutboundOut(.end(nil)), promise: nil) }
            let connection = ClientConnection(
                channel: context.channel, hub: hub, services: services, identity: admission.identity,
                cursor: admission.cursor, outlet: isWebSocket ? .webSocket : .events)
            do {
                if isWebSocket {
                    try httpHandlers.addWebSocket(
                        connection: connection, hub: hub, bytesMax: services.limits.frameBytesMax,
                        to: context.pipeline)
                    httpHandlers.removeEncoder(from: context.pipeline)
                } else {
                    try httpHandlers.addEventStream(connection: connection, to: context.pipeline)
                }
            } catch {
                return context.close(promise: nil)
            }
            connection.assumeIsolated { $0.opened() }
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
    }

    private static let eventStreamHeaders = HTTPHeaders([
        ("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no"),
        HTTPAnswer.anyOrigin,
    ])

    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if case .upgrading(let held) = state {
            for data in held { context.fireChannelRead(data) }
            if !held.isEmpty { context.fireChannelReadComplete() }
        }
        state = .closed
        idleCheck?.cancel()
        context.leavePipeline(removalToken: removalToken)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .upgrading = state { return context.fireErrorCaught(error) }
        guard error is HTTPParserError, case .idle = state else { return context.close(promise: nil) }
        state = .answering
        let refusal = Refusal(.invalidRequest, "not HTTP/1.1")
        answer(.refusal(refusal), keepAlive: false, context: context)
    }
}
