import Vocabulary

/// One client connection of one device, unique over nodes and restarts.
package struct SessionKey: Hashable, Sendable, Comparable {
    package var node: NodeID
    /// Drawn by the node that holds the socket: its boot epoch above, a counter below.
    package var number: UInt64
    package init(node: NodeID, number: UInt64) {
        self.node = node
        self.number = number
    }
    package static func < (a: Self, b: Self) -> Bool { (a.node, a.number) < (b.node, b.number) }
}

/// Where a device says, or the server knows, that it stands. Opaque to clients (base64url of its binary form).
package struct SyncCursor: Hashable, Sendable {
    package struct Mark: Hashable, Sendable {
        package var conversation: ConversationID
        package var position: ConversationPosition
        package init(conversation: ConversationID, position: ConversationPosition) {
            self.conversation = conversation
            self.position = position
        }
    }
    /// Rows with a version up to this one hold nothing new beyond the marks.
    package var version: InboxVersion
    /// Conversations whose position this cursor states; for all others the device's committed position counts.
    package var marks: [Mark]
    package init(version: InboxVersion, marks: [Mark]) {
        self.version = version
        self.marks = marks
    }
}

/// Registers a session with the leader of its user's partition, and asks what the device has missed.
package struct OpenSession: Hashable, Sendable {
    package var user: UserID
    package var device: DeviceID
    package var session: SessionKey
    /// `nil`: from the device's committed positions.
    package var cursor: SyncCursor?
    /// True when this session was registered before and its leader changed or forgot it: no device is replaced by it.
    package var isRenewal: Bool
    /// Away sessions do not count as online.
    package var foreground: Bool
    /// When the token was issued, where it is bound to this device: a revocation since then ends it.
    package var boundSince: Timestamp?

    package init(
        user: UserID, device: DeviceID, session: SessionKey, cursor: SyncCursor?, isRenewal: Bool,
        foreground: Bool, boundSince: Timestamp? = nil
    ) {
        self.boundSince = boundSince
        self.user = user
        self.device = device
        self.session = session
        self.cursor = cursor
        self.isRenewal = isRenewal
        self.foreground = foreground
    }
}

/// The session is live from now on; `missed` is the gap to fill first.
package struct SessionOpened: Hashable, Sendable {
    package struct Missed: Hashable, Sendable {
        package var conversation: ConversationID
        /// Where the device stands.
        package var position: ConversationPosition
        /// Where the conversation stands, as far as the inbox knows.
        package var head: ConversationPosition
        package init(conversation: ConversationID, position: ConversationPosition, head: ConversationPosition)
        {
            self.conversation = conversation
            self.position = position
            self.head = head
        }
    }
    /// The user's inbox version that `missed` is complete up to.
    package var version: InboxVersion
    /// Oldest activity first.
    package var missed: [Missed]
    /// Rows whose settings the device may not have.
    package var settings: [InboxRow]
    package init(version: InboxVersion, missed: [Missed], settings: [InboxRow] = []) {
        self.version = version
        self.missed = missed
        self.settings = settings
    }
}

package struct SessionRefresh: Hashable, Sendable {
    package var user: UserID
    package var device: DeviceID
    package var session: SessionKey
    package var foreground: Bool
    package init(user: UserID, device: DeviceID, session: SessionKey, foreground: Bool) {
        self.user = user
        self.device = device
        self.session = session
        self.foreground = foreground
    }
}

/// A device has acknowledged a conversation up to a position.
package struct DeviceAck: Hashable, Sendable {
    package var user: UserID
    package var device: DeviceID
    package var conversation: ConversationID
    package var position: ConversationPosition
    package init(user: UserID, device: DeviceID, conversation: ConversationID, position: ConversationPosition)
    {
        self.user = user
        self.device = device
        self.conversation = conversation
        self.position = position
    }
}

package enum ConversationKind: UInt8, Hashable, Sendable {
    case direct = 0
    case group = 1
    /// The word of the client protocol.
    package var word: String { self == .direct ? "direct" : "group" }
}

