import NIOConcurrencyHelpers
import NIOCore
import Vocabulary
import Wire

@testable import Gateway

/// A cluster of one table: every operation is answered at once from what the test says.
final class FakeDispatcher: Dispatcher {
    struct State {
        var isReady = true
        var isDraining = false
        var next: UInt64 = 0
        var operations: [Operation] = []
        var sessions: [UInt64: SessionRegistration] = [:]
        var answers: @Sendable (Operation) -> OperationResult? = { _ in nil }
        var onAttach: @Sendable () -> Void = {}
        var waiting: [(@Sendable (Operation) -> Bool, CheckedContinuation<Void, any Error>)] = []
    }
    let state = NIOLockedValueBox(State())
    let nodeID = NodeID(high: 0, low: 9)

    var isReady: Bool { state.withLockedValue { $0.isReady } }
    var isDraining: Bool { state.withLockedValue { $0.isDraining } }
    var reconnectTargets: [String] { ["ws://127.0.0.1:1/v1/ws"] }

    func nextSessionNumber() -> UInt64 {
        state.withLockedValue {
            $0.next += 1
            return $0.next
        }
    }

    func perform(
        _ operation: Operation, on loop: any EventLoop,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        let (answers, count, woken) = state.withLockedValue { state in
            state.operations.append(operation)
            let woken = state.waiting.filter { $0.0(operation) }.map(\.1)
            state.waiting.removeAll { $0.0(operation) }
            return (state.answers, UInt64(state.operations.count), woken)
        }
        for continuation in woken { continuation.resume() }
        let result = answers(operation) ?? Self.answer(operation, count: count)
        loop.execute { completion(result) }
    }

    private static func answer(_ operation: Operation, count: UInt64) -> OperationResult {
        switch operation {
        case .send(let request):
            return .sent(
                SentResult(
                    messageID: MessageID(high: 0, low: count), conversation: ConversationID(high: 0, low: 1),
                    seq: Seq(count), timestamp: Timestamp(1),
                    duplicate: request.clientMessageID.text == "again"))
        case .openSession: return .opened(SessionOpened(version: InboxVersion(1), missed: []))
        case .conversations: return .conversations(ConversationsPage(rows: [], hasMore: false))
        case .history: return .history(HistoryPage(messages: [], hasMore: false, newest: .zero))
        case .presence(_, let users):
            return .presence(users.map { PresenceState(user: $0, online: true, lastSeen: nil) })
        case .group(let request):
            return .group(GroupResult(group: request.group, name: "team", seq: Seq(1), members: []))
        case .receipt, .ensureUser, .closeSession, .deviceAcks, .setDisappearing, .clear: return .ok
        case .account(let request):
            if case .deviceToken = request.ask { return .account(.done) }
            guard case .change(.revokeDevice) = request.ask else {
                return .refused(Refusal(.notFound, "none"))
            }
            return .account(.done)
        case .changeMessage(let request): return .messageChanged(UpdateEvent(answering: request))
        case .messageInfo(let query):
            return .messageInfo(
                MessageInfo(
                    message: query.message,
                    members: [
                        .init(
                            user: UserID(unchecked: "bob"), deliveredAt: Timestamp(5), readAt: nil,
                            leftAt: nil)
                    ]))
        case .privacy(.settings), .privacy(.change), .privacy(.block):
            return .privacy(.settings(UserSettings()))
        case .privacy(.blocks): return .privacy(.blocks(BlocksPage(blocks: [], hasMore: false)))
        case .subscribePresence, .typing: return .ok
        case .usersExist(let users): return .usersExist(users.map { $0.text != "nobody" })
        case .catchUp, .refreshSessions, .devices, .groupQuery, .mayAdd, .privacy, .presenceOf,
            .watchPresence, .memberFlags, .eraseMember:
            return .refused(Refusal(.notFound, "none"))
        }
    }

    func attach(_ registration: SessionRegistration) {
        let onAttach = state.withLockedValue { state in
            state.sessions[registration.session.number] = registration
            return state.onAttach
        }
        onAttach()
    }
    func update(session: UInt64, foreground: Bool) {}
    func detach(session: UInt64) { state.withLockedValue { $0.sessions[session] = nil } }

    /// Pushes to the one session that is open.
    func push(_ event: SessionPush.Event) {
        guard let session = state.withLockedValue({ $0.sessions.values.first }) else { return }
        let delivery = SessionDelivery(position: .start, event: PushedEvent(event))
        session.loop.execute { session.sink.receive([delivery]) }
    }

    /// Pushes once everything that is under way on the session's loop is done.
    func pushSoon(_ event: SessionPush.Event) {
        guard let session = state.withLockedValue({ $0.sessions.values.first }) else { return }
        let delivery = SessionDelivery(position: .start, event: PushedEvent(event))
        session.loop.execute {
            session.loop.execute { session.loop.execute { session.sink.receive([delivery]) } }
        }
    }

    /// Returns once such an operation was performed.
    func waitFor(_ isWanted: @escaping @Sendable (Operation) -> Bool) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isOver = state.withLockedValue { state in
                    if Task.isCancelled || state.operations.contains(where: isWanted) { return true }
                    state.waiting.append((isWanted, continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // The test's time is over: it fails and does not hang.
            let waiting = state.withLockedValue { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for (_, continuation) in waiting { continuation.resume(throwing: CancellationError()) }
        }
    }

    var operations: [Operation] { state.withLockedValue { $0.operations } }
}

extension UpdateEvent {
    init(answering request: MessageChangeRequest) {
        let change: Change =
            switch request.change {
            case .edit(let content): .edited(content: content)
            case .deleteForEveryone: .deleted(.everyone)
            case .deleteForMe: .deleted(.me)
            case .react(let emoji): .reaction(emoji)
            case .unreact: .reaction(nil)
            }
        self.init(
            conversation: ConversationID(high: 0, low: 1), messageID: request.message, seq: Seq(1),
            user: request.actor, change: change, timestamp: Timestamp(7), rev: Rev(2))
    }
}
