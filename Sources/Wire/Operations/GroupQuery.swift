import Vocabulary

/// A reading of a group. `actor` is the authenticated user.
package struct GroupQuery: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
        /// Name, description, settings and the first members.
        case description
        /// Members after this one, in the order of their ids.
        case members(after: UserID?, limit: Int)
        /// Who waits to be let in; admins only.
        case requests(after: UserID?, limit: Int)
        case invites
    }
    package var group: ConversationID
    package var actor: UserID
    package var subject: Subject

    package init(group: ConversationID, actor: UserID, subject: Subject) {
        self.group = group
        self.actor = actor
        self.subject = subject
    }
}

/// The answer to a `GroupQuery`, case by case.
package enum GroupAnswer: Hashable, Sendable {
    case description(GroupDescription)
    case members([GroupMember], hasMore: Bool)
    case requests([GroupJoinRequest], hasMore: Bool)
    case invites([GroupInvite])
}

package struct GroupDescription: Hashable, Sendable {
    package var group: ConversationID
    package var name: String
    package var description: String
    package var settings: GroupSettings
    package var head: Seq
    package var memberEpoch: UInt64
    package var memberCount: Int
    package var createdAt: Timestamp
    package var creator: UserID
    package var isClosed: Bool
    /// The asker's.
    package var role: GroupRole
    package var members: [GroupMember]
    package var hasMoreMembers: Bool

    package init(
        group: ConversationID, name: String, description: String, settings: GroupSettings, head: Seq,
        memberEpoch: UInt64, memberCount: Int, createdAt: Timestamp, creator: UserID, isClosed: Bool,
        role: GroupRole, members: [GroupMember], hasMoreMembers: Bool
    ) {
        self.group = group
        self.name = name
        self.description = description
        self.settings = settings
        self.head = head
        self.memberEpoch = memberEpoch
        self.memberCount = memberCount
        self.createdAt = createdAt
        self.creator = creator
        self.isClosed = isClosed
        self.role = role
        self.members = members
        self.hasMoreMembers = hasMoreMembers
    }
}

package struct GroupMember: Hashable, Sendable {
    package var user: UserID
    package var role: GroupRole
    package var joinedSeq: Seq

    package init(user: UserID, role: GroupRole, joinedSeq: Seq) {
        self.user = user
        self.role = role
        self.joinedSeq = joinedSeq
    }
}

/// Somebody who came with an invite and waits for an admin's word.
package struct GroupJoinRequest: Hashable, Sendable {
    package var user: UserID
    package var at: Timestamp

    package init(user: UserID, at: Timestamp) {
        self.user = user
        self.at = at
    }
}
