import HummingbirdCore
import NIOHTTP1
import Vocabulary
import Wire

/// A request that opens a session: the WebSocket, server-sent events, or one long poll.
struct SessionRequest: Sendable {
    enum Kind: Hashable, Sendable {
        case webSocket
        case events
        case poll
    }
    let head: HTTPRequestHead
    let uri: URI
    let kind: Kind

    static let waitMillisecondsMax = 55_000
    private static let waitMillisecondsDefault = 25_000

    /// `nil` for any other request.
    init?(_ head: HTTPRequestHead) {
        guard head.method == .GET, head.uri.hasPrefix("/v1/") else { return nil }
        uri = URI(head.uri)
        switch uri.path {
        case "/v1/ws": kind = .webSocket
        case "/v1/events": kind = .events
        case "/v1/poll": kind = .poll
        default: return nil
        }
        self.head = head
    }

    /// Where the device says it stands; a browser that reconnects says it in `Last-Event-ID` (WHATWG HTML, 9.2.3)
    /// and repeats the cursor of its first request in the address.
    func cursor() throws(Refusal) -> SyncCursor? {
        let header = kind == .events ? head.headers.first(name: "last-event-id") : nil
        guard let text = header ?? uri.queryParameters["cursor"].map({ String($0) }), !text.isEmpty else {
            return nil
        }
        return try CursorText.syncCursor(text)
    }

    /// How long a poll waits for an event.
    func waitMilliseconds() throws(Refusal) -> Int {
        guard kind == .poll, let text = uri.queryParameters["wait_ms"] else {
            return Self.waitMillisecondsDefault
        }
        guard let wait = Int(text), (0...Self.waitMillisecondsMax).contains(wait) else {
            throw Refusal(
                .invalidRequest, "wait_ms must be 0 to \(Self.waitMillisecondsMax)",
                details: [
                    .init("field", .text("wait_ms")), .init("max", .number(Int64(Self.waitMillisecondsMax))),
                ])
        }
        return wait
    }

    /// The device that connects: the token's own, or the one named.
    func device(pinned: DeviceID?) throws(Refusal) -> DeviceID {
        guard let text = uri.queryParameters["device"] else {
            guard let pinned else {
                throw Refusal(.missingField, "device is missing", details: [.init("field", .text("device"))])
            }
            return pinned
        }
        guard let device = DeviceID(String(text)) else {
            throw Refusal(
                .invalidRequest, "device must be 1 to 64 of A-Z a-z 0-9 . _ @ -",
                details: [.init("field", .text("device"))])
        }
        guard pinned == nil || pinned == device else {
            throw Refusal(.forbidden, "the token is for another device")
        }
        return device
    }
}
