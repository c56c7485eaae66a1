import Vocabulary
import Wire

/// What applying one command did, in the order of the commands of the entry. The leader answers and fans out
/// from it; followers drop it.
package enum CommandOutcome: Hashable, Sendable {
    case message(MessageOutcome)
    case receipts([ReceiptOutcome])
    case group(GroupOutcome)
    case fanoutProgressed
    case usersEnsured([UserID])
    /// `evicted` made room for the device.
    case deviceRegistered(user: UserID, device: DeviceID, evicted: [DeviceID])
    /// The users whose rows changed, with their new inbox versions.
    case inbox([InboxOutcome])
    case deviceAcks
    case lastSeen
    case messageChanged(MessageChangeOutcome)
    case messagesExpired([ConversationChange])
    case account(AccountOutcome)
    case disappearingSet(DisappearingOutcome)
    /// Rows of the push outbox that are done, and those of them that have more.
    case pushed([PushKey], left: [PushKey])
    case privacy(PrivacyOutcome)
    case memberFlags([MemberFlagsUpdate])
    case memberErased(MemberErasure)
    case cleared(ClearOutcome)
    /// What the operator's retention changed for somebody.
    case forgotten([ConversationChange])
}

/// How a send ended: stored, an earlier one repeated, or refused.
package struct MessageOutcome: Hashable, Sendable {
    package var conversation: ConversationID
    package var sender: UserID
    package var clientMessageID: ClientMessageID
    package var result: Result<SentResult, Refusal>
    /// What is new; `nil` for a duplicate or a refusal.
    package var change: ConversationChange?
}

/// How one member's receipt ended.
package struct ReceiptOutcome: Hashable, Sendable {
    package var conversation: ConversationID
    package var user: UserID
    /// `nil` when it was taken, also when it moved nothing.
    package var refusal: Refusal?
    package var change: ConversationChange?
}

/// How a group change ended.
package struct GroupOutcome: Hashable, Sendable {
    package var command: GroupCommand
    package var result: Result<GroupResult, Refusal>
    /// Members as they are now, those whose row the command wrote.
    package var members: [ConversationMember]
    package var change: ConversationChange?
}

package struct InboxOutcome: Hashable, Sendable {
    package var user: UserID
    package var version: InboxVersion
    /// Rows whose settings the batch changed: a new message takes a row out of the archive.
    package var changed: [InboxRow] = []
    /// Conversations that the user's devices may have to be woken for.
    package var pushes: [ConversationID] = []
    /// New direct conversations that are to know of the user's flags.
    package var flagsDue: [FlagsDue] = []
}

/// What a committed change means for inboxes and live sessions.
package struct ConversationChange: Hashable, Sendable {
    package var conversation: ConversationID
    package var kind: ConversationKind
    package var pair: [UserID]
    package var title: String
    package var memberEpoch: UInt64
    package var memberCount: Int
    package var head: Seq
    package var rev: Rev
    package var headOrdinal: Ordinal
    /// Of the last message; zero, with an empty preview, when the change wrote none.
    package var lastAt: Timestamp
    package var preview: String
    package var message: MessageRecord?
    /// Receipts of one member; whom they concern follows from `audience`.
    package var statuses: [StatusEvent]
    /// Members whose own part changed, with their full values.
    package var members: [ConversationMember]
    package var audience: Audience
    /// The rev that `preview` has; zero when the change left the preview alone.
    package var previewRev = Rev.zero
    /// Changes of messages.
    package var updates: [UpdateEvent] = []
    /// The member whose receipt this is.
    package var receiver: ConversationMember?

    /// Whom a change concerns beyond `members`.
    package enum Audience: Hashable, Sendable {
        /// Nobody else.
        case none
        /// All members.
        case everyone
        /// Members who sent something after this seq: the receipts are news for them.
        case sendersAfter(Seq)
        /// The same in a large group: they are told counts, later and in one.
        case countedAfter(Seq)
    }

    init(
        _ id: ConversationID, _ conversation: ConversationRecord, message: MessageRecord? = nil,
        statuses: [StatusEvent] = [], members: [ConversationMember], audience: Audience
    ) {
        self.conversation = id
        kind = conversation.kind
        pair = conversation.pair
        title = conversation.name
        memberEpoch = conversation.memberEpoch
        memberCount = conversation.memberCount
        head = conversation.head
        rev = conversation.rev
        headOrdinal = conversation.ordinal
        lastAt = message?.timestamp ?? .zero
        preview = message?.preview ?? ""
        if message != nil { previewRev = conversation.previewRev }
        self.message = message
        self.statuses = statuses
        self.members = members
        self.audience = audience
    }
}

extension MessageRecord {
    /// At most 100 characters for the conversation list; a reference message shows its kind.
    package var preview: String {
        if amendments.deletedAt != nil { return "" }
        return switch type {
        case .text where content.utf8.count <= 100: content
        case .text: String(String.UnicodeScalarView(content.unicodeScalars.prefix(100)))
        case .system: ""
        default: "[\(type.rawValue)]"
        }
    }
}
