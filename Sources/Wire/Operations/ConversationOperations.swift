import Vocabulary

/// A client's wish to send. The conversation is derived from sender and recipient.
package struct SendRequest: Hashable, Sendable {
    package var sender: UserID
    /// `nil` when sent over REST without a device.
    package var device: DeviceID?
    package var clientMessageID: ClientMessageID
    package var recipient: Recipient
    package var type: MessageType
    package var content: String
    package var clientTimestamp: Timestamp?
    package var replyTo: MessageID?
    package var mentions: [UserID]
    package var expiresInMilliseconds: UInt64?
    package var recipientDevices: RecipientDevices?
    /// A trusted backend sends: no rate limit applies. No part of the log.
    package var isUnlimited = false

    package init(
        sender: UserID, device: DeviceID?, clientMessageID: ClientMessageID, recipient: Recipient,
        type: MessageType, content: String, clientTimestamp: Timestamp?, replyTo: MessageID? = nil,
        mentions: [UserID] = [], expiresInMilliseconds: UInt64? = nil
    ) {
        self.sender = sender
        self.device = device
        self.clientMessageID = clientMessageID
        self.recipient = recipient
        self.type = type
        self.content = content
        self.clientTimestamp = clientTimestamp
        self.replyTo = replyTo
        self.mentions = mentions
        self.expiresInMilliseconds = expiresInMilliseconds
    }
}

/// The durable outcome of a send: guarantee G1.
package struct SentResult: Hashable, Sendable {
    package var messageID: MessageID
    package var conversation: ConversationID
    package var seq: Seq
    package var timestamp: Timestamp
    /// True when an earlier send with the same id was the one stored (guarantee G4).
    package var duplicate: Bool

    package init(
        messageID: MessageID, conversation: ConversationID, seq: Seq, timestamp: Timestamp, duplicate: Bool
    ) {
        self.messageID = messageID
        self.conversation = conversation
        self.seq = seq
        self.timestamp = timestamp
        self.duplicate = duplicate
    }
}

/// Moves a member's watermark forward. Going back or repeating changes nothing and is fine.
package struct ReceiptRequest: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        case upTo(ConversationID, Seq)
        case message(MessageID)
    }
    package var user: UserID
    package var status: ReceiptStatus
    package var target: Target

    package init(user: UserID, status: ReceiptStatus, target: Target) {
        self.user = user
        self.status = status
        self.target = target
    }
}

/// One page of a conversation for a member.
package struct HistoryQuery: Hashable, Sendable {
    package enum Order: UInt8, Hashable, Sendable { case descending, ascending }
    package var conversation: ConversationID
    package var user: UserID
    /// Exclusive bound: below it when descending, above it when ascending; `nil` starts at the newest or the oldest.
    package var bound: Seq?
    package var order: Order
    package var limit: Int
    /// Asks for each message's place in the hash chain.
    package var proof: Bool

    /// Half of the page before, half from this place on; then `bound` does not count.
    package var around: Around?
    /// Any replica may answer that has come as far as `minSeq` and the bound (guarantee G9).
    package var isStaleAllowed = false
    package var minSeq = Seq.zero

    package enum Around: Hashable, Sendable {
        case seq(Seq)
        case message(MessageID)
    }

    package init(
        conversation: ConversationID, user: UserID, bound: Seq?, order: Order, limit: Int, proof: Bool = false
    ) {
        self.proof = proof
        self.conversation = conversation
        self.user = user
        self.bound = bound
        self.order = order
        self.limit = limit
    }
}

