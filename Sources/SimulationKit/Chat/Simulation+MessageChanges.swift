import Vocabulary
import Wire

/// Devices change messages that stand on their screens, mostly late ones.
extension Simulation {
    private static let emojis = ["+1", "heart", "joy"]

    func changeMessage(_ number: Int, on id: UInt64) {
        let viewer = chat.devices[number].viewer
        let screens = chat.checker.screens[number] ?? [:]
        let shown = screens.filter { !$0.value.messages.isEmpty }.keys.sorted()
        guard let conversation = shown.randomElement(using: &chat.devices[number].random),
            let seq = screens[conversation]?.messages.keys.sorted().suffix(8)
                .randomElement(using: &chat.devices[number].random),
            let message = chat.checker.ledger[conversation]?.message(Seq(seq))
        else { return }
        let isOwn = message.sender == viewer.user
        chat.devices[number].sent += 1
        let change: MessageChangeRequest.Change =
            switch Int.random(in: 0..<100, using: &chat.devices[number].random) {
            case 0..<35 where isOwn, 0..<3: .edit("edit \(chat.devices[number].sent) by \(viewer.user)")
            case 35..<45 where isOwn, 44..<46: .deleteForEveryone
            case 46..<54: .deleteForMe
            case 54..<65: .unreact
            default: .react(Self.emojis.randomElement(using: &chat.devices[number].random) ?? "+1")
            }
        let request = MessageChangeRequest(message: message.messageID, actor: viewer.user, change: change)
        call(
            .changeMessage(request), .change(request, seq: message.seq, in: conversation),
            floor: chat.checker.head(conversation), number, on: id)
    }

    /// Some sends are replies to what stands on the screen.
    func repliedTo(by number: Int, in conversation: ConversationID) -> MessageID? {
        guard chat.plan.changesMessages, chat.devices[number].random.chance(percent: 15),
            let seq = chat.checker.screens[number]?[conversation]?.messages.keys.max()
        else { return nil }
        return chat.checker.ledger[conversation]?.message(Seq(seq))?.messageID
    }
}
