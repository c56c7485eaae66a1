import ClientSession
import NIOCore
import NIOHTTP1
import Vocabulary
import Wire

/// One client connection: the shell around its session machine, on its channel's event loop. Most are WebSockets;
/// event streams and long polls run the same machine with another outlet.
///
/// Entered from the loop by `assumeIsolated`; an idle connection holds no task and no timer. Holds nothing that
/// cannot be rebuilt from the replicated state or from its client.
actor ClientConnection {
    private let channel: any Channel
    private let hub: LoopHub
    let services: GatewayServices
    private let outlet: SessionOutlet
    private var machine: ClientSession
    private var heartbeatDue = Tick.zero
    private var outbound: ByteBuffer?
    private var directives: [SessionDirective] = []
    private var isRunning = false
    private var isFlushQueued = false
    private var isTickQueued = false
    private var isClosing = false
    private var isAttached = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { hub.loop.executor.asUnownedSerialExecutor() }

    init(
        channel: any Channel, hub: LoopHub, services: GatewayServices, identity: SessionIdentity,
        cursor: SyncCursor?, outlet: SessionOutlet = .webSocket
    ) {
        self.channel = channel
        self.outlet = outlet
        self.hub = hub
        self.services = services
        machine = ClientSession(
            identity: identity, cursor: cursor, rules: services.rules, now: GatewayClock.tick)
    }

    // MARK: - From the channel

    /// The socket is this session's from now on, and the user exists.
    func opened() {
        isAttached = true
        hub.add(self)
        services.metrics.sessionOpened()
        let identity = machine.identity
        services.dispatcher.attach(
            SessionRegistration(
                user: identity.user, device: identity.device, session: identity.session, loop: hub.loop,
                sink: self))
        step { machine, now, out in machine.opened(now: now, serverTime: GatewayClock.wall, out: &out) }
    }

    func received(_ text: UnsafeBufferPointer<UInt8>) {
        guard !isClosing else { return }
        services.metrics.received(frames: 1)
        step { machine, now, out in machine.received(text, now: now, out: &out) }
    }

    /// All frames of one read are handled.
    func readComplete() {
        step { machine, now, out in machine.settle(now: now, out: &out) }
        flush()
    }

    func heard() {
        step { machine, now, out in machine.heard(now: now, out: &out) }
    }

    func violated() {
        step { machine, now, out in machine.violated(now: now, out: &out) }
    }

    func writabilityChanged(_ isWritable: Bool) {
        step { machine, now, out in machine.writabilityChanged(isWritable, now: now, out: &out) }
    }

    /// The socket is gone.
    func inactive() {
        isClosing = true
        guard isAttached else { return }
        isAttached = false
        leave()
        outbound = nil
        if case .poll(let collector) = outlet { collector.timer?.cancel() }
    }

    private func leave() {
        hub.remove(self)
        services.metrics.sessionClosed()
        step { machine, now, out in machine.closed(now: now, out: &out) }
        services.dispatcher.detach(session: machine.identity.session.number)
    }

    /// The poll's time is over.
    func answerPoll() {
        guard case .poll(let collector) = outlet, isAttached else { return }
        isClosing = true
        let cursor = machine.cursorText
        isAttached = false
        leave()
        collector.answer(cursor: cursor)
    }

    /// Answers a WebSocket ping.
    func pong(_ payload: ByteBuffer) {
        guard !isClosing else { return }
        writeFrame(.pong, Array(payload.readableBytesView))
        heard()
    }

    /// The client closes: the same code goes back, then the socket is closed.
    func closedByClient(_ payload: ByteBuffer) {
        // The answer to this server's own close: the socket is done (RFC 6455, section 7.1.1).
        guard !isClosing else { return flushAndClose(within: .zero) }
        step { machine, now, out in machine.closed(now: now, out: &out) }
        isClosing = true
        writeFrame(.close, Array(payload.readableBytesView.prefix(2)))
        flushAndClose(within: .zero)
    }

    // MARK: - From the loop's timers and the server

    func timerFired(now: Tick) {
        isTickQueued = false
        guard isAttached else { return }
        if machine.deadline <= now {
            step { machine, now, out in machine.tick(now: now, out: &out) }
        } else {
            queueTick()
        }
    }

    func sweep(horizon: Tick) {
        if outlet.isHeardBySocket { beat() }
        if machine.deadline <= horizon { queueTick() }
    }

    /// A client that cannot write is there as long as its socket is.
    private func beat() {
        let now = GatewayClock.tick
        guard heartbeatDue <= now, !isClosing else { return }
        heartbeatDue = now + services.limits.heartbeatMilliseconds
        heard()
        guard case .events = outlet else { return }
        withOutbound { $0.writeEventComment() }
    }

    func drain(deadlineMilliseconds: UInt64, reconnectTo: [String]) {
        step { machine, _, out in
            machine.drain(deadlineMilliseconds: deadlineMilliseconds, reconnectTo: reconnectTo, out: &out)
        }
    }

    func end(code: UInt16, reason: String) {
        step { machine, now, out in machine.close(code: code, reason: reason, now: now, out: &out) }
    }

    private func finished(_ token: OperationToken, _ result: OperationResult) {
        step { machine, now, out in machine.finished(token, result, now: now, out: &out) }
    }

    // MARK: - Directives

    /// Hands one fact to the machine and carries out what it orders. Results that come at once wait their turn.
    private func step(_ fact: (inout ClientSession, Tick, inout [SessionDirective]) -> Void) {
        fact(&machine, GatewayClock.tick, &directives)
        guard !isRunning else { return }
        isRunning = true
        while !directives.isEmpty {
            let batch = directives
            directives.removeAll()
            for directive in batch { carryOut(directive) }
        }
        isRunning = false
        if machine.deadline <= GatewayClock.tick + LoopHub.horizonMilliseconds { queueTick() }
    }

    private func carryOut(_ directive: SessionDirective) {
        switch directive {
        case .write(let text): writeFrame(.text, text)
        case .refuse(let refused):
            services.metrics.refused(refused.refusal.code)
            if case .poll(let collector) = outlet {
                collector.refusal = refused.refusal
            } else {
                writeFrame(.text, refused.frame)
            }
        case .perform(let operation, let token): perform(operation, token)
        case .performAndForget(.closeSession) where isPoll:
            // Between two polls the device counts as there: its session ends by its time to live.
            break
        case .performAndForget(let operation):
            services.dispatcher.perform(operation, on: hub.loop) { _ in }
        case .read where isPoll: break
        case .read(let reads): channel.setOption(.autoRead, value: reads).whenFailure { _ in }
        case .foreground(let isForeground):
            services.dispatcher.update(session: machine.identity.session.number, foreground: isForeground)
        case .close(let code, let reason):
            isClosing = true
            writeClose(code: code, reason: reason)
        }
    }

    private var isPoll: Bool {
        if case .poll = outlet { return true }
        return false
    }

    private func writeClose(code: UInt16, reason: String) {
        switch outlet {
        case .webSocket:
            writeFrame(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason.utf8.prefix(100))
            flushAndClose(within: .seconds(1))
        case .events:
            withOutbound { $0.writeClose(code: code, reason: reason) }
            flush()
            let channel = channel
            channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
                channel.close(promise: nil)
            }
        case .poll: answerPoll()
        }
    }

    private func perform(_ operation: Operation, _ token: OperationToken) {
        guard case .send(let request) = operation, !machine.identity.isServer || isForAnother(request) else {
            return dispatch(operation, token)
        }
        if !machine.identity.isServer {
            if let refusal = services.buckets.refusalOfSend(request.sender, now: GatewayClock.tick) {
                return finished(token, .refused(refusal))
            }
            return dispatch(operation, token)
        }
        // A backend may speak for users who never connected.
        services.users.ensure(request.sender, on: hub.loop) { [self] refusal in
            assumeIsolated { connection in
                if let refusal {
                    connection.finished(token, .refused(refusal))
                } else {
                    connection.dispatch(operation, token)
                }
            }
        }
    }

    private func isForAnother(_ request: SendRequest) -> Bool { request.sender != machine.identity.user }

    private func dispatch(_ operation: Operation, _ token: OperationToken) {
        services.dispatcher.perform(operation, on: hub.loop) { [self] result in
            assumeIsolated { $0.finished(token, result) }
        }
    }

    // MARK: - Bytes

    private func writeFrame(_ opcode: ServerOpcode, _ payload: [UInt8]) {
        guard channel.isActive else { return }
        if opcode == .text { services.metrics.wrote(frames: 1) }
        switch outlet {
        case .webSocket:
            withOutbound(capacity: payload.count + 4) { $0.writeServerFrame(opcode, payload) }
        case .events:
            withOutbound(capacity: payload.count + 64) { $0.writeEvent(payload) }
        case .poll(let collector):
            collector.add(payload)
            // What this answer has no room for is read again by the next poll.
            if collector.isFull { writabilityChanged(false) }
            queueFlush()
        }
    }

    private func withOutbound(capacity: Int = 256, _ write: (inout ByteBuffer) -> Void) {
        if outbound == nil { outbound = channel.allocator.buffer(capacity: max(256, capacity)) }
        // Taken out and put back, so that appending copies nothing.
        guard var buffer = outbound.take() else { return }
        write(&buffer)
        outbound = buffer
        queueFlush()
    }

    private func queueFlush() {
        guard !isFlushQueued else { return }
        isFlushQueued = true
        hub.needsFlush(self)
    }

    /// Writes what the turn has brought in one go.
    func flush() {
        isFlushQueued = false
        if case .poll(let collector) = outlet {
            if collector.isDue { answerPoll() }
            return
        }
        guard let buffer = outbound else { return }
        outbound = nil
        if case .events = outlet {
            channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(buffer)), promise: nil)
        } else {
            channel.writeAndFlush(buffer, promise: nil)
        }
    }

    /// A client that answers the close frame closes by itself; one that does not is closed after a while.
    private func flushAndClose(within delay: TimeAmount) {
        flush()
        let channel = channel
        if delay == .zero {
            channel.close(promise: nil)
        } else {
            hub.loop.scheduleTask(in: delay) { channel.close(promise: nil) }
        }
    }

    private func queueTick() {
        guard !isTickQueued, isAttached else { return }
        isTickQueued = true
        hub.needsTick(self)
    }
}

extension ClientConnection: SessionSink {
    nonisolated func receive(_ pushes: [SessionDelivery]) {
        assumeIsolated { connection in
            connection.step { machine, now, out in
                for push in pushes {
                    machine.pushed(push.event, position: push.position, now: now, out: &out)
                }
            }
        }
    }

    nonisolated func renew() {
        assumeIsolated { connection in connection.step { machine, _, out in machine.renew(out: &out) } }
    }

    nonisolated func close(code: UInt16, reason: String) {
        assumeIsolated { $0.end(code: code, reason: reason) }
    }
}