/// A user's view of one of its conversations: one small row on the user's partition.
package struct InboxRow: Hashable, Sendable {
    package var conversation: ConversationID
    package var kind: ConversationKind
    /// The other user of a direct conversation.
    package var peer: UserID?
    /// A group's name; empty for direct conversations.
    package var title: String
    package var head: Seq
    package var rev: Rev
    package var lastAt: Timestamp
    /// At most 100 characters of the last message.
    package var preview: String
    /// User messages up to the head, and up to the later of own read mark and own last send; unread is the difference.
    package var headOrdinal: Ordinal
    package var markOrdinal: Ordinal
    /// The user's own read watermark.
    package var read: Seq
    package var memberEpoch: UInt64
    /// False after the user was removed: `head` is then the last seq it may see.
    package var isMember: Bool
    package var version: InboxVersion
    /// The rev that `preview` has.
    package var previewRev = Rev.zero
    package var settings: RowSettings
    /// The user took everything up to here out of its list: there is nothing to list until more comes.
    package var cleared = Seq.zero

    package init(
        conversation: ConversationID, kind: ConversationKind, peer: UserID?, title: String, head: Seq,
        rev: Rev,
        lastAt: Timestamp, preview: String, headOrdinal: Ordinal, markOrdinal: Ordinal, read: Seq,
        memberEpoch: UInt64, isMember: Bool, version: InboxVersion, settings: RowSettings = RowSettings()
    ) {
        self.conversation = conversation
        self.kind = kind
        self.peer = peer
        self.title = title
        self.head = head
        self.rev = rev
        self.lastAt = lastAt
        self.preview = preview
        self.headOrdinal = headOrdinal
        self.markOrdinal = markOrdinal
        self.read = read
        self.memberEpoch = memberEpoch
        self.isMember = isMember
        self.version = version
        self.settings = settings
    }

    package var unread: Int { headOrdinal.distance(after: markOrdinal) }

    package var isListed: Bool { cleared == .zero || head > cleared }

    /// Where the row stands in the conversation list.
    package var place: ConversationsCursor {
        ConversationsCursor(isPinned: settings.isPinned, lastAt: lastAt, conversation: conversation)
    }
}

package struct ConversationsQuery: Hashable, Sendable {
    package var user: UserID
    /// Exclusive: rows after this (pinned first, then last activity, then conversation id); `nil` starts at
    /// the first.
    package var before: ConversationsCursor?
    package var limit: Int
    package init(user: UserID, before: ConversationsCursor?, limit: Int) {
        self.user = user
        self.before = before
        self.limit = limit
    }
}

/// A place in the conversation list; the list goes down from the highest.
package struct ConversationsCursor: Hashable, Sendable, Comparable {
    package var isPinned: Bool
    package var lastAt: Timestamp
    package var conversation: ConversationID
    package init(isPinned: Bool = false, lastAt: Timestamp, conversation: ConversationID) {
        self.isPinned = isPinned
        self.lastAt = lastAt
        self.conversation = conversation
    }

    package static func < (a: Self, b: Self) -> Bool {
        if a.isPinned != b.isPinned { return b.isPinned }
        return (a.lastAt, a.conversation) < (b.lastAt, b.conversation)
    }
}

package struct ConversationsPage: Hashable, Sendable {
    package var rows: [InboxRow]
    package var hasMore: Bool
    package init(rows: [InboxRow], hasMore: Bool) {
        self.rows = rows
        self.hasMore = hasMore
    }
}

package struct PresenceState: Hashable, Sendable {
    package var user: UserID
    package var online: Bool
    /// `nil` when never seen, or hidden.
    package var lastSeen: Timestamp?
    package init(user: UserID, online: Bool, lastSeen: Timestamp?) {
        self.user = user
        self.online = online
        self.lastSeen = lastSeen
    }
}

/// A device of a user, and the node that holds its live session.
package struct DeviceLocation: Hashable, Sendable {
    package var device: DeviceID
    /// `nil` when it is not connected.
    package var node: NodeID?
    package init(device: DeviceID, node: NodeID?) {
        self.device = device
        self.node = node
    }
}
