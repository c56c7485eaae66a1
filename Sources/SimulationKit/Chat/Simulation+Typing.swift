import Vocabulary
import Wire

/// Devices tell that somebody writes: hints that nobody keeps.
extension Simulation {
    func type(_ number: Int, on id: UInt64) {
        let user = chat.devices[number].viewer.user
        let known = chat.checker.ledger.conversations.filter { $0.value.stays[user] != nil }.keys.sorted()
        guard let conversation = known.randomElement(using: &chat.devices[number].random) else { return }
        let state = chat.devices[number].random.chance(percent: 60) ? "started" : "stopped"
        var json = JSONWriter()
        json.beginObject()
        json.field("type", "typing")
        json.field("conversation_id", conversation)
        json.field("state", state)
        json.endObject()
        chat.checker.types(user, in: conversation, state, at: now)
        send(.text(json.bytes), up: id)
    }
}

extension ChatChecker {
    /// Who said that it writes, or stopped, and when last.
    struct Typing: Hashable {
        var user: UserID
        var conversation: ConversationID
        var state: String
    }

    /// A request is held for 10 s at most, and each of the three processes on its way may be stopped for 6 s; a leader that
    /// was stopped may not know of what came meanwhile.
    private static let hintMicroseconds: UInt64 = 30_000_000

    func types(_ user: UserID, in conversation: ConversationID, _ state: String, at now: UInt64) {
        typed[Typing(user: user, conversation: conversation, state: state)] = now
        if let last = counts.last, last.commands == ledger.commands { return }
        counts.append((now, ledger.commands))
    }

    /// A hint was said a moment ago, by somebody else, and comes to members only and past no block.
    func typing(_ object: JSONObject, to viewer: Viewer, at now: UInt64) {
        hints += 1
        guard let id = object.conversation, let user = object.text("user_id").map({ UserID(unchecked: $0) }),
            let state = object.text("state")
        else { return fail("a typing lacks fields: \(object)") }
        let name = "\(viewer.user)/\(viewer.device) is told that \(user) \(state) writing in \(id)"
        guard let said = typed[Typing(user: user, conversation: id, state: state)], user != viewer.user,
            now - said <= Self.hintMicroseconds
        else { return fail("\(name), which is not so") }
        guard let known = ledger[id], let stay = known.stays[viewer.user]?.last else {
            return fail("\(name), of which it is no member")
        }
        let since = now - min(now, Self.hintMicroseconds)
        let before = counts.last { $0.at <= since }?.commands ?? 0
        if let left = stay.to.flatMap({ known.message($0) }), left.command < before {
            fail("\(name), which it has left")
        }
        if let blocked = ledger.blockedSince[id], blocked < before {
            fail("\(name), where one has blocked the other")
        }
    }
}
