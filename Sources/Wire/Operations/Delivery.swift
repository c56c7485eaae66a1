import Vocabulary

/// From a conversation's leader to the leader of users' partitions: what changed, and for whom. At least once,
/// in any order: every field is merged by maximum, keyed by (conversation, rev, member epoch).
package struct FanoutItem: Hashable, Sendable {
    /// A user's own part of the change.
    package struct Target: Hashable, Sendable {
        package var user: UserID
        package var markOrdinal: Ordinal
        package var read: Seq
        package var isMember: Bool
        /// The last seq this user may see: the head, or its leave seq.
        package var head: Seq
        /// The seq the user joined with: what is before it is no news for it.
        package var first = Seq.zero
        /// The user deleted the head for itself: its list shows no preview of it.
        package var isHeadHidden = false
        /// The user took everything up to here out of its list.
        package var cleared = Seq.zero
        /// How many members have the user's last message; in large groups, when that changed.
        package var counts: ReceiptCounts?
        package init(user: UserID, markOrdinal: Ordinal, read: Seq, isMember: Bool, head: Seq) {
            self.user = user
            self.markOrdinal = markOrdinal
            self.read = read
            self.isMember = isMember
            self.head = head
        }
    }
    /// The partition of all `targets`.
    package var partition: PartitionID
    package var conversation: ConversationID
    package var kind: ConversationKind
    /// The two users of a direct conversation; empty for a group.
    package var pair: [UserID]
    package var title: String
    package var memberEpoch: UInt64
    package var rev: Rev
    package var headOrdinal: Ordinal
    package var lastAt: Timestamp
    package var preview: String
    package var targets: [Target]
    /// Set when all members of `memberEpoch` in the partition are targets too, named or not: the head they may see.
    package var membersHead: Seq?
    /// New messages for live sessions, ascending; may be empty when only rows are repaired.
    package var messages: [MessageRecord]
    /// New receipts for live sessions of the targets.
    package var statuses: [StatusEvent]
    /// New changes of messages for live sessions of the targets, ascending by rev.
    package var updates: [UpdateEvent] = []
    /// The rev that `preview` has.
    package var previewRev = Rev.zero

    package init(
        partition: PartitionID, conversation: ConversationID, kind: ConversationKind, pair: [UserID],
        title: String, memberEpoch: UInt64, rev: Rev, headOrdinal: Ordinal, lastAt: Timestamp,
        preview: String,
        targets: [Target], messages: [MessageRecord], statuses: [StatusEvent]
    ) {
        self.partition = partition
        self.conversation = conversation
        self.kind = kind
        self.pair = pair
        self.title = title
        self.memberEpoch = memberEpoch
        self.rev = rev
        self.headOrdinal = headOrdinal
        self.lastAt = lastAt
        self.preview = preview
        self.targets = targets
        self.messages = messages
        self.statuses = statuses
    }
}

extension FanoutItem {
    /// Whether both say the same, be it to others: it then travels once.
    package func hasContent(of other: FanoutItem) -> Bool {
        conversation == other.conversation && rev == other.rev && memberEpoch == other.memberEpoch
            && previewRev == other.previewRev && headOrdinal == other.headOrdinal && lastAt == other.lastAt
            && kind == other.kind && pair == other.pair && title == other.title && preview == other.preview
            && messages == other.messages && statuses == other.statuses && updates == other.updates
    }
}

/// The rows of `partition` for `conversation` are committed up to `rev`.
package struct FanoutAck: Hashable, Sendable {
    package var partition: PartitionID
    package var conversation: ConversationID
    package var rev: Rev
    package init(partition: PartitionID, conversation: ConversationID, rev: Rev) {
        self.partition = partition
        self.conversation = conversation
        self.rev = rev
    }
}

/// From the leader of a user's partition to the node that holds its sockets.
package struct SessionPush: Hashable, Sendable {
    package struct Addressee: Hashable, Sendable {
        /// `SessionKey.number` on the receiving node.
        package var session: UInt64
        /// Where the device of this session stood when the session was opened, for a conversation that the session
        /// may not have met yet.
        package var position: ConversationPosition
        package init(session: UInt64, position: ConversationPosition) {
            self.session = session
            self.position = position
        }
    }
    package enum Event: Hashable, Sendable {
        /// A message; `rev` is the conversation's as of it.
        case message(MessageRecord, rev: Rev)
        case status(StatusEvent)
        /// The conversation has moved on to `head`: read what lacks.
        case advanced(ConversationID, head: ConversationPosition)
        /// The inbox is complete up to this version, everything before it was pushed.
        case version(InboxVersion)
        /// The session is over: a close code of the client protocol.
        case close(code: UInt16, reason: String)
        case update(UpdateEvent)
        /// The user's settings of a conversation are these now.
        case settings(InboxRow)
        case presence(PresenceState)
        case typing(TypingRequest)
        /// The user's own settings or blocks changed: what it may see of others is asked again.
        case privacyChanged
        /// How many members of a large group have a message of the user's.
        case counts(ReceiptCounts)
    }
    package var addressees: [Addressee]
    package var event: Event
    package init(addressees: [Addressee], event: Event) {
        self.addressees = addressees
        self.event = event
    }
}
