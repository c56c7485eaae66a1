import Chat
import Vocabulary
import Wire

extension ChatLedger {
    /// Accounts that have ended, and direct conversations that are closed for it.
    struct Erasures {
        fileprivate(set) var users: Set<UserID> = []
        fileprivate(set) var closed: Set<ConversationID> = []
    }

    func isErased(_ user: UserID) -> Bool { erasures.users.contains(user) }

    mutating func erased(_ user: UserID) {
        erasures.users.insert(user)
        rows.forget(user)
    }

    /// A step of forgetting: of the user's own only, and when it is the last one nothing is left.
    mutating func committed(_ command: EraseMemberCommand, _ outcome: MemberErasure) -> String? {
        let user = command.request.user
        let id = command.request.conversation
        for change in outcome.changes {
            if let record = change.message, let wrong = committed(record, change) { return wrong }
            for event in change.updates {
                if let wrong = forgotten(event, of: user, in: id) { return wrong }
            }
        }
        guard outcome.next == nil, let known = conversations[id] else { return nil }
        for message in known.messages where !message.isSystem {
            if message.sender == user && !message.fate.isDeleted || message.fate.reactions[user] != nil {
                return "\(id) has forgotten \(user), but not \(message.seq)"
            }
        }
        if known.isGroup {
            return known.isMember(user) ? "\(id) has forgotten \(user), who is a member" : nil
        }
        erasures.closed.insert(id)
        return nil
    }

    private mutating func forgotten(
        _ event: UpdateEvent, of user: UserID, in id: ConversationID
    ) -> String? {
        guard var known = conversations[id], let message = known.message(event.seq), !message.isSystem,
            event.messageID == message.messageID, event.user == user, event.rev > known.rev
        else { return "\(id) forgets \(event)" }
        known.rev = event.rev
        switch event.change {
        case .deleted(.everyone) where message.sender == user:
            known.messages[Int(event.seq.raw) - 1].fate = message.fate.after(.deleteForEveryone, by: user)
        case .reaction(nil):
            known.messages[Int(event.seq.raw) - 1].fate = message.fate.after(.unreact, by: user)
        default: return "\(id) forgets \(event)"
        }
        conversations[id] = known
        return nil
    }

    /// What conversations have still to forget.
    func remembers() -> String? {
        for user in erasures.users.sorted() {
            for (id, known) in conversations.sorted(by: { $0.key < $1.key }) where known.stays[user] != nil {
                let isHere = known.isGroup ? known.isMember(user) : !erasures.closed.contains(id)
                if isHere { return "\(id) has still \(user), who is no more" }
                let left = known.messages.first {
                    $0.sender == user && !$0.isSystem && !$0.fate.isDeleted || $0.fate.reactions[user] != nil
                }
                if let left { return "\(id) has still \(left.seq) of \(user), who is no more" }
            }
        }
        return nil
    }
}
