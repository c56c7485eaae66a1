import Vocabulary
import Wire

extension ClientSession {
    /// The user's settings of a conversation, changed elsewhere or by a message. While the client does not read,
    /// only the latest of each conversation is kept for it.
    mutating func settings(_ row: InboxRow, frame: [UInt8], out: inout [SessionDirective]) {
        guard unwritableSince != nil else { return out.append(.write(frame)) }
        heldSettings[row.conversation] = frame
    }

    /// The client reads again.
    mutating func releaseSettings(out: inout [SessionDirective]) {
        guard !heldSettings.isEmpty else { return }
        for (_, frame) in heldSettings.sorted(by: { $0.key < $1.key }) { out.append(.write(frame)) }
        heldSettings = [:]
    }
}
