/// How a frame for a WebSocket stands in the fallbacks: server-sent events and long poll carry the same frames.
///
/// Frames are written once, by `ServerFrame`, with `type` first; only that much is read here.
package enum StreamFrame: Hashable, Sendable {
    /// A cursor to come back with: `cursor`, or `sync_done` at the end of the first catch-up.
    case cursor(String, isSynced: Bool)
    case welcome
    /// Anything that a client would miss.
    case event

    package init(_ frame: [UInt8]) {
        if let cursor = Self.cursor(of: frame, after: Self.syncDonePrefix) {
            self = .cursor(cursor, isSynced: true)
        } else if let cursor = Self.cursor(of: frame, after: Self.cursorPrefix) {
            self = .cursor(cursor, isSynced: false)
        } else {
            self = frame.starts(with: Self.welcomePrefix) ? .welcome : .event
        }
    }

    private static let syncDonePrefix = Array(#"{"type":"sync_done","cursor":""#.utf8)
    private static let cursorPrefix = Array(#"{"type":"cursor","cursor":""#.utf8)
    private static let welcomePrefix = Array(#"{"type":"welcome""#.utf8)

    private static func cursor(of frame: [UInt8], after prefix: [UInt8]) -> String? {
        guard frame.starts(with: prefix) else { return nil }
        return String(decoding: frame.dropFirst(prefix.count).dropLast(2), as: UTF8.self)
    }
}

extension RestAnswer {
    /// `GET /v1/poll`: whole frames, in order, and the cursor to come back with.
    package static func poll(events: [[UInt8]], cursor: String) -> [UInt8] {
        var bytes = Array(#"{"events":["#.utf8)
        bytes.reserveCapacity(events.reduce(64 + cursor.utf8.count) { $0 + $1.count + 1 })
        for (place, event) in events.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += event
        }
        // A cursor needs no escaping: it is of [A-Za-z0-9_-].
        bytes += Array("],\"cursor\":\"\(cursor)\"}".utf8)
        return bytes
    }
}
