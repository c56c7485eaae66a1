import Vocabulary
import Wire

/// What the leader of a partition has beside the replicated state: the machines of its conversations, groups and
/// users. Lost with the leadership; clients and other leaders bring back what matters.
///
/// Made once the entry that opens the leader's term is applied, so that what the machines read is complete, and
/// dropped when the leadership ends. Everything applied in between is handed in, in order.
package struct PartitionLeader<Home: MachineHome>: Sendable {
    package var conversations: ConversationPartition<Home>
    package var users: UserPartition<Home>

    package init(
        partition: PartitionID, partitionCount: Int, limits: Limits, push: PushMachine.Rules, home: Home
    ) {
        conversations = ConversationPartition(partitionCount: partitionCount, limits: limits, home: home)
        users = UserPartition(partition: partition, limits: limits, push: push, home: home)
    }

    /// Begins: takes up what an earlier leader may not have finished; then `conversations.takeFanout`.
    package mutating func started<View: StateView>(_ reader: ChatReader<View>, now: Tick) {
        conversations.started(reader)
        users.started(reader, now: now)
    }

    /// Takes an operation, those of which `mustConfirm` says so after a confirmation of the leadership. The answer
    /// to `openSession` is to reach the node before any later push.
    package mutating func handle<View: StateView>(
        _ token: UInt64, _ operation: Operation, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        switch operation {
        case .send, .receipt, .history, .catchUp, .group, .changeMessage, .setDisappearing, .messageInfo,
            .groupQuery, .memberFlags, .typing, .eraseMember, .clear:
            conversations.handle(token, operation, now: now, reader: reader)
        case .subscribePresence:
            [
                .reply(
                    token,
                    .refused(Refusal(.invalidRequest, "This is split by the node that has the socket.")))
            ]
        default: users.handle(token, operation, now: now, reader: reader)
        }
    }

    /// One command was applied.
    package mutating func applied<View: StateView>(
        _ outcome: CommandOutcome, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        conversations.applied(outcome, now: now, reader: reader)
            + users.applied(outcome, now: now, reader: reader)
    }

    /// A command was not proposed after all.
    package mutating func refused(_ command: Command, _ refusal: Refusal, now: Tick) -> [ChatDirective] {
        conversations.refused(command, refusal) + users.refused(command, refusal, now: now)
    }

    /// Does what is due; call every 50 ms or so. Returns what to order, and fan-out to send again.
    ///
    /// - Parameter isQuiet: whether a user's quiet hours are on; time zones are the caller's.
    package mutating func tick<View: StateView>(
        now: Moment, reader: ChatReader<View>, isQuiet: (QuietHours, Timestamp) -> Bool
    ) -> (directives: [ChatDirective], resends: [FanoutItem]) {
        var due = conversations.tick(now: now, reader: reader)
        due.directives += users.tick(now: now, reader: reader, isQuiet: isQuiet)
        return due
    }
}

extension Operation {
    /// True for what must see everything committed before it (rule Q1). What changes something is checked at its
    /// place in the log, unless it names a message that is not here: that may only have come later.
    package func mustConfirm<View: StateView>(_ reader: ChatReader<View>) -> Bool {
        switch self {
        case .history, .catchUp, .messageInfo, .groupQuery, .conversations, .openSession, .usersExist,
            .presence,
            .devices, .mayAdd, .presenceOf, .subscribePresence:
            true
        case .account(let request): !request.isChange
        case .privacy(let request): !request.isChange
        case .receipt(let request):
            if case .message(let message) = request.target {
                reader.message(message, for: request.user) == nil
            } else {
                false
            }
        case .changeMessage(let request): reader.conversation(of: request.message) == nil
        default: false
        }
    }
}
