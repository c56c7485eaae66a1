import Vocabulary
import Wire

/// A message as a frame shows it.
struct ShownMessage: Hashable {
    var conversation: ConversationID
    var seq: UInt64
    var messageID: String
    /// Empty for a system message.
    var sender: String
    var id: String
    var content: String
    var replyTo: String?
    var isSystem: Bool
    var isDeleted: Bool
    /// The emoji of each user that has one on it.
    var reactions: [UserID: String]

    func isSame(as stored: ChatLedger.Message, for user: UserID) -> Bool {
        if isSystem != stored.isSystem || messageID != stored.messageID.description { return false }
        if isSystem { return true }
        guard sender == stored.sender.text, id == stored.id.text else { return false }
        if isDeleted { return content.isEmpty && replyTo == nil && stored.isGone(for: user) }
        return stored.hasHad(content) && replyTo == stored.replyTo?.description
    }

    init?(_ object: JSONObject, isSystem: Bool) {
        guard let conversation = object.conversation, let seq = object.number("seq"),
            let messageID = object.text("message_id")
        else { return nil }
        self.conversation = conversation
        self.seq = seq
        self.messageID = messageID
        sender = object.text("sender_id") ?? ""
        id = object.text("client_message_id") ?? ""
        content = object.text("content") ?? ""
        replyTo = object.text("reply_to")
        self.isSystem = isSystem
        isDeleted = object["deleted"] == .bool(true)
        reactions = [:]
        guard case .array(let values)? = object["reactions"] else { return }
        for case .object(let value) in values {
            guard let emoji = value.text("emoji"), case .array(let users)? = value["user_ids"] else {
                return nil
            }
            for case .string(let user) in users { reactions[UserID(unchecked: user)] = emoji }
        }
    }
}

/// One message on a device's screen: as it was shown, with every update since.
struct ShownState: Hashable {
    /// The message itself came, or was sent from here. Of others only updates were heard: what became of a message
    /// before a device was added is told to nobody, so an edit of it (a content) does not make it complete.
    var isShown = false
    var content: String?
    var isDeleted = false
    var reactions: [UserID: String] = [:]

    init() {}

    init(_ message: ShownMessage) {
        isShown = true
        content = message.content
        isDeleted = message.isDeleted
        reactions = message.reactions
    }
}
