import Vocabulary
import Wire

@testable import ClientSession

/// One session under test: facts in, short words for its orders out.
struct SessionRig {
    static let user = UserID(unchecked: "ann")
    static let device = DeviceID(unchecked: "phone")
    static let bob = UserID(unchecked: "bob")

    var machine: ClientSession
    var now = Tick(1_000)
    private var out: [SessionDirective] = []
    /// Operations not answered yet.
    private(set) var asked: [(operation: Operation, token: OperationToken)] = []
    /// Those that nobody waits for.
    private(set) var forgotten: [Operation] = []

    init(
        cursor: SyncCursor? = nil, isServer: Bool = false, limits: Limits = Limits(),
        expires: UInt64 = 1 << 40
    ) {
        let identity = SessionIdentity(
            user: Self.user, device: Self.device,
            session: SessionKey(node: NodeID(high: 0, low: 1), number: 7), isServer: isServer,
            expires: Tick(expires))
        machine = ClientSession(
            identity: identity, cursor: cursor, rules: SessionRules(limits: limits), now: Tick(1_000))
    }

    static func conversation(_ number: UInt64) -> ConversationID { ConversationID(high: 0, low: number) }

    static func position(_ seq: UInt64, _ rev: UInt64) -> ConversationPosition {
        ConversationPosition(seq: Seq(seq), rev: Rev(rev))
    }

    /// The id layout of the cluster: the conversation above, the seq below.
    static func messageID(_ conversation: UInt64, _ seq: UInt64) -> MessageID {
        MessageID(high: conversation << 16 | 0x8000, low: 1 << 63 | seq << 14)
    }

    static func record(_ conversation: UInt64, _ seq: UInt64, isOwn: Bool = false) -> MessageRecord {
        MessageRecord(
            conversation: self.conversation(conversation), seq: Seq(seq), ordinal: Ordinal(seq),
            messageID: messageID(conversation, seq), sender: isOwn ? user : bob,
            senderDevice: isOwn ? device : nil,
            recipient: .user(user), clientMessageID: ClientMessageID(unchecked: "m\(seq)"), type: .text,
            content: "text", timestamp: Timestamp(1), clientTimestamp: nil)
    }

    static func receipt(_ conversation: UInt64, _ seq: UInt64, rev: UInt64) -> StatusEvent {
        StatusEvent(
            conversation: self.conversation(conversation), messageID: messageID(conversation, seq),
            seq: Seq(seq),
            user: bob, status: .delivered, timestamp: Timestamp(1), rev: Rev(rev))
    }

    static func edit(_ conversation: UInt64, _ seq: UInt64, rev: UInt64) -> UpdateEvent {
        UpdateEvent(
            conversation: self.conversation(conversation), messageID: messageID(conversation, seq),
            seq: Seq(seq), user: bob, change: .edited(content: "new"), timestamp: Timestamp(1), rev: Rev(rev))
    }

    // MARK: - Facts

    @discardableResult
    mutating func opened() -> [String] {
        machine.opened(now: now, serverTime: Timestamp(5), out: &out)
        return taken()
    }

