import Vocabulary
import Wire

/// The replicated state machine of one partition: conversations and, for the users that hash here, inboxes.
///
/// A function of the log (rule A1): no clock, no chance, no settings of its own; times and limits are in the
/// commands. It knows nothing of leaders, sessions or other partitions.
package struct ChatMachine: Sendable {
    package init() {}

    /// Applies one entry. Outcomes stand in the order of its commands.
    ///
    /// - Parameter index: the entry's place in the log; only for the caller's bookkeeping.
    /// - Throws: when the bytes are not commands of this version; write nothing then: the replica
    ///   halts.
    package func apply<Base: StateView>(
        entry bytes: [UInt8], at index: LogIndex, in state: inout StateTransaction<Base>
    ) throws(DecodingFailure) -> [CommandOutcome] {
        try Command.decode(bytes).map { apply($0, in: &state) }
    }

    /// Applies one command.
    package func apply<Base: StateView>(
        _ command: Command, in state: inout StateTransaction<Base>
    ) -> CommandOutcome {
        switch command {
        case .sendMessage(let send): return .message(state.apply(send))
        case .receipts(let batch): return .receipts(batch.marks.map { state.apply($0, at: batch.at) })
        case .changeGroup(let change): return .group(state.apply(change))
        case .fanoutProgress(let marks):
            for mark in marks { state.apply(mark) }
            return .fanoutProgressed
        case .ensureUsers(let users, let at):
            for user in users { state.ensureUser(user, at: at) }
            return .usersEnsured(users)
        case .registerDevice(let registration):
            let evicted = state.apply(registration)
            return .deviceRegistered(
                user: registration.user, device: registration.device, evicted: evicted)
        case .inboxBatch(let updates): return .inbox(state.apply(updates))
        case .deviceAcks(let batch):
            state.apply(batch)
            return .deviceAcks
        case .pushed(let marks):
            let left = state.apply(marks)
            return .pushed(
                marks.map { PushKey(user: $0.user, conversation: $0.conversation) }, left: left)
        case .lastSeen(let marks):
            for mark in marks { state.apply(mark) }
            return .lastSeen
        case .changeMessage(let change): return .messageChanged(state.apply(change))
        case .setDisappearing(let request, let at): return .disappearingSet(state.apply(request, at: at))
        case .expireMessages(let expiry): return .messagesExpired(state.apply(expiry))
        case .account(let command): return .account(state.apply(command))
        case .privacy(let command): return .privacy(state.apply(command))
        case .memberFlags(let updates):
            for update in updates { state.apply(update) }
            return .memberFlags(updates)
        case .eraseMember(let command): return .memberErased(state.apply(command))
        case .clear(let command): return .cleared(state.apply(command))
        case .retention(let command): return .forgotten(state.apply(command))
        }
    }
}
