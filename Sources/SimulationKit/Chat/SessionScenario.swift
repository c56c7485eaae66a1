import ClientSession
import Vocabulary
import Wire

/// Courses of events between a session and its device, told step by step.
package enum SessionScenario: String, CaseIterable, Sendable {
    /// The user's inbox is at a later version, and what that version is about is still being read.
    case cursorAmidCatchUp = "cursor-amid-catch-up"
    /// The user's partition has a new leader, which knows nothing of the session; what came meanwhile was pushed to
    /// nobody.
    case renewedSession = "renewed-session"

    /// Runs it; `happened` is false when the story could not be told.
    package func run(seed: UInt64) -> (result: SimulationResult, happened: Bool) {
        switch self {
        case .cursorAmidCatchUp: cursorAmidCatchUp(seed: seed)
        case .renewedSession: renewedSession(seed: seed)
        }
    }

    private func renewedSession(seed: UInt64) -> (result: SimulationResult, happened: Bool) {
        var random = SeededGenerator(seed: seed)
        let before = InboxVersion(UInt64.random(in: 1...50, using: &random))
        let after = InboxVersion(before.raw + UInt64.random(in: 1...50, using: &random))
        var told = ToldSession()
        told.open(at: before)
        told.leaderChanged(now: after)
        let asked = told.isCatchingUp
        told.endCatchUp()
        told.pass(milliseconds: 10_000)
        let isAtEnd = told.cursors.last?.version == after
        let violations =
            asked && isAtEnd ? [] : ["a session whose leader is new does not learn what it has missed (G6)"]
        let result = SimulationResult(
            seed: seed, violations: violations, hash: after.raw, milliseconds: told.now.raw, messages: 0,
            sends: 0, reads: 0, faults: [:], history: [])
        return (result, asked)
    }

    private func cursorAmidCatchUp(seed: UInt64) -> (result: SimulationResult, happened: Bool) {
        var random = SeededGenerator(seed: seed)
        let before = InboxVersion(UInt64.random(in: 1...50, using: &random))
        let after = InboxVersion(before.raw + UInt64.random(in: 1...50, using: &random))
        var told = ToldSession()
        told.open(at: before)
        told.push(.advanced(ToldSession.conversation, head: ToldSession.head))
        told.push(.version(after))
        // Something else happens meanwhile, so that the device is told a cursor.
        told.push(.message(ToldSession.other, rev: Rev(1)))
        told.pass(milliseconds: 10_000)
        var violations: [String] = []
        let amid = told.cursors
        if let ahead = amid.first(where: { $0.version >= after }) {
            violations = [
                "a cursor says version \(ahead.version), of which the device has not been written everything"
            ]
        }
        told.endCatchUp()
        told.pass(milliseconds: 10_000)
        let happened = !amid.isEmpty && told.cursors.last?.version == after
        let result = SimulationResult(
            seed: seed, violations: violations, hash: after.raw, milliseconds: told.now.raw, messages: 0,
            sends: 0, reads: 0, faults: [:], history: [])
        return (result, happened)
    }
}

/// One session and what it tells its device.
private struct ToldSession {
    static let conversation = ConversationID(high: 0, low: 1)
    static let head = ConversationPosition(seq: Seq(3), rev: Rev(3))
    private static let user = UserID(unchecked: "ann")

    /// The first message of another conversation.
    static var other: MessageRecord {
        MessageRecord(
            conversation: ConversationID(high: 0, low: 2), seq: Seq(1), ordinal: Ordinal(1),
            messageID: MessageID(high: 2 << 16 | 0x8000, low: 1 << 63 | 1 << 14),
            sender: UserID(unchecked: "bob"), senderDevice: nil, recipient: .user(user),
            clientMessageID: ClientMessageID(unchecked: "m"), type: .text, content: "text",
            timestamp: Timestamp(1), clientTimestamp: nil)
    }

    private var machine: ClientSession
    private var waiting: [(operation: Operation, token: OperationToken)] = []
    private(set) var now = Tick(1_000)
    private(set) var cursors: [SyncCursor] = []

    init() {
        let identity = SessionIdentity(
            user: Self.user, device: DeviceID(unchecked: "phone"),
            session: SessionKey(node: NodeID(high: 0, low: 1), number: 1), isServer: false,
            expires: Tick(1 << 40))
        machine = ClientSession(
            identity: identity, cursor: nil, rules: SessionRules(limits: Limits()), now: Tick(1_000))
    }

    /// Nothing is missed.
    mutating func open(at version: InboxVersion) {
        step { $0.opened(now: $1, serverTime: Timestamp(1), out: &$2) }
        finish(.opened(SessionOpened(version: version, missed: []))) {
            if case .openSession = $0 { true } else { false }
        }
        cursors = []
    }

    /// The new leader answers the session's renewal, if it asks for one: it lacks what is at `head`.
    mutating func leaderChanged(now version: InboxVersion) {
        step { machine, _, out in machine.renew(out: &out) }
        let missed = SessionOpened.Missed(
            conversation: Self.conversation, position: .start, head: Self.head)
        finish(.opened(SessionOpened(version: version, missed: [missed]))) {
            if case .openSession = $0 { true } else { false }
        }
    }

    var isCatchingUp: Bool {
        waiting.contains { if case .catchUp = $0.operation { true } else { false } }
    }

    mutating func push(_ event: SessionPush.Event) {
        step { $0.pushed(PushedEvent(event), position: .start, now: $1, out: &$2) }
    }

    mutating func pass(milliseconds: UInt64) {
        for _ in 0..<milliseconds / 100 {
            now = now + 100
            step { $0.tick(now: $1, out: &$2) }
        }
    }

    mutating func endCatchUp() {
        let page = CatchUpPage(messages: [], statuses: [], position: Self.head, hasMore: false)
        finish(.caughtUp(page)) { if case .catchUp = $0 { true } else { false } }
    }

    private mutating func finish(_ result: OperationResult, where isMeant: (Operation) -> Bool) {
        guard let place = waiting.firstIndex(where: { isMeant($0.operation) }) else { return }
        let token = waiting.remove(at: place).token
        step { $0.finished(token, result, now: $1, out: &$2) }
    }

    private mutating func step(_ body: (inout ClientSession, Tick, inout [SessionDirective]) -> Void) {
        var out: [SessionDirective] = []
        body(&machine, now, &out)
        for directive in out {
            switch directive {
            case .perform(let operation, let token): waiting.append((operation, token))
            case .write(let frame):
                guard case .object(let json)? = try? JSONReader.parse(frame),
                    case .string(let text)? = json["cursor"], let cursor = try? CursorText.syncCursor(text)
                else { continue }
                cursors.append(cursor)
            default: continue
            }
        }
    }
}