    /// Opened, registered, nothing missed, synced.
    static func synced(isServer: Bool = false, limits: Limits = Limits()) -> SessionRig {
        var rig = SessionRig(isServer: isServer, limits: limits)
        rig.opened()
        rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: [])))
        return rig
    }

    @discardableResult
    mutating func frame(_ text: String) -> [String] {
        machine.received(Array(text.utf8), now: now, out: &out)
        machine.settle(now: now, out: &out)
        return taken()
    }

    @discardableResult
    mutating func send(_ id: String) -> [String] {
        frame(
            #"{"type":"send","ref":"\#(id)","client_message_id":"\#(id)","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"x","timestamp":1}"#
        )
    }

    @discardableResult
    mutating func message(
        _ conversation: UInt64, _ seq: UInt64, rev: UInt64, at: ConversationPosition = .start
    )
        -> [String]
    {
        push(.message(Self.record(conversation, seq), rev: Rev(rev)), at: at)
    }

    @discardableResult
    mutating func push(_ event: SessionPush.Event, at position: ConversationPosition = .start) -> [String] {
        machine.pushed(PushedEvent(event), position: position, now: now, out: &out)
        return taken()
    }

    /// Answers the oldest operation that waits.
    @discardableResult
    mutating func answer(_ result: OperationResult) -> [String] {
        machine.finished(asked.removeFirst().token, result, now: now, out: &out)
        return taken()
    }

    @discardableResult
    mutating func page(
        _ conversation: UInt64, _ seqs: [UInt64], to position: ConversationPosition, more: Bool = false,
        statuses: [StatusEvent] = [], updates: [UpdateEvent] = [], form: UInt64 = 0
    ) -> [String] {
        var page = CatchUpPage(
            messages: seqs.map { Self.record(conversation, $0) }, statuses: statuses, position: position,
            hasMore: more)
        page.updates = updates
        page.form = Rev(form)
        return answer(.caughtUp(page))
    }

    @discardableResult
    mutating func pass(_ milliseconds: UInt64) -> [String] {
        now = now + milliseconds
        machine.tick(now: now, out: &out)
        return taken()
    }

    @discardableResult
    mutating func writable(_ isWritable: Bool) -> [String] {
        machine.writabilityChanged(isWritable, now: now, out: &out)
        return taken()
    }

    @discardableResult
    mutating func renew() -> [String] {
        machine.renew(out: &out)
        return taken()
    }

    // MARK: - Orders

    private mutating func taken() -> [String] {
        defer { out.removeAll() }
        return out.map { directive in
            switch directive {
            case .write(let bytes): return Self.word(bytes)
            case .refuse(let refused): return "error \(refused.refusal.code.word) \(refused.ref ?? "-")"
            case .perform(let operation, let token):
                asked.append((operation, token))
                return "? " + Self.word(operation)
            case .performAndForget(let operation):
                forgotten.append(operation)
                return "! " + Self.word(operation)
            case .read(let reads): return reads ? "read" : "stop reading"
            case .foreground(let isForeground): return isForeground ? "foreground" : "background"
            case .close(let code, _): return "close \(code)"
            }
        }
    }

    private static func word(_ frame: [UInt8]) -> String {
        guard case .object(let json)? = try? JSONReader.parse(frame), case .string(let type)? = json["type"]
        else {
            return "no frame"
        }
        if case .integer(let seq)? = json["seq"] {
            if case .string(let id)? = json["conversation_id"], let conversation = ConversationID(id) {
                return "\(type) \(conversation.raw.low)/\(seq)"
            }
            return "\(type) \(seq)"
        }
        if case .string(let id)? = json["conversation_id"], let conversation = ConversationID(id),
            case .integer(let first)? = json["from_seq"], case .integer(let last)? = json["up_to_seq"]
        {
            return "\(type) \(conversation.raw.low)/\(first)-\(last)"
        }
        if case .string(let ref)? = json["ref"] { return "\(type) \(ref)" }
        return type
    }

    private static func word(_ operation: Operation) -> String {
        switch operation {
        case .send(let request): return "send \(request.clientMessageID)"
        case .receipt(let request):
            switch request.target {
            case .upTo(let conversation, let seq): return "\(request.status) \(conversation.raw.low)/\(seq)"
            case .message(let message): return "\(request.status) \(message)"
            }
        case .history: return "history"
        case .catchUp(let query):
            return "catch up \(query.conversation.raw.low) after \(query.after.seq)/\(query.after.rev)"
        case .openSession(let open): return open.isRenewal ? "renew" : "open"
        case .closeSession: return "close session"
        case .deviceAcks(let acks):
            return "acks "
                + acks.map { "\($0.conversation.raw.low)/\($0.position.seq)" }.joined(separator: " ")
        case .presence(_, let users): return "presence " + users.map(\.text).joined(separator: " ")
        case .subscribePresence(let subscription):
            return (subscription.isEnd ? "unwatch " : "watch ")
                + subscription.users.map(\.text).joined(separator: " ")
        case .typing(let request):
            return "typing \(request.conversation.raw.low) \(request.isTyping ? "started" : "stopped")"
        default: return "other"
        }
    }
}
