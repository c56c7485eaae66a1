import Vocabulary

/// To whom a user shows something; the raw value is the word of the client protocol. Contacts are the people with
/// whom there is a direct conversation.
package enum PrivacyAudience: String, Hashable, Sendable, CaseIterable {
    case everyone, contacts, nobody
}

/// The time of day at which a user wants no notifications, in its own time zone; over midnight when it ends
/// before it starts.
package struct QuietHours: Hashable, Sendable {
    /// Minutes after midnight, 0 to 1,439.
    package var startMinute: Int
    package var endMinute: Int
    /// A name of the IANA time zone database.
    package var timeZone: String
    package init(startMinute: Int, endMinute: Int, timeZone: String) {
        self.startMinute = startMinute
        self.endMinute = endMinute
        self.timeZone = timeZone
    }

    /// Whether a minute of the user's day is quiet: from the start on, up to but without the end.
    package func contains(minute: Int) -> Bool {
        startMinute <= endMinute
            ? (startMinute..<endMinute).contains(minute) : minute >= startMinute || minute < endMinute
    }
}

/// What a user chose; every field has a default, so a user without a record has settings too.
package struct UserSettings: Hashable, Sendable {
    package var lastSeen = PrivacyAudience.everyone
    package var online = PrivacyAudience.everyone
    /// Who may add the user to groups without asking.
    package var groupAdd = PrivacyAudience.everyone
    /// False: in direct conversations the user neither shows nor sees `read`.
    package var readReceipts = true
    package var quietHours: QuietHours?
    package init() {}
}

/// New values of some settings; what is `nil` stays.
package struct SettingsChange: Hashable, Sendable {
    package enum Quiet: Hashable, Sendable {
        case none
        case hours(QuietHours)
    }
    package var lastSeen: PrivacyAudience?
    package var online: PrivacyAudience?
    package var groupAdd: PrivacyAudience?
    package var readReceipts: Bool?
    package var quietHours: Quiet?
    package init() {}
}

/// A question or change of one user's privacy, for the leader of its partition.
package enum PrivacyRequest: Hashable, Sendable {
    case settings(UserID)
    case change(UserID, SettingsChange)
    /// Answered once the conversation between both knows it, or after a while.
    case block(UserID, peer: UserID, isBlocked: Bool)
    /// `after` is exclusive: the last user of the page before.
    case blocks(UserID, after: UserID?, limit: Int)
    /// What the viewer's own settings let it see of each of these users, of any partitions.
    case sights(viewer: UserID, of: [UserID])
}

package enum PrivacyAnswer: Hashable, Sendable {
    case settings(UserSettings)
    case blocks(BlocksPage)
    /// In the order asked for.
    case sights([PresenceSight])
}

/// One page of the users somebody has blocked, in the order of their ids.
package struct BlocksPage: Hashable, Sendable {
    package struct Block: Hashable, Sendable {
        package var user: UserID
        package var at: Timestamp
        package init(user: UserID, at: Timestamp) {
            self.user = user
            self.at = at
        }
    }
    package var blocks: [Block]
    package var hasMore: Bool
    package init(blocks: [Block], hasMore: Bool) {
        self.blocks = blocks
        self.hasMore = hasMore
    }
}

/// What a viewer's side of the matter lets it see of one user: who hides does not see.
package struct PresenceSight: Hashable, Sendable {
    package var lastSeen: PrivacyAudience
    package var online: PrivacyAudience
    /// The viewer has blocked the user.
    package var isBlocking: Bool
    package init(lastSeen: PrivacyAudience, online: PrivacyAudience, isBlocking: Bool) {
        self.lastSeen = lastSeen
        self.online = online
        self.isBlocking = isBlocking
    }
}

/// A user as the presence of others is asked for: with what the viewer's own settings allow.
package struct PresenceQuery: Hashable, Sendable {
    package var user: UserID
    package var sight: PresenceSight
    package init(user: UserID, sight: PresenceSight) {
        self.user = user
        self.sight = sight
    }
}

/// A session begins or ends to watch users, of any partitions.
package struct PresenceSubscription: Hashable, Sendable {
    package var session: SessionKey
    package var viewer: UserID
    package var users: [UserID]
    package var isEnd: Bool
    package init(session: SessionKey, viewer: UserID, users: [UserID], isEnd: Bool) {
        self.session = session
        self.viewer = viewer
        self.users = users
        self.isEnd = isEnd
    }
}

/// One watched user, for the leader of that user's partition. Kept alive by being repeated.
package struct PresenceWatch: Hashable, Sendable {
    package var session: SessionKey
    package var viewer: UserID
    package var user: UserID
    /// `nil` ends the watch.
    package var sight: PresenceSight?
    package init(session: SessionKey, viewer: UserID, user: UserID, sight: PresenceSight?) {
        self.session = session
        self.viewer = viewer
        self.user = user
        self.sight = sight
    }
}

/// What the conversation keeps of one member's privacy. Whatever order copies come in, the highest version holds.
package struct MemberFlags: Hashable, Sendable {
    /// Counts the member's changes of settings and blocks.
    package var version: UInt64 = 0
    /// The member has blocked the other.
    package var isBlocking = false
    /// The member has read receipts off.
    package var hidesReads = false
    package init() {}
    package init(version: UInt64, isBlocking: Bool, hidesReads: Bool) {
        self.version = version
        self.isBlocking = isBlocking
        self.hidesReads = hidesReads
    }
}

/// From a user's partition to that of one of its direct conversations, which need not exist yet.
package struct MemberFlagsUpdate: Hashable, Sendable {
    package var conversation: ConversationID
    package var user: UserID
    package var flags: MemberFlags
    package init(conversation: ConversationID, user: UserID, flags: MemberFlags) {
        self.conversation = conversation
        self.user = user
        self.flags = flags
    }
}

extension PresenceState {
    /// A later `last_seen` alone is no news.
    package func differs(from other: PresenceState) -> Bool {
        online != other.online || (lastSeen == nil) != (other.lastSeen == nil)
    }
}
