import Vocabulary

/// Group changes have one binary form, in the log and between nodes: it may only grow.
extension ByteWriter {
    package mutating func groupChange(_ change: GroupChange) {
        switch change {
        case .create(let creation):
            u8(1)
            text(creation.name)
            text(creation.description)
            groupSettingsEdit(creation.settings)
            list(creation.members) { $0.text($1) }
        case .add(let users):
            u8(2)
            list(users) { $0.text($1) }
        case .remove(let user):
            u8(3)
            text(user)
        case .leave: u8(4)
        case .edit(let edit):
            u8(5)
            optional(edit.name) { $0.text($1) }
            optional(edit.description) { $0.text($1) }
            groupSettingsEdit(edit.settings)
        case .setRole(let user, let role):
            u8(6)
            text(user)
            u8(role.tag)
        case .close: u8(7)
        case .invite(let offer):
            u8(8)
            inviteSecret(offer.secret)
            optional(offer.lastsMilliseconds) { $0.varint($1) }
            optional(offer.usesMax) { $0.varint($1) }
        case .revokeInvites(let secret):
            u8(9)
            optional(secret) { $0.inviteSecret($1) }
        case .join(let secret):
            u8(10)
            inviteSecret(secret)
        case .decide(let user, let admits):
            u8(11)
            text(user)
            bool(admits)
        }
    }

    package mutating func inviteSecret(_ secret: InviteSecret) {
        u64BigEndian(secret.raw.high)
        u64BigEndian(secret.raw.low)
    }

    package mutating func groupInvite(_ invite: GroupInvite) {
        inviteSecret(invite.secret)
        text(invite.creator)
        timestamp(invite.createdAt)
        optional(invite.expiresAt) { $0.timestamp($1) }
        optional(invite.usesMax) { $0.varint($1) }
        varint(invite.uses)
    }

    package mutating func groupSettings(_ settings: GroupSettings) {
        u8(
            settings.send.rawValue | settings.editInfo.rawValue << 1 | settings.addMembers.rawValue << 2
                | (settings.approveJoins ? 8 : 0))
        groupHistory(settings.history)
    }

    private mutating func groupSettingsEdit(_ edit: GroupSettingsEdit) {
        optional(edit.send) { $0.u8($1.rawValue) }
        optional(edit.editInfo) { $0.u8($1.rawValue) }
        optional(edit.addMembers) { $0.u8($1.rawValue) }
        optional(edit.approveJoins) { $0.bool($1) }
        optional(edit.history) { $0.groupHistory($1) }
    }

    /// 0 none, 1 all, otherwise one more than the number of the last ones.
    private mutating func groupHistory(_ history: GroupHistory) {
        switch history {
        case .none: varint(UInt64(0))
        case .all: varint(UInt64(1))
        case .last(let count): varint(count + 1)
        }
    }
}

extension ByteReader {
    package mutating func groupChange() throws(DecodingFailure) -> GroupChange {
        switch try u8() {
        case 1:
            return .create(
                GroupCreation(
                    name: try text(), description: try text(), settings: try groupSettingsEdit(),
                    members: try userIDs()))
        case 2: return .add(try userIDs())
        case 3: return .remove(try textIdentity())
        case 4: return .leave
        case 5:
            return .edit(
                GroupEdit(
                    name: try optional { r throws(DecodingFailure) in try r.text() },
                    description: try optional { r throws(DecodingFailure) in try r.text() },
                    settings: try groupSettingsEdit()))
        case 6: return .setRole(try textIdentity(), try groupRole())
        case 7: return .close
        case 8:
            return .invite(
                InviteOffer(
                    secret: try inviteSecret(),
                    lastsMilliseconds: try optional { r throws(DecodingFailure) in try r.varint() },
                    usesMax: try optional { r throws(DecodingFailure) in try r.varint() }))
        case 9:
            return .revokeInvites(try optional { r throws(DecodingFailure) in try r.inviteSecret() })
        case 10: return .join(try inviteSecret())
        case 11: return .decide(try textIdentity(), admits: try bool())
        case let tag: throw .unknown(field: "group change", value: UInt64(tag))
        }
    }

    package mutating func inviteSecret() throws(DecodingFailure) -> InviteSecret {
        InviteSecret(raw: UInt128ID(high: try u64BigEndian(), low: try u64BigEndian()))
    }

    package mutating func groupInvite() throws(DecodingFailure) -> GroupInvite {
        let secret = try inviteSecret()
        var invite = GroupInvite(
            InviteOffer(secret: secret, lastsMilliseconds: nil, usesMax: nil), by: try textIdentity(),
            at: try timestamp())
        invite.expiresAt = try optional { r throws(DecodingFailure) in try r.timestamp() }
        invite.usesMax = try optional { r throws(DecodingFailure) in try r.varint() }
        invite.uses = try varint()
        return invite
    }

    package mutating func groupRole() throws(DecodingFailure) -> GroupRole {
        let tag = try u8()
        guard let role = GroupRole(tag: tag) else { throw .unknown(field: "role", value: UInt64(tag)) }
        return role
    }

    package mutating func groupSettings() throws(DecodingFailure) -> GroupSettings {
        let flags = try u8()
        guard flags < 16 else { throw .unknown(field: "group settings", value: UInt64(flags)) }
        var settings = GroupSettings()
        settings.send = flags & 1 == 0 ? .all : .admins
        settings.editInfo = flags & 2 == 0 ? .all : .admins
        settings.addMembers = flags & 4 == 0 ? .all : .admins
        settings.approveJoins = flags & 8 != 0
        settings.history = try groupHistory()
        return settings
    }

    private mutating func groupSettingsEdit() throws(DecodingFailure) -> GroupSettingsEdit {
        var edit = GroupSettingsEdit()
        edit.send = try optional { r throws(DecodingFailure) in try r.groupAudience() }
        edit.editInfo = try optional { r throws(DecodingFailure) in try r.groupAudience() }
        edit.addMembers = try optional { r throws(DecodingFailure) in try r.groupAudience() }
        edit.approveJoins = try optional { r throws(DecodingFailure) in try r.bool() }
        edit.history = try optional { r throws(DecodingFailure) in try r.groupHistory() }
        return edit
    }

    private mutating func groupAudience() throws(DecodingFailure) -> GroupAudience {
        let raw = try u8()
        guard let audience = GroupAudience(rawValue: raw) else {
            throw .unknown(field: "group audience", value: UInt64(raw))
        }
        return audience
    }

    private mutating func groupHistory() throws(DecodingFailure) -> GroupHistory {
        switch try varint() {
        case 0: .none
        case 1: .all
        case let count: .last(count - 1)
        }
    }
}

extension GroupRole {
    /// The role's byte on the wire and on disk; never changes.
    package var tag: UInt8 {
        switch self {
        case .owner: 0
        case .admin: 1
        case .member: 2
        }
    }

    package init?(tag: UInt8) {
        switch tag {
        case 0: self = .owner
        case 1: self = .admin
        case 2: self = .member
        default: return nil
        }
    }
}
