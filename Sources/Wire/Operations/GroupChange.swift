import Vocabulary

/// One change of a group: what a client asks for, and what the log carries.
package enum GroupChange: Hashable, Sendable {
    /// The group's id is drawn by the node that took the request; repeating it with the same id changes nothing.
    case create(GroupCreation)
    case add([UserID])
    case remove(UserID)
    case leave
    case edit(GroupEdit)
    /// `owner` hands the group over.
    case setRole(UserID, GroupRole)
    /// For ever: nobody writes any more, members go on reading.
    case close
    case invite(InviteOffer)
    /// One invite, or all of them.
    case revokeInvites(InviteSecret?)
    case join(InviteSecret)
    /// An admin's word on somebody who asked to join.
    case decide(UserID, admits: Bool)

    package static func create(name: String, members: [UserID]) -> GroupChange {
        .create(GroupCreation(name: name, members: members))
    }
    package static func rename(_ name: String) -> GroupChange { .edit(GroupEdit(name: name)) }
}

/// A new group; `members` without the creator, who becomes the owner.
package struct GroupCreation: Hashable, Sendable {
    package var name: String
    package var description: String
    package var settings: GroupSettingsEdit
    package var members: [UserID]

    package init(
        name: String, description: String = "", settings: GroupSettingsEdit = GroupSettingsEdit(),
        members: [UserID]
    ) {
        self.name = name
        self.description = description
        self.settings = settings
        self.members = members
    }
}

/// New values; what is `nil` stays.
package struct GroupEdit: Hashable, Sendable {
    package var name: String?
    package var description: String?
    package var settings: GroupSettingsEdit

    package init(
        name: String? = nil, description: String? = nil, settings: GroupSettingsEdit = GroupSettingsEdit()
    ) {
        self.name = name
        self.description = description
        self.settings = settings
    }
}

/// Who of a group may do something; the raw value is its byte on the wire and on disk.
package enum GroupAudience: UInt8, Hashable, Sendable {
    case all = 0
    case admins = 1

    /// The word of the client protocol.
    package var word: String { self == .all ? "all" : "admins" }

    package init?(word: String) {
        switch word {
        case "all": self = .all
        case "admins": self = .admins
        default: return nil
        }
    }
}

/// What a member sees of the time before it joined.
package enum GroupHistory: Hashable, Sendable {
    case none
    case last(UInt64)
    case all

    /// The word of the client protocol; `last` comes with a number.
    package var word: String {
        switch self {
        case .none: "none"
        case .last: "last"
        case .all: "all"
        }
    }

    /// The first seq that somebody sees who joins with `seq`.
    package func first(joining seq: Seq) -> Seq {
        switch self {
        case .none: seq
        case .last(let count): Seq(seq.raw > count ? seq.raw - count : 1)
        case .all: Seq(1)
        }
    }
}

package struct GroupSettings: Hashable, Sendable {
    package var send = GroupAudience.all
    package var editInfo = GroupAudience.admins
    package var addMembers = GroupAudience.admins
    /// Who comes with an invite waits for an admin's word.
    package var approveJoins = false
    package var history = GroupHistory.none

    package init() {}

    package func applying(_ edit: GroupSettingsEdit) -> GroupSettings {
        var settings = self
        if let send = edit.send { settings.send = send }
        if let editInfo = edit.editInfo { settings.editInfo = editInfo }
        if let addMembers = edit.addMembers { settings.addMembers = addMembers }
        if let approveJoins = edit.approveJoins { settings.approveJoins = approveJoins }
        if let history = edit.history { settings.history = history }
        return settings
    }
}

/// New settings; what is `nil` stays.
package struct GroupSettingsEdit: Hashable, Sendable {
    package var send: GroupAudience?
    package var editInfo: GroupAudience?
    package var addMembers: GroupAudience?
    package var approveJoins: Bool?
    package var history: GroupHistory?

    package init() {}
    package var isEmpty: Bool { self == GroupSettingsEdit() }
}
