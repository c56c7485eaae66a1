import NIOCore

/// One frame of the server, with only what the client machinery acts upon spelled out.
package enum ServerFrame: Hashable, Sendable {
    case event(Event)
    case sent(ref: String?, clientMessageID: String?, Sent)
    case error(ref: String?, clientMessageID: String?, Refusal)
    case ok(ref: String?)
    case pong
    /// The node is leaving service; where to go instead.
    case draining(reconnectTo: [String])
}

extension ServerFrame {
    /// Parses one text frame; `nil` when it is no JSON object with a `type`, or lacks what its type must have.
    package init?(_ frame: ByteBuffer) {
        let parsed = frame.withUnsafeReadableBytes { bytes in
            Fields(bytes).flatMap { ServerFrame(fields: $0, bytes: bytes) }
        }
        guard let parsed else { return nil }
        self = parsed
    }

    private init?(fields: Fields, bytes: UnsafeRawBufferPointer) {
        guard let type = fields.text("type") else { return nil }
        var json: String { String(decoding: bytes, as: UTF8.self) }
        switch type {
        case "sent":
            guard let sent = Sent(fields) else { return nil }
            self = .sent(
                ref: fields.text("ref"), clientMessageID: fields.text("client_message_id"), sent)
        case "error":
            self = .error(
                ref: fields.text("ref"), clientMessageID: fields.text("client_message_id"), Refusal(fields))
        case "ok": self = .ok(ref: fields.text("ref"))
        case "pong": self = .pong
        case "draining": self = .draining(reconnectTo: fields.texts("reconnect_to"))
        case "welcome":
            guard let welcome = Welcome(fields) else { return nil }
            self = .event(.connected(welcome))
        case "sync_done": self = .event(.caughtUp(cursor: fields.text("cursor") ?? ""))
        case "cursor":
            guard let cursor = fields.text("cursor") else { return nil }
            self = .event(.cursor(cursor))
        case "message":
            guard let message = Message(fields) else { return nil }
            self = .event(.message(message))
        case "status":
            guard let receipt = Receipt(fields) else { return nil }
            self = .event(.receipt(receipt))
        case "presence":
            guard let user = fields.text("user_id") else { return nil }
            self = .event(
                .presence(
                    Presence(
                        userID: user, isOnline: fields.text("status") == "online",
                        lastSeen: fields.integer("last_seen"))))
        case "typing":
            guard let user = fields.text("user_id"), let conversation = fields.text("conversation_id")
            else { return nil }
            let hasStarted = fields.text("state") == "started"
            self = .event(
                .typing(Typing(conversationID: conversation, userID: user, hasStarted: hasStarted)))
        case "group":
            guard let group = fields.text("group_id"), let seq = fields.count("seq") else { return nil }
            let event = fields.text("event") ?? ""
            self = .event(.group(GroupChange(groupID: group, event: event, seq: seq, json: json)))
        default: self = .event(.other(type: type, json: json))
        }
    }
}

/// The members of one object, found by name in a short list.
private struct Fields {
    private let scanner: FrameScanner
    private var members: [(key: FrameScanner.Value, value: FrameScanner.Value)] = []

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard var scanner = FrameScanner(bytes) else { return nil }
        members.reserveCapacity(16)
        while let member = scanner.next() { members.append(member) }
        self.scanner = scanner
    }

    private func value(_ name: StaticString) -> FrameScanner.Value? {
        members.first { scanner.equals($0.key, name) }?.value
    }
    func text(_ name: StaticString) -> String? { value(name).flatMap { scanner.text($0) } }
    func integer(_ name: StaticString) -> Int64? { value(name).flatMap { scanner.integer($0) } }
    func count(_ name: StaticString) -> UInt64? { integer(name).flatMap { UInt64(exactly: $0) } }
    func isTrue(_ name: StaticString) -> Bool { value(name).map { scanner.equals($0, "true") } ?? false }

    /// The strings of an array of strings without escapes, which is what addresses are.
    func texts(_ name: StaticString) -> [String] {
        guard let value = value(name), value.kind == .nested else { return [] }
        let parts = scanner.raw(value).split(separator: "\"", omittingEmptySubsequences: false)
        return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
    }
}

extension Sent {
    fileprivate init?(_ fields: Fields) {
        guard let message = fields.text("message_id"), let conversation = fields.text("conversation_id"),
            let seq = fields.count("seq")
        else { return nil }
        self.init(
            messageID: message, conversationID: conversation, seq: seq,
            timestamp: fields.integer("timestamp") ?? 0, isDuplicate: fields.isTrue("duplicate"))
    }
}

extension Refusal {
    fileprivate init(_ fields: Fields) {
        self.init(
            status: Int(fields.integer("status") ?? 500), code: fields.text("code") ?? "unknown",
            message: fields.text("message") ?? "",
            retryAfterMilliseconds: fields.integer("retry_after_ms").map { Int($0) })
    }
}

extension Welcome {
    fileprivate init?(_ fields: Fields) {
        guard let user = fields.text("user_id") else { return nil }
        self.init(
            userID: user, deviceID: fields.text("device_id") ?? "", nodeID: fields.text("node_id") ?? "",
            sessionID: fields.text("session_id") ?? "",
            heartbeatMilliseconds: Int(fields.integer("heartbeat_interval_ms") ?? 10_000),
            serverTime: fields.integer("server_time") ?? 0)
    }
}

extension Message {
    fileprivate init?(_ fields: Fields) {
        guard let conversation = fields.text("conversation_id"), let message = fields.text("message_id"),
            let seq = fields.count("seq"), let sender = fields.text("sender_id")
        else { return nil }
        self.init(
            conversationID: conversation, messageID: message, seq: seq, senderID: sender,
            recipientID: fields.text("recipient_id") ?? "", isGroup: fields.text("recipient_type") == "group",
            messageType: fields.text("message_type") ?? "text", content: fields.text("content") ?? "",
            timestamp: fields.integer("timestamp") ?? 0, clientMessageID: fields.text("client_message_id"),
            replyTo: fields.text("reply_to"))
    }
}

extension Receipt {
    fileprivate init?(_ fields: Fields) {
        guard let conversation = fields.text("conversation_id"), let seq = fields.count("seq"),
            let user = fields.text("user_id"),
            let status = fields.text("status").flatMap(Status.init(rawValue:))
        else { return nil }
        self.init(
            conversationID: conversation, messageID: fields.text("message_id") ?? "", seq: seq, userID: user,
            status: status, timestamp: fields.integer("timestamp") ?? 0)
    }
}
