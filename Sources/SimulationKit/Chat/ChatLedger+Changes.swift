import Chat
import Vocabulary
import Wire

extension ChatLedger {
    /// What has become of a message since it was sent.
    struct Fate: Hashable {
        /// Contents that edits gave it, oldest first.
        var edits: [String] = []
        var isDeleted = false
        /// Who has deleted it for itself.
        var hiddenBy: Set<UserID> = []
        var reactions: [UserID: String] = [:]
        /// Everything that anybody ever reacted with; empty texts are reactions that were taken back.
        var everGiven: Set<GivenReaction> = []
    }

    struct GivenReaction: Hashable {
        var user: UserID
        var emoji: String
    }

    /// Edits, deletions, reactions: by those who may, each at a rev of its own, and a repetition says what is so.
    mutating func committed(_ command: MessageChangeCommand, _ outcome: MessageChangeOutcome) -> String? {
        guard case .success(let event) = outcome.result else {
            return outcome.change == nil ? nil : "a refused change of \(command.request.message) changes it"
        }
        let id = command.conversation
        let actor = command.request.actor
        let name = "\(actor)'s \(command.request.change) of \(event.seq) of \(id)"
        guard var conversation = conversations[id], let message = conversation.message(event.seq),
            message.messageID == command.request.message, event.messageID == message.messageID
        else { return "\(name) is of no message" }
        if event.seq <= conversation.gone { return "\(name) changes what is gone" }
        if message.isSystem { return "\(name) changes a system message" }
        if !conversation.shows(event.seq, to: actor) { return "\(name): it cannot see it" }
        let change = command.request.change
        if change != .deleteForMe && !conversation.isMember(actor) { return "\(name): it is no member" }
        guard let news = outcome.change else {
            return message.isSo(change, by: actor) ? nil : "\(name) says that it is so"
        }
        if news.updates != [event] { return "\(name) tells of \(news.updates)" }
        if event.rev <= conversation.rev { return "\(name) has rev \(event.rev) after \(conversation.rev)" }
        conversation.rev = event.rev
        switch change {
        case .edit where message.sender != actor || message.fate.isDeleted: return "\(name) is taken"
        case .deleteForEveryone where message.sender != actor && !conversation.isGroup:
            return "\(name) is taken"
        case .react where message.fate.isDeleted: return "\(name) is taken: it is deleted"
        default: break
        }
        conversation.messages[Int(event.seq.raw) - 1].fate = message.fate.after(change, by: actor)
        conversations[id] = conversation
        return nil
    }
}

extension ChatLedger.Fate {
    func after(_ change: MessageChangeRequest.Change, by actor: UserID) -> Self {
        var next = self
        switch change {
        case .edit(let content): if edits.last != content { next.edits.append(content) }
        case .deleteForEveryone:
            next.isDeleted = true
            next.reactions = [:]
        case .deleteForMe: next.hiddenBy.insert(actor)
        case .react(let emoji):
            next.reactions[actor] = emoji
            next.everGiven.insert(ChatLedger.GivenReaction(user: actor, emoji: emoji))
        case .unreact:
            next.reactions[actor] = nil
            next.everGiven.insert(ChatLedger.GivenReaction(user: actor, emoji: ""))
        }
        return next
    }
}

extension ChatLedger.Message {
    /// The change was made before.
    fileprivate func isSo(_ change: MessageChangeRequest.Change, by actor: UserID) -> Bool {
        switch change {
        case .edit(let content): currentContent == content
        case .deleteForEveryone: fate.isDeleted
        case .deleteForMe: fate.hiddenBy.contains(actor)
        case .react(let emoji): fate.reactions[actor] == emoji
        case .unreact: fate.reactions[actor] == nil
        }
    }

    var currentContent: String { fate.edits.last ?? content }
    func hasHad(_ content: String) -> Bool { self.content == content || fate.edits.contains(content) }
    func isGone(for user: UserID) -> Bool { fate.isDeleted || fate.hiddenBy.contains(user) }

    /// What the list of a user shows when this is the last message.
    func preview(for user: UserID) -> String {
        isSystem || isGone(for: user) ? "" : String(currentContent.prefix(100))
    }
}
