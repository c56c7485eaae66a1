import Vocabulary

/// Answers about groups.
extension RestAnswer {
    /// After a change; with `members` when users were named in it.
    package static func group(_ group: GroupResult, showsMembers: Bool = false) -> [UInt8] {
        object { json in
            json.field("group_id", group.group)
            json.field("conversation_id", group.group)
            json.field("name", group.name)
            json.field("seq", group.seq)
            guard showsMembers else { return }
            json.key("members")
            json.beginArray()
            for member in group.members {
                json.beginObject()
                json.field("user_id", member.user)
                json.field("result", member.result.rawValue)
                json.endObject()
            }
            json.endArray()
        }
    }

    /// After `POST /v1/invites/{code}/join`.
    package static func joined(_ group: GroupResult) -> [UInt8] {
        object { json in
            json.field("group_id", group.group)
            json.field("conversation_id", group.group)
            json.field("name", group.name)
            json.field("seq", group.seq)
            json.field("status", group.isPending ? "pending" : "joined")
        }
    }

    package static func description(_ group: GroupDescription) -> [UInt8] {
        object { json in
            json.field("group_id", group.group)
            json.field("conversation_id", group.group)
            json.field("name", group.name)
            json.field("description", group.description)
            json.key("settings")
            json.groupSettings(group.settings)
            json.field("seq", group.head)
            json.field("member_count", group.memberCount)
            json.field("role", group.role.rawValue)
            json.field("creator_id", group.creator)
            json.field("created_at", group.createdAt)
            json.field("deleted", group.isClosed)
            json.members(group.members)
            let last = group.hasMoreMembers ? group.members.last : nil
            json.nextCursor(last.map { CursorText.text(member: $0.user) })
        }
    }

    package static func members(_ members: [GroupMember], hasMore: Bool) -> [UInt8] {
        object { json in
            json.members(members)
            json.nextCursor(hasMore ? members.last.map { CursorText.text(member: $0.user) } : nil)
            json.field("has_more", hasMore)
        }
    }

    package static func requests(_ requests: [GroupJoinRequest], hasMore: Bool) -> [UInt8] {
        object { json in
            json.key("requests")
            json.beginArray()
            for request in requests {
                json.beginObject()
                json.field("user_id", request.user)
                json.field("requested_at", request.at)
                json.endObject()
            }
            json.endArray()
            json.nextCursor(hasMore ? requests.last.map { CursorText.text(member: $0.user) } : nil)
            json.field("has_more", hasMore)
        }
    }

    package static func invite(_ invite: GroupInvite, of group: ConversationID) -> [UInt8] {
        object { $0.inviteFields(invite, of: group) }
    }

    package static func invites(_ invites: [GroupInvite], of group: ConversationID) -> [UInt8] {
        object { json in
            json.key("invites")
            json.beginArray()
            for invite in invites {
                json.beginObject()
                json.inviteFields(invite, of: group)
                json.endObject()
            }
            json.endArray()
        }
    }
}

extension JSONWriter {
    fileprivate mutating func members(_ members: [GroupMember]) {
        key("members")
        beginArray()
        for member in members {
            beginObject()
            field("user_id", member.user)
            field("role", member.role.rawValue)
            field("joined_seq", member.joinedSeq)
            endObject()
        }
        endArray()
    }

    fileprivate mutating func inviteFields(_ invite: GroupInvite, of group: ConversationID) {
        field("code", InviteCode(group: group, secret: invite.secret).description)
        field("group_id", group)
        field("creator_id", invite.creator)
        field("created_at", invite.createdAt)
        if let expires = invite.expiresAt { field("expires_at", expires) }
        if let most = invite.usesMax {
            key("uses_max")
            integer(most)
        }
        key("uses")
        integer(invite.uses)
    }
}
