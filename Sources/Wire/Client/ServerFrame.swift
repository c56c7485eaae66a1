import Vocabulary

/// The frames a server writes, straight to bytes.
package enum ServerFrame {
    package static let pong = frame("pong") { _ in }
    package static let resync = frame("resync") { _ in }

    /// What opens every connection.
    package struct Welcome: Hashable, Sendable {
        package var user: UserID
        package var device: DeviceID
        package var session: SessionKey
        package var heartbeatMilliseconds: UInt64
        package var serverTime: Timestamp

        package init(
            user: UserID, device: DeviceID, session: SessionKey, heartbeatMilliseconds: UInt64,
            serverTime: Timestamp
        ) {
            self.user = user
            self.device = device
            self.session = session
            self.heartbeatMilliseconds = heartbeatMilliseconds
            self.serverTime = serverTime
        }
    }

    package static func welcome(_ welcome: Welcome) -> [UInt8] {
        frame("welcome") { json in
            json.field("user_id", welcome.user)
            json.field("device_id", welcome.device)
            json.field("node_id", welcome.session.node)
            json.field("session_id", "\(welcome.session.node)-\(welcome.session.number)")
            json.field("heartbeat_interval_ms", Int(welcome.heartbeatMilliseconds))
            json.field("server_time", welcome.serverTime)
        }
    }

    package static func sent(ref: String?, clientMessageID: ClientMessageID, _ result: SentResult) -> [UInt8]
    {
        frame("sent") { json in
            if let ref { json.field("ref", ref) }
            json.field("client_message_id", clientMessageID)
            json.field("message_id", result.messageID)
            json.field("conversation_id", result.conversation)
            json.field("seq", result.seq)
            json.field("timestamp", result.timestamp)
            if result.duplicate { json.field("duplicate", true) }
        }
    }

    /// A message, or for a system message the `group` frame.
    package static func message(_ record: MessageRecord) -> [UInt8] {
        if record.type == .system { return groupEvent(record) }
        return frame("message", capacity: 400 + record.content.utf8.count) { json in
            json.messageFields(record)
            if !record.reactions.isEmpty { json.reactions(record.reactions) }
        }
    }

    /// A system message: its content's fields, after those that every one has.
    private static func groupEvent(_ record: MessageRecord) -> [UInt8] {
        let content: JSONObject
        if case .object(let object)? = try? JSONReader.parse(Array(record.content.utf8)) {
            content = object
        } else {
            content = JSONObject()
        }
        let own: Set<String> = ["type", "group_id", "conversation_id", "message_id", "seq", "timestamp"]
        return frame("group") { json in
            json.field("group_id", record.conversation)
            json.field("conversation_id", record.conversation)
            if content["event"] == nil { json.field("event", "changed") }
            json.field("seq", record.seq)
            json.field("message_id", record.messageID)
            json.field("timestamp", record.timestamp)
            for member in content.members where !own.contains(member.name) {
                json.key(member.name)
                json.value(member.value)
            }
        }
    }

    package static func status(_ event: StatusEvent) -> [UInt8] {
        frame("status") { json in
            json.field("conversation_id", event.conversation)
            json.field("message_id", event.messageID)
            json.field("seq", event.seq)
            json.field("user_id", event.user)
            json.field("status", event.status.rawValue)
            json.field("timestamp", event.timestamp)
        }
    }

    package static func ok(ref: String) -> [UInt8] { frame("ok") { $0.field("ref", ref) } }

    package static func pong(ref: String?) -> [UInt8] {
        guard let ref else { return pong }
        return frame("pong") { $0.field("ref", ref) }
    }

    package static func history(ref: String?, _ page: HistoryPage) -> [UInt8] {
        frame("history") { json in
            if let ref { json.field("ref", ref) }
            json.historyFields(page)
        }
    }

    /// These messages are no more: the operator keeps none that old.
    package static func gone(_ conversation: ConversationID, _ seqs: ClosedRange<Seq>) -> [UInt8] {
        frame("gone") { json in
            json.field("conversation_id", conversation)
            json.field("from_seq", seqs.lowerBound)
            json.field("up_to_seq", seqs.upperBound)
        }
    }

    package static func syncDone(cursor: String) -> [UInt8] {
        frame("sync_done") { $0.field("cursor", cursor) }
    }

    package static func cursor(_ cursor: String) -> [UInt8] { frame("cursor") { $0.field("cursor", cursor) } }

    package static func draining(deadlineMilliseconds: UInt64, reconnectTo: [String]) -> [UInt8] {
        frame("draining") { json in
            json.field("deadline_ms", Int(deadlineMilliseconds))
            json.key("reconnect_to")
            json.beginArray()
            for target in reconnectTo { json.string(target) }
            json.endArray()
        }
    }

    package static func error(_ refusal: Refusal, ref: String? = nil, clientMessageID: String? = nil)
        -> [UInt8]
    {
        frame("error") { json in
            if let ref { json.field("ref", ref) }
            if let clientMessageID { json.field("client_message_id", clientMessageID) }
            json.field("status", refusal.code.status)
            json.refusalFields(refusal)
        }
    }

    package static func presence(_ state: PresenceState) -> [UInt8] {
        frame("presence") { $0.presenceFields(state) }
    }

    package static func typing(_ conversation: ConversationID, user: UserID, isTyping: Bool) -> [UInt8] {
        frame("typing") { json in
            json.field("conversation_id", conversation)
            json.field("user_id", user)
            json.field("state", isTyping ? "started" : "stopped")
        }
    }

    static func frame(
        _ type: StaticString, capacity: Int = 256, _ fields: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter(capacity: capacity)
        json.beginObject()
        json.key("type")
        json.string(type.description)
        fields(&json)
        json.endObject()
        return json.bytes
    }
}
