import NIOCore
import NIOPosix
import Synchronization

/// One device of one user, connected to a Martlet cluster.
///
/// It keeps itself connected: jittered waits, the next endpoint after a failure, pings, and resumption from the
/// last cursor. A send is exactly once by contract, and a message is given out once, in the order of its
/// conversation, however often the connection breaks.
///
///     let client = try await MartletClient.connect(
///         "127.0.0.1:8410", token: token, device: "laptop")
///     let sent = try await client.send(to: .user("bob"), text: "hello")
///     for await event in client.events {
///         if case .message(let message) = event { client.markDelivered(message) }
///     }
///
/// All work happens on one event loop of the shared NIO group; the methods may be called from anywhere.
public final class MartletClient: Sendable {
    /// What the cluster says, for one consumer; see ``EventStream`` for what happens when nobody takes it.
    public let events: EventStream
    private let eventLoop: any EventLoop
    private let core: NIOLoopBoundBox<ClientCore?>
    private let lastRef = Atomic<UInt64>(0)

    /// Connects and waits for the first `welcome`, however many attempts that takes; cancel the task to give up.
    ///
    /// Throws ``ClientError`` when the token is refused or the arguments are not what a node takes.
    public static func connect(_ options: Options) async throws -> MartletClient {
        guard !options.endpoints.isEmpty else { throw ClientError(.invalid, "no endpoint was given") }
        let client = MartletClient(options, eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        try await client.start(options)
        return client
    }

    /// `connect` for one node, `host:port` or `ws://host:port`.
    public static func connect(
        _ url: String, token: String, device: String, cursor: String? = nil
    ) async throws -> MartletClient {
        guard let endpoint = Endpoint(url) else { throw ClientError(.invalid, "'\(url)' is no host:port") }
        return try await connect(Options(endpoints: [endpoint], device: device, cursor: cursor) { token })
    }

    private let source: EventStream.Producer.Source
    private let demand: NIOLoopBoundBox<WeakCore?>

    private init(_ options: Options, eventLoop: any EventLoop) {
        let core = NIOLoopBoundBox<ClientCore?>.makeEmptyBox(eventLoop: eventLoop)
        demand = NIOLoopBoundBox<WeakCore?>.makeEmptyBox(eventLoop: eventLoop)
        let stream = EventStream.Producer.makeSequence(
            backPressureStrategy: .init(lowWatermark: EventLimits.low, highWatermark: EventLimits.high),
            finishOnDeinit: false, delegate: EventDemand(eventLoop: eventLoop, core: demand))
        events = EventStream(producer: stream.sequence)
        source = stream.source
        self.core = core
        self.eventLoop = eventLoop
    }

    private func start(_ options: Options) async throws {
        let welcome = eventLoop.makePromise(of: Welcome.self)
        eventLoop.execute { [core, demand, eventLoop, source] in
            let made = ClientCore(options: options, eventLoop: eventLoop, events: source)
            core.value = made
            demand.value = WeakCore(core: made)
            made.start(welcome)
        }
        _ = try await withTaskCancellationHandler {
            try await welcome.futureResult.get()
        } onCancel: {
            close()
        }
    }

    deinit { close() }

    /// Sends a text and returns when it is durable and has its place in the conversation.
    ///
    /// Retried under the same id through reconnects, failovers and answers that leave the outcome open. Pass a
    /// `clientMessageID` (1 to 64 bytes) that you stored to stay exactly once over a restart of your program;
    /// without one a random id is used. Sends that wait at the same time keep their order while nothing fails;
    /// await one before the next where the order must hold through failures too.
    ///
    /// Throws ``ClientError``: `refused` (nothing was written), `outcomeUnknown`, `closed`, `invalid`.
    public func send(
        to recipient: Recipient, text: String, clientMessageID: String? = nil
    ) async throws -> Sent {
        let id = clientMessageID ?? Self.randomID()
        guard (1...64).contains(id.utf8.count) else {
            throw ClientError(.invalid, "a client message id has 1 to 64 bytes")
        }
        let ref = lastRef.add(1, ordering: .relaxed).newValue
        let frame = FrameText.send(
            to: recipient, text: text, clientMessageID: id, ref: String(ref),
            timestamp: WallClock.milliseconds())
        let answer = eventLoop.makePromise(of: Sent.self)
        onCore { $0.send(ref, frame: frame, answer: answer) }
        return try await withTaskCancellationHandler {
            try await answer.futureResult.get()
        } onCancel: {
            onCore { $0.cancel(ref) }
        }
    }

    /// Tells the cluster that this device has everything of the conversation up to this message.
    public func markDelivered(_ message: Message) {
        mark(.delivered, conversationID: message.conversationID, upTo: message.seq)
    }

    /// Tells the cluster, and the senders, that the user has read everything up to this message.
    public func markRead(_ message: Message) {
        mark(.read, conversationID: message.conversationID, upTo: message.seq)
    }

    /// A cumulative receipt by place; gathered for a moment, repeated after a reconnect until confirmed.
    public func mark(_ status: Receipt.Status, conversationID: String, upTo seq: UInt64) {
        onCore { $0.mark(status, conversationID: conversationID, upTo: seq) }
    }

    /// Asks for ``Event/presence(_:)`` of up to 200 users; to be repeated after ``Event/connected(_:)``.
    public func subscribePresence(of userIDs: [String]) {
        onCore { $0.sendVolatile(FrameText.presence(subscribe: true, userIDs: userIDs)) }
    }

    public func unsubscribePresence(of userIDs: [String]) {
        onCore { $0.sendVolatile(FrameText.presence(subscribe: false, userIDs: userIDs)) }
    }

    /// Shows the others that the user is typing, or no longer.
    public func setTyping(_ hasStarted: Bool, in conversationID: String) {
        onCore { $0.sendVolatile(FrameText.typing(conversationID: conversationID, hasStarted: hasStarted)) }
    }

    /// Ends the client: open sends throw `closed`, the events end. Harmless when repeated.
    public func close() {
        onCore { $0.close() }
    }

    private func onCore(_ work: @escaping @Sendable (ClientCore) -> Void) {
        eventLoop.execute { [core] in
            if let core = core.value { work(core) }
        }
    }

    private static func randomID() -> String {
        var random = SystemRandomNumberGenerator()
        let halves = [random.next(), random.next()] as [UInt64]
        return halves.map { String($0, radix: 36) }.joined(separator: "-")
    }
}
