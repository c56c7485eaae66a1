import NIOCore

/// The inside of one ``MartletClient``: connection, ledgers and timers, all on one event loop.
///
/// It decides nothing by itself about sends, receipts or waits: ``SendLedger``, ``ReceiptLedger`` and ``Backoff``
/// do. Life: `start`, any number of connections, `close` or a final end by the server.
final class ClientCore {
    enum Phase {
        /// Before `start`, or between two attempts.
        case waiting
        /// Dialling, or upgraded and not welcomed yet.
        case connecting(RawConnection)
        /// Welcomed: sends may be written.
        case live(RawConnection)
        /// For good.
        case closed(ClientError)
    }

    let options: MartletClient.Options
    let loop: NIOIsolatedEventLoop
    var phase = Phase.waiting
    var sends = SendLedger()
    var receipts = ReceiptLedger()
    var backoff: Backoff
    var random = SystemRandomNumberGenerator()
    var cursor: String?
    /// The highest seq given out, by conversation: what arrives again after a reconnect is not given out again.
    var given: [String: UInt64] = [:]

    private var answers: [SendLedger.Ref: EventLoopPromise<Sent>] = [:]
    private var firstWelcome: EventLoopPromise<Welcome>?
    private let events: EventStream.Producer.Source
    private var areEventsWanted = true
    private var hasConsumer = true
    private var eventsPastDemand = 0
    private var isDialDelayed = false
    /// The node asked this client to go elsewhere: no wait before the next attempt.
    var isLeaving = false
    private var lastHeard = NIODeadline.now()
    private var receiptsDue: NIODeadline?
    private var wake: (at: NIODeadline, task: Scheduled<Void>)?
    private var pings: RepeatedTask?

    init(
        options: MartletClient.Options, eventLoop: any EventLoop, events: EventStream.Producer.Source
    ) {
        self.options = options
        loop = eventLoop.assumeIsolated()
        self.events = events
        cursor = options.cursor
        backoff = Backoff(
            endpoints: options.endpoints, firstMilliseconds: options.backoffFirst.milliseconds,
            longestMilliseconds: options.backoffLongest.milliseconds)
    }

    func start(_ welcome: EventLoopPromise<Welcome>) {
        firstWelcome = welcome
        dial()
    }

    // MARK: What callers ask for

    func send(_ ref: SendLedger.Ref, frame: ByteBuffer, answer: EventLoopPromise<Sent>) {
        if case .closed(let error) = phase {
            answer.fail(error)
            return
        }
        answers[ref] = answer
        let deadline = NIODeadline.now() + options.sendDeadline
        sends.add(ref, frame: frame, deadline: deadline.uptimeNanoseconds)
        pump()
    }

    /// The caller was cancelled. What is on its way may still be committed.
    func cancel(_ ref: SendLedger.Ref) {
        guard sends.remove(ref) else { return }
        answers.removeValue(forKey: ref)?.fail(CancellationError())
    }

    func mark(_ status: Receipt.Status, conversationID: String, upTo seq: UInt64) {
        receipts.mark(status, conversationID: conversationID, upTo: seq)
        if receiptsDue == nil { receiptsDue = .now() + options.receiptDelay }
        scheduleWake()
    }

    /// Writes a frame that is worth nothing later: dropped when there is no connection.
    func sendVolatile(_ frame: ByteBuffer) {
        guard case .live(let connection) = phase else { return }
        connection.send(frame)
        connection.flush()
    }

    func close() { finish(ClientError(.closed, "the client was closed")) }

    // MARK: Connecting

    func dial() {
        guard case .waiting = phase else { return }
        isDialDelayed = eventsPastDemand > EventLimits.hard
        guard !isDialDelayed else { return }
        let target = RawConnection.Target(
            endpoint: backoff.endpoint(), token: options.token(), device: options.device, cursor: cursor,
            prepare: options.prepareChannel)
        let connection = RawConnection(to: target, on: loop.nonisolated(), delegate: self)
        phase = .connecting(connection)
        connection.open()
    }

    func welcomed(_ welcome: Welcome, on connection: RawConnection) {
        phase = .live(connection)
        backoff.succeeded()
        firstWelcome?.succeed(welcome)
        firstWelcome = nil
        pings?.cancel()
        let bound = NIOLoopBound(self, eventLoop: loop.nonisolated())
        pings = loop.nonisolated().scheduleRepeatedTask(
            initialDelay: options.pingInterval, delay: options.pingInterval
        ) { _ in bound.value.ping() }
        receiptsDue = receipts.isEmpty ? nil : .now()
        give(.connected(welcome))
        pump()
    }

