import Vocabulary
import Wire

/// The end of an account. On the user's partition everything goes at once but the rows of its conversations, which
/// name those that have yet to forget; each conversation forgets step by step.
extension StateTransaction {
    mutating func erase(_ command: AccountCommand, _ outcome: inout AccountOutcome) {
        guard var record = user(command.user), record.erased == nil else { return }
        outcome.revoked = record.devices.map(\.id)
        outcome.isErased = true
        record.erase(at: command.at)
        put(command.user, record)
        for device in outcome.revoked { removeEverything(of: device, command.user) }
        let ranges = [
            Tables.keyFetches(command.user), Tables.positions(command.user),
            Tables.blocks(command.user, after: nil), Tables.pushOutbox(command.user),
            Tables.flagsDue(of: command.user),
        ]
        for range in ranges { for pair in pairs(in: range) { remove(pair.key) } }
        remove(Tables.privacy(command.user))
        for pair in pairs(in: Tables.inbox(command.user, after: nil)) {
            guard let id = Tables.conversation(atEndOf: pair.key), let row = inboxRow(command.user, id) else {
                continue
            }
            set(Tables.erasure(command.user, id), [])
            remove(Tables.activity(command.user, row.place))
            var blank = row.blank
            blank.version = row.version
            put(command.user, blank)
        }
    }

    mutating func forgotten(_ conversation: ConversationID, _ user: UserID) {
        remove(Tables.erasure(user, conversation))
    }

    /// One step: what the user wrote becomes tombstones, its reactions go; a group is left first, a direct
    /// conversation is closed last.
    mutating func apply(_ command: EraseMemberCommand) -> MemberErasure {
        let request = command.request
        var outcome = MemberErasure(token: command.token, next: nil)
        if let change = leaveGroup(command) { outcome.changes.append(change) }
        guard let record = conversation(request.conversation) else { return outcome }
        let last = min(record.head.raw, request.from.raw + UInt64(ChatRules.erasureStep) - 1)
        if request.from.raw <= last {
            for seq in request.from.raw...last {
                outcome.changes += erase(request.user, Seq(seq), in: request.conversation, at: command.at)
            }
        }
        if last < record.head.raw {
            outcome.next = Seq(last + 1)
        } else if let change = closeDirect(request) {
            outcome.changes.append(change)
        }
        return outcome
    }

    private mutating func leaveGroup(_ command: EraseMemberCommand) -> ConversationChange? {
        let request = command.request
        guard let record = conversation(request.conversation), record.kind == .group,
            member(request.user, of: request.conversation, record)?.isMember == true
        else { return nil }
        let leave = GroupCommand(
            group: request.conversation, actor: request.user, change: .leave, membersMax: 0, at: command.at)
        return apply(leave).change
    }

    /// The other side learns it by the title; nobody writes here any more.
    private mutating func closeDirect(_ request: EraseMemberRequest) -> ConversationChange? {
        guard var record = conversation(request.conversation), record.kind == .direct, !record.isClosed else {
            return nil
        }
        record.isClosed = true
        record.name = ChatRules.erasedTitle
        record.memberEpoch += 1
        record.rev = record.rev.next
        markDirty(request.conversation, &record)
        put(request.conversation, record)
        return ConversationChange(
            request.conversation, record, members: record.sides, audience: .everyone)
    }
}

/// What one step of forgetting a member did.
package struct MemberErasure: Hashable, Sendable {
    package var token: UInt64
    /// Where to go on; `nil` when nothing is left.
    package var next: Seq?
    package var changes: [ConversationChange] = []
}

extension InboxRow {
    /// The row without what it says of anybody: it stays so that late news do not make a new one.
    var blank: InboxRow {
        var row = self
        row.title = ""
        row.preview = ""
        row.settings = RowSettings()
        return row
    }
}
