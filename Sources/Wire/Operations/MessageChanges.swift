import Vocabulary

/// What has become of a message since it was sent: none of it takes a seq, all of it raises the conversation's rev.
package struct Amendments: Hashable, Sendable {
    /// When the content was last changed.
    package var editedAt: Timestamp?
    /// The rev of that change.
    package var editedRev = Rev.zero
    /// When it was deleted for everyone, or expired: content, reply and mentions are gone then.
    package var deletedAt: Timestamp?
    /// Users who have a reaction on it.
    package var reactors = 0
    /// When it disappears.
    package var expiresAt: Timestamp?

    package init() {}

    package static let none = Amendments()
}

/// Everybody who gave one emoji to a message, in the order of their ids.
package struct Reaction: Hashable, Sendable {
    package var emoji: String
    package var users: [UserID]
    package init(emoji: String, users: [UserID]) {
        self.emoji = emoji
        self.users = users
    }
}

/// One change of a message: for everyone who sees the message, or for one user's own devices.
package struct UpdateEvent: Hashable, Sendable {
    /// How a message came to be deleted; raw values are stored.
    package enum Deletion: UInt8, Hashable, Sendable {
        case everyone = 0
        /// For `user` only.
        case me = 1
        case expired = 2
    }
    package enum Change: Hashable, Sendable {
        case edited(content: String)
        case deleted(Deletion)
        /// `nil`: taken back.
        case reaction(String?)
    }
    package var conversation: ConversationID
    package var messageID: MessageID
    package var seq: Seq
    /// Who did it; of an expired message its sender.
    package var user: UserID
    package var change: Change
    package var timestamp: Timestamp
    /// The conversation's rev that this change has.
    package var rev: Rev

    package init(
        conversation: ConversationID, messageID: MessageID, seq: Seq, user: UserID, change: Change,
        timestamp: Timestamp, rev: Rev
    ) {
        self.conversation = conversation
        self.messageID = messageID
        self.seq = seq
        self.user = user
        self.change = change
        self.timestamp = timestamp
        self.rev = rev
    }

    /// Whether it is for `user` at all.
    package func concerns(_ user: UserID) -> Bool { change != .deleted(.me) || self.user == user }
}

/// Whose change of which kind: of two, the later one says it all.
package struct UpdateKey: Hashable, Sendable {
    private enum Kind: Hashable, Sendable { case edited, deleted, hidden, reaction }
    private var seq: Seq
    private var kind: Kind
    private var user: UserID?

    package init(_ event: UpdateEvent) {
        seq = event.seq
        switch event.change {
        case .edited: kind = .edited
        case .deleted(.me): (kind, user) = (.hidden, event.user)
        case .deleted: kind = .deleted
        case .reaction: (kind, user) = (.reaction, event.user)
        }
    }
}

/// A client's wish to change a message. Repeating it changes nothing and is answered alike.
package struct MessageChangeRequest: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        case edit(String)
        case deleteForEveryone
        case deleteForMe
        case react(String)
        case unreact
    }
    package var message: MessageID
    package var actor: UserID
    package var change: Change

    package init(message: MessageID, actor: UserID, change: Change) {
        self.message = message
        self.actor = actor
        self.change = change
    }
}

/// A message change as its leader proposes it; windows are in the entry, so that replicas with other settings
/// apply alike.
package struct MessageChangeCommand: Hashable, Sendable {
    package var conversation: ConversationID
    package var request: MessageChangeRequest
    package var editWindowMilliseconds: UInt64
    package var deleteWindowMilliseconds: UInt64
    /// The leader's wall clock when it proposed: what windows are judged by.
    package var at: Timestamp

    package init(
        conversation: ConversationID, request: MessageChangeRequest, editWindowMilliseconds: UInt64,
        deleteWindowMilliseconds: UInt64, at: Timestamp
    ) {
        self.conversation = conversation
        self.request = request
        self.editWindowMilliseconds = editWindowMilliseconds
        self.deleteWindowMilliseconds = deleteWindowMilliseconds
        self.at = at
    }
}

/// Messages whose time is over, as of the leader's clock.
package struct ExpiryCommand: Hashable, Sendable {
    package struct Place: Hashable, Sendable {
        package var conversation: ConversationID
        package var seq: Seq
        package init(conversation: ConversationID, seq: Seq) {
            self.conversation = conversation
            self.seq = seq
        }
    }
    package var at: Timestamp
    package var places: [Place]

    package init(at: Timestamp, places: [Place]) {
        self.at = at
        self.places = places
    }
}

/// After how long messages of a conversation disappear, unless they say so themselves.
package struct DisappearingRequest: Hashable, Sendable {
    package var conversation: ConversationID
    package var actor: UserID
    /// Zero: never.
    package var milliseconds: UInt64

    package init(conversation: ConversationID, actor: UserID, milliseconds: UInt64) {
        self.conversation = conversation
        self.actor = actor
        self.milliseconds = milliseconds
    }

    /// 24 hours, 7 days, 90 days, or never.
    package static let choices: [UInt64] = [0, 86_400_000, 604_800_000, 7_776_000_000]
}

/// Who has a message, asked by its sender or a member of its group.
package struct InfoQuery: Hashable, Sendable {
    package var message: MessageID
    package var user: UserID
    package init(message: MessageID, user: UserID) {
        self.message = message
        self.user = user
    }
}

/// Everyone who was a member when the message was sent, but its sender.
package struct MessageInfo: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var user: UserID
        package var deliveredAt: Timestamp?
        package var readAt: Timestamp?
        package var leftAt: Timestamp?
        package init(user: UserID, deliveredAt: Timestamp?, readAt: Timestamp?, leftAt: Timestamp?) {
            self.user = user
            self.deliveredAt = deliveredAt
            self.readAt = readAt
            self.leftAt = leftAt
        }
    }
    package var message: MessageID
    package var members: [Member]
    /// The ticks of the message: what all who were members then have done; `nil`: not all have it.
    package var status: ReceiptStatus? {
        if members.isEmpty { return nil }
        if members.allSatisfy({ $0.readAt != nil }) { return .read }
        return members.allSatisfy { $0.deliveredAt != nil } ? .delivered : nil
    }

    package init(message: MessageID, members: [Member]) {
        self.message = message
        self.members = members
    }
}