    private func ping() {
        guard case .live(let connection) = phase else { return }
        let silence = NIODeadline.now() - lastHeard
        if areEventsWanted, silence > .nanoseconds(options.pingInterval.nanoseconds * 5 / 2) {
            connection.close()
            return
        }
        connection.send(FrameText.ping)
        connection.flush()
    }

    func ended(_ reason: String, delay: UInt64?) {
        pings?.cancel()
        pings = nil
        sends.disconnected()
        receipts.disconnected()
        phase = .waiting
        defer { isLeaving = false }
        give(.disconnected(reason: reason, isFinal: false))
        let milliseconds = delay ?? (isLeaving ? 0 : nil) ?? backoff.delayAfterFailure(using: &random)
        _ = loop.scheduleTask(in: .milliseconds(Int64(milliseconds))) { self.dial() }
        scheduleWake()
    }

    func finish(_ error: ClientError) {
        if case .closed = phase { return }
        let last = phase
        phase = .closed(error)
        pings?.cancel()
        wake?.task.cancel()
        switch last {
        case .connecting(let connection), .live(let connection): connection.close()
        case .waiting, .closed: break
        }
        firstWelcome?.fail(error)
        firstWelcome = nil
        for ref in sends.removeAll() { answers.removeValue(forKey: ref)?.fail(error) }
        give(.disconnected(reason: error.message, isFinal: true))
        events.finish()
    }

    // MARK: Sends and receipts

    /// Writes whatever may be written now and sets the alarm for the rest.
    func pump() {
        let now = NIODeadline.now()
        for ref in sends.expire(now: now.uptimeNanoseconds) {
            answers.removeValue(forKey: ref)?.fail(
                ClientError(.outcomeUnknown, "no answer in time: the message may have been sent"))
        }
        if case .live(let connection) = phase {
            for frame in sends.due(now: now.uptimeNanoseconds) { connection.send(frame) }
            if let due = receiptsDue, due <= now {
                receiptsDue = nil
                for frame in receipts.due() { connection.send(frame) }
            }
            connection.flush()
        }
        scheduleWake()
    }

    private func scheduleWake() {
        var next = sends.nextWake.map { NIODeadline.uptimeNanoseconds($0) }
        if let due = receiptsDue, case .live = phase { next = min(next ?? due, due) }
        guard let next else { return }
        if let wake, wake.at <= next { return }
        wake?.task.cancel()
        let task = loop.scheduleTask(deadline: next) {
            self.wake = nil
            self.pump()
        }
        wake = (next, task)
    }

    func settle(_ ref: SendLedger.Ref, _ result: Result<Sent, ClientError>) {
        answers.removeValue(forKey: ref)?.completeWith(result.mapError { $0 as any Error })
    }

    // MARK: Events

    func give(_ event: Event) {
        guard hasConsumer else { return }
        if !areEventsWanted { eventsPastDemand += 1 }
        switch events.yield(event) {
        case .produceMore: break
        case .stopProducing:
            areEventsWanted = false
            adjustReading()
        case .dropped: hasConsumer = false
        }
        if eventsPastDemand > EventLimits.hard, case .live(let connection) = phase {
            connection.close()
        }
    }

    func eventsWanted() {
        areEventsWanted = true
        eventsPastDemand = 0
        adjustReading()
        if isDialDelayed { dial() }
    }

    func eventsUnwanted() {
        hasConsumer = false
        eventsWanted()
    }

    /// Reads while somebody wants events, and while a send waits for its answer: else a consumer that sends
    /// from inside its loop would wait for ever.
    func adjustReading() {
        guard case .live(let connection) = phase else { return }
        connection.setReading(areEventsWanted || !sends.isEmpty)
    }

    func heard() { lastHeard = .now() }
}

/// How far events may run ahead of their consumer.
enum EventLimits {
    static let low = 256
    static let high = 1_024
    static let hard = 16_384
}

extension TimeAmount {
    fileprivate var milliseconds: UInt64 { UInt64(Swift.max(0, nanoseconds / 1_000_000)) }
}
