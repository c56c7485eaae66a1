import Vocabulary

/// What the log of a partition's group carries: one change of the replicated chat state.
///
/// Everything apply needs is in the command: the leader stamps times, limits and digests, so that every
/// replica computes the same (rule A1).
package enum Command: Hashable, Sendable {
    // On the conversation's partition.
    case sendMessage(SendCommand)
    case receipts(ReceiptBatch)
    case changeGroup(GroupCommand)
    /// All targets have acknowledged these conversations up to these revs.
    case fanoutProgress([FanoutMark])
    case changeMessage(MessageChangeCommand)
    case expireMessages(ExpiryCommand)
    case setDisappearing(DisappearingRequest, at: Timestamp)

    // On the user's partition.
    case ensureUsers([UserID], at: Timestamp)
    case registerDevice(RegisterDevice)
    case inboxBatch([InboxUpdate])
    case deviceAcks(DeviceAckBatch)
    case lastSeen([LastSeenMark])
    case account(AccountCommand)
    /// What the push outbox has done.
    case pushed([PushedMark])
    case privacy(PrivacyCommand)
    /// On the conversation's partition again.
    case memberFlags([MemberFlagsUpdate])
    case eraseMember(EraseMemberCommand)
    /// A member takes the conversation out of its own list.
    case clear(ClearCommand)
    case retention(RetentionCommand)
}

/// A send as its leader proposes it.
package struct SendCommand: Hashable, Sendable {
    package var conversation: ConversationID
    package var request: SendRequest
    /// The first eight bytes of the SHA-256 of the payload: what a retry must repeat.
    package var digest: UInt64
    /// The leader's wall clock when it proposed.
    package var at: Timestamp

    package init(conversation: ConversationID, request: SendRequest, digest: UInt64, at: Timestamp) {
        self.conversation = conversation
        self.request = request
        self.digest = digest
        self.at = at
    }
}

/// How far one member says it has a conversation; zero says nothing.
package struct ReceiptMark: Hashable, Sendable {
    package var conversation: ConversationID
    package var user: UserID
    package var delivered: Seq
    package var read: Seq

    package init(conversation: ConversationID, user: UserID, delivered: Seq, read: Seq) {
        self.conversation = conversation
        self.user = user
        self.delivered = delivered
        self.read = read
    }
}

/// Receipts of any conversations of one partition, stamped once.
package struct ReceiptBatch: Hashable, Sendable {
    package var at: Timestamp
    package var marks: [ReceiptMark]

    package init(at: Timestamp, marks: [ReceiptMark]) {
        self.at = at
        self.marks = marks
    }
}

/// One change of a group, as its leader proposes it.
package struct GroupCommand: Hashable, Sendable {
    package typealias Change = GroupChange

    package var group: ConversationID
    package var actor: UserID
    package var change: GroupChange
    /// The leader's limit, in the entry so that replicas with other settings apply alike.
    package var membersMax: Int
    package var at: Timestamp

    package init(group: ConversationID, actor: UserID, change: GroupChange, membersMax: Int, at: Timestamp) {
        self.group = group
        self.actor = actor
        self.change = change
        self.membersMax = membersMax
        self.at = at
    }
}

/// A conversation's rev that every target partition has acknowledged.
package struct FanoutMark: Hashable, Sendable {
    package var conversation: ConversationID
    package var rev: Rev

    package init(conversation: ConversationID, rev: Rev) {
        self.conversation = conversation
        self.rev = rev
    }
}

/// A device seen for the first time. Beyond `devicesMax` it takes the place of the one unused longest.
package struct RegisterDevice: Hashable, Sendable {
    package var user: UserID
    package var device: DeviceID
    package var devicesMax: Int
    package var at: Timestamp

    package init(user: UserID, device: DeviceID, devicesMax: Int, at: Timestamp) {
        self.user = user
        self.device = device
        self.devicesMax = devicesMax
        self.at = at
    }
}

/// What is new for one inbox row; `row.version` is meaningless here, apply gives it.
package struct InboxUpdate: Hashable, Sendable {
    package var user: UserID
    package var row: InboxRow

    package init(user: UserID, row: InboxRow) {
        self.user = user
        self.row = row
    }
}

/// Rows up to `version` hold nothing that the device lacks beyond its positions.
package struct DeviceVersion: Hashable, Sendable {
    package var user: UserID
    package var device: DeviceID
    package var version: InboxVersion

    package init(user: UserID, device: DeviceID, version: InboxVersion) {
        self.user = user
        self.device = device
        self.version = version
    }
}

/// Positions of devices of one partition's users, merged by maximum.
package struct DeviceAckBatch: Hashable, Sendable {
    package var at: Timestamp
    package var acks: [DeviceAck]
    package var versions: [DeviceVersion]

    package init(at: Timestamp, acks: [DeviceAck], versions: [DeviceVersion]) {
        self.at = at
        self.acks = acks
        self.versions = versions
    }
}

/// When a user was last online.
package struct LastSeenMark: Hashable, Sendable {
    package var user: UserID
    package var at: Timestamp

    package init(user: UserID, at: Timestamp) {
        self.user = user
        self.at = at
    }
}
