import Vocabulary

/// Who a message is for.
package enum Recipient: Hashable, Sendable {
    case user(UserID)
    /// A group; its conversation has the same id.
    case group(ConversationID)
}

/// What a message is; the raw value is the `message_type` of the client protocol.
package enum MessageType: String, Hashable, Sendable, CaseIterable {
    case text, image, video, audio, file, location, contact, custom
    /// Written by the cluster only: membership, names, settings. `content` is a `SystemEvent` in JSON.
    case system
}

/// A message as the log ordered it. Same bytes on every replica.
package struct MessageRecord: Hashable, Sendable {
    package var conversation: ConversationID
    package var seq: Seq
    /// Count of user messages up to and including this one; a system message has its predecessor's.
    package var ordinal: Ordinal
    package var messageID: MessageID
    package var sender: UserID
    /// `nil` when a backend sent it, or a system message.
    package var senderDevice: DeviceID?
    package var recipient: Recipient
    /// Empty for system messages.
    package var clientMessageID: ClientMessageID
    package var type: MessageType
    package var content: String
    package var timestamp: Timestamp
    package var clientTimestamp: Timestamp?
    package var replyTo: MessageID?
    package var mentions: [UserID]
    package var expiresInMilliseconds: UInt64?
    package var amendments = Amendments.none
    /// Filled for readers; stored beside the message.
    package var reactions: [Reaction] = []

    package init(
        conversation: ConversationID, seq: Seq, ordinal: Ordinal, messageID: MessageID, sender: UserID,
        senderDevice: DeviceID?, recipient: Recipient, clientMessageID: ClientMessageID, type: MessageType,
        content: String, timestamp: Timestamp, clientTimestamp: Timestamp?, replyTo: MessageID? = nil,
        mentions: [UserID] = [], expiresInMilliseconds: UInt64? = nil
    ) {
        self.conversation = conversation
        self.seq = seq
        self.ordinal = ordinal
        self.messageID = messageID
        self.sender = sender
        self.senderDevice = senderDevice
        self.recipient = recipient
        self.clientMessageID = clientMessageID
        self.type = type
        self.content = content
        self.timestamp = timestamp
        self.clientTimestamp = clientTimestamp
        self.replyTo = replyTo
        self.mentions = mentions
        self.expiresInMilliseconds = expiresInMilliseconds
    }
}

/// `delivered` or `read`; the raw value is the word of the client protocol.
package enum ReceiptStatus: String, Hashable, Sendable {
    case delivered, read
}

/// Someone's receipt: all up to `seq`. For the senders' devices, and `read` also for the reader's own other devices.
package struct StatusEvent: Hashable, Sendable {
    package var conversation: ConversationID
    package var messageID: MessageID
    package var seq: Seq
    /// Whose receipt it is.
    package var user: UserID
    package var status: ReceiptStatus
    package var timestamp: Timestamp
    /// The conversation's rev that this change has.
    package var rev: Rev
    /// For the member's own devices only.
    package var isPrivate: Bool

    package init(
        conversation: ConversationID, messageID: MessageID, seq: Seq, user: UserID, status: ReceiptStatus,
        timestamp: Timestamp, rev: Rev, isPrivate: Bool = false
    ) {
        self.conversation = conversation
        self.messageID = messageID
        self.seq = seq
        self.user = user
        self.status = status
        self.timestamp = timestamp
        self.rev = rev
        self.isPrivate = isPrivate
    }
}