/// `messages` in the order asked for; only what the member may see.
package struct HistoryPage: Hashable, Sendable {
    package var messages: [MessageRecord]
    package var hasMore: Bool
    /// More messages before the first of this page, in the order asked for; only known around a place.
    package var hasPrevious: Bool?
    /// The highest seq the member may see.
    package var newest: Seq
    /// Everything up to here the member might see, were it not gone by the operator's retention; zero when nothing is.
    package var gone = Seq.zero
    /// One link per message when they were asked for, otherwise none.
    package var links: [ChainLink]

    package init(messages: [MessageRecord], hasMore: Bool, newest: Seq, links: [ChainLink] = []) {
        self.links = links
        self.messages = messages
        self.hasMore = hasMore
        self.newest = newest
    }
}

/// What a device lacks of one conversation.
package struct CatchUpQuery: Hashable, Sendable {
    package var conversation: ConversationID
    package var user: UserID
    package var after: ConversationPosition
    /// Messages at most; statuses come with the last page.
    package var limit: Int

    package init(conversation: ConversationID, user: UserID, after: ConversationPosition, limit: Int) {
        self.conversation = conversation
        self.user = user
        self.after = after
        self.limit = limit
    }
}

/// How far a device has a conversation: every message up to `seq`, every other change up to `rev`.
package struct ConversationPosition: Hashable, Sendable {
    package var seq: Seq
    package var rev: Rev
    package init(seq: Seq, rev: Rev) {
        self.seq = seq
        self.rev = rev
    }
    package static let start = ConversationPosition(seq: .zero, rev: .zero)
}

/// Messages ascending, without gaps, from the member's first visible seq after the query's.
package struct CatchUpPage: Hashable, Sendable {
    package var messages: [MessageRecord]
    /// What lies before `messages` and is gone by the operator's retention.
    package var gone: ClosedRange<Seq>?
    /// Others' receipts that concern this user's messages, and its own `read`, newer than the query's rev.
    package var statuses: [StatusEvent]
    /// Changes newer than the query's rev of messages the user may see, ascending by rev.
    package var updates: [UpdateEvent] = []
    /// The conversation's rev as of which the messages are.
    package var form = Rev.zero
    /// With the last page of a large group: how many members have the user's last message.
    package var counts: ReceiptCounts?
    /// Where the device stands when it has all of this page.
    package var position: ConversationPosition
    /// More messages follow after `position`.
    package var hasMore: Bool

    package init(
        messages: [MessageRecord], statuses: [StatusEvent], position: ConversationPosition, hasMore: Bool
    ) {
        self.messages = messages
        self.statuses = statuses
        self.position = position
        self.hasMore = hasMore
    }
}

/// A change of a group. `actor` is the authenticated user.
package struct GroupRequest: Hashable, Sendable {
    package typealias Change = GroupChange

    package var group: ConversationID
    package var actor: UserID
    package var change: GroupChange

    package init(group: ConversationID, actor: UserID, change: GroupChange) {
        self.group = group
        self.actor = actor
        self.change = change
    }
}

/// The raw value is the word of the client protocol.
package enum GroupRole: String, Hashable, Sendable { case owner, admin, member }

/// How adding one user went; the raw value is the word of the client protocol.
package enum MemberResult: String, Hashable, Sendable {
    case added, already, blocked
    case notFound = "not_found"
    case inviteNeeded = "invite_needed"
}

package struct GroupResult: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var user: UserID
        package var role: GroupRole
        package var result: MemberResult
        package init(user: UserID, role: GroupRole, result: MemberResult) {
            self.user = user
            self.role = role
            self.result = result
        }
    }
    package var group: ConversationID
    package var name: String
    /// The system message this change wrote, or the head when it wrote none.
    package var seq: Seq
    /// Those named in a `create` or `add`.
    package var members: [Member]
    /// The invite that was asked for.
    package var invite: GroupInvite?
    /// The asker waits for an admin's word before it is a member.
    package var isPending: Bool

    package init(
        group: ConversationID, name: String, seq: Seq, members: [Member], invite: GroupInvite? = nil,
        isPending: Bool = false
    ) {
        self.group = group
        self.name = name
        self.seq = seq
        self.members = members
        self.invite = invite
        self.isPending = isPending
    }
}
