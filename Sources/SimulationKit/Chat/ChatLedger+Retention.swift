import Chat
import Vocabulary
import Wire

extension ChatLedger {
    /// The operator's retention, by rules of its own: the oldest go, one after the other, and only those that are old.
    mutating func committed(_ command: RetentionCommand) {
        for id in command.conversations {
            var left = command.step
            while left > 0, let oldest = conversations[id]?.oldest, oldest.timestamp < command.before {
                left -= 1
                conversations[id]?.gone = oldest.seq
                // Sent once more it is a new message.
                let key = SendKey(conversation: id, sender: oldest.sender, id: oldest.id)
                if seqs[key] == oldest.seq { seqs[key] = nil }
                forgotten += 1
            }
        }
    }
}

extension ChatLedger.Conversation {
    fileprivate var oldest: ChatLedger.Message? { message(gone.next) }
    var isHeadGone: Bool { gone == head }
}

extension ChatChecker {
    /// A `gone` frame: it is so, comes in order, and the device was owed nothing before it.
    func gone(_ object: JSONObject, to viewer: Viewer, on connection: UInt64) {
        goneTold += 1
        let name = "\(viewer.user)/\(viewer.device)"
        guard let id = object.conversation, let first = object.number("from_seq"),
            let last = object.number("up_to_seq"), first > 0, first <= last
        else { return fail("\(name): a gone lacks fields: \(object)") }
        guard let known = ledger[id], last <= known.gone.raw else {
            return fail("\(name) is told that \(first) to \(last) of \(id) are gone, which are there")
        }
        guard known.shows(Seq(first), to: viewer.user), known.shows(Seq(last), to: viewer.user) else {
            return fail("\(name) is told what is gone of \(id), of which it is no member then")
        }
        comes(first, upTo: last, of: id, known, to: viewer, on: connection, "told that \(first) is gone")
    }
}
