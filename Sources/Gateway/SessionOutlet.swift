import ClientSession
import NIOCore
import NIOHTTP1
import Wire

/// How a session's frames reach its client: the contract has one stream of events and three ways to it.
enum SessionOutlet: Sendable {
    case webSocket
    /// Server-sent events: one frame a `data:` line, cursors as `id:`.
    case events
    /// One answer to one long poll.
    case poll(PollCollector)

    /// A WebSocket's client is heard by its frames; the others are there as long as their socket is.
    var isHeardBySocket: Bool {
        if case .webSocket = self { return false }
        return true
    }
}

/// What one long poll has gathered. Touched on the loop of its connection only; that is what makes it sendable.
final class PollCollector: @unchecked Sendable {
    private(set) var events: [[UInt8]] = []
    private var bytes = 0
    private(set) var isSynced = false
    /// Why the session could not be opened, or what it was told before its end.
    var refusal: Refusal?
    private let completion: @Sendable (Result<[UInt8], Refusal>) -> Void
    private var isAnswered = false
    /// Ends the wait.
    var timer: Scheduled<Void>?

    /// One answer's events and their bytes: what is beyond comes with the next poll.
    private static let eventsMax = 512
    private static let bytesMax = 512 << 10

    init(completion: @escaping @Sendable (Result<[UInt8], Refusal>) -> Void) { self.completion = completion }

    var isFull: Bool { events.count >= Self.eventsMax || bytes >= Self.bytesMax }
    /// There is something to tell, and nothing older is still to come.
    var isDue: Bool { isFull || isSynced && !events.isEmpty }

    func add(_ frame: [UInt8]) {
        switch StreamFrame(frame) {
        case .welcome: break
        case .cursor(_, let isSynced): self.isSynced = self.isSynced || isSynced
        case .event:
            events.append(frame)
            bytes += frame.count
        }
    }

    func answer(cursor: String) {
        guard !isAnswered else { return }
        isAnswered = true
        timer?.cancel()
        if events.isEmpty, let refusal { return completion(.failure(refusal)) }
        completion(.success(RestAnswer.poll(events: events, cursor: cursor)))
        events = []
    }
}

extension ByteBuffer {
    /// Appends one frame as server-sent events say it (WHATWG HTML, 9.2).
    mutating func writeEvent(_ frame: [UInt8]) {
        if case .cursor(let cursor, _) = StreamFrame(frame) { writeString("id: \(cursor)\n") }
        writeStaticString("data: ")
        // JSON is written without line breaks, so that one line holds it.
        writeBytes(frame)
        writeStaticString("\n\n")
    }

    /// Tells a browser, which would connect again at once, why the stream ends.
    mutating func writeClose(code: UInt16, reason: String) {
        writeString("event: close\ndata: {\"type\":\"close\",\"code\":\(code),\"reason\":\"\(reason)\"}\n\n")
    }

    /// A comment: keeps the connection alive through what stands between.
    mutating func writeEventComment() { writeStaticString(": \n\n") }
}

/// Between the socket of an event stream and its connection; what the client writes is of no meaning.
final class EventStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ClientConnection

    init(connection: ClientConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelReadComplete(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.readComplete() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        connection.assumeIsolated { $0.writabilityChanged(isWritable) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.inactive() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
