import Chat
import Vocabulary
import Wire

/// What conversations must look like: built from the first apply of every entry and from what clients were
/// told.
struct ConversationModel {
    struct Message: Hashable {
        var sender: UserID
        var id: ClientMessageID
        var content: String
    }

    struct Acknowledged {
        var conversation: ConversationID
        var seq: Seq
        var message: Message
    }

    private struct SendKey: Hashable {
        var conversation: ConversationID
        var sender: UserID
        var id: ClientMessageID
    }

    private(set) var messages: [ConversationID: [Message]] = [:]
    private var seqs: [SendKey: Seq] = [:]
    private(set) var acknowledged: [Acknowledged] = []
    private var acknowledgedHead: [ConversationID: Seq] = [:]

    var conversations: [ConversationID] { messages.keys.sorted() }

    /// C1 and I17: gapless seqs, and each send stored at most once. Returns what is wrong.
    ///
    /// - Parameter gone: up to where retention has taken a conversation: sent once more that is a new message.
    mutating func committed(_ outcome: CommandOutcome, gone: (ConversationID) -> Seq) -> String? {
        // Groups have system messages too: they are the chat checker's.
        guard case .message(let outcome) = outcome, let change = outcome.change, change.kind == .direct,
            let record = change.message
        else { return nil }
        let message = Message(
            sender: record.sender, id: record.clientMessageID, content: record.content)
        let key = SendKey(conversation: record.conversation, sender: message.sender, id: message.id)
        let expected = Seq(UInt64(messages[record.conversation]?.count ?? 0) + 1)
        if let earlier = seqs[key], earlier > gone(record.conversation) {
            return "\(message.id) is stored at \(earlier) and \(record.seq)"
        }
        if record.seq != expected { return "\(message.id) gets seq \(record.seq) after \(expected.previous)" }
        seqs[key] = record.seq
        messages[record.conversation, default: []].append(message)
        return nil
    }

    /// The highest seq that any client was told of so far: what starts later must see it (guarantee G5).
    func head(_ conversation: ConversationID) -> Seq { acknowledgedHead[conversation] ?? .zero }

    /// A client was told that its send has `seq`. `floor` was the head when the send began.
    mutating func acknowledged(
        _ message: Message, in conversation: ConversationID, seq: Seq, floor: Seq
    ) -> String? {
        let stored = messages[conversation] ?? []
        guard seq > .zero, Int(seq.raw) <= stored.count, stored[Int(seq.raw) - 1] == message else {
            return "\(message.id) was acknowledged at \(seq), which is not it"
        }
        if seq <= floor { return "\(message.id) was sent after \(floor) was acknowledged and has seq \(seq)" }
        acknowledged.append(Acknowledged(conversation: conversation, seq: seq, message: message))
        acknowledgedHead[conversation] = max(head(conversation), seq)
        return nil
    }
}
