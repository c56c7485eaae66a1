import Vocabulary
import Wire

/// Roles, and what only they may do. A group that has members has exactly one owner.
extension StateTransaction {
    mutating func leave(
        _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        if !actor.isMember { return unchanged(command, stored) }
        var record = stored
        var leaving = actor
        leaving.leftSeq = record.head.next
        record.memberCount -= 1
        var written = [leaving]
        let heir = leaving.role == .owner ? heir(of: leaving, command.group, stored) : nil
        if let heir { written.append(heir) }
        let event = SystemEvent(
            event: .left, actor: command.actor, users: [command.actor], promoted: heir?.user)
        return commit(event, command, &record, writing: written)
    }

    /// Who follows an owner that leaves: the oldest admin, without admins the oldest member.
    private func heir(
        of leaving: ConversationMember, _ group: ConversationID, _ record: ConversationRecord
    ) -> ConversationMember? {
        let others = members(of: group, record).filter { $0.isMember && $0.user != leaving.user }
        let admins = others.filter(\.isAdmin)
        var heir = (admins.isEmpty ? others : admins)
            .min { ($0.joinedEpoch, $0.user) < ($1.joinedEpoch, $1.user) }
        heir?.role = .owner
        return heir
    }

    mutating func set(
        _ role: GroupRole, of user: UserID, _ actor: ConversationMember, _ command: GroupCommand,
        _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refusal = adminRefusal(actor) { return refused(refusal, command) }
        guard var target = member(user, of: command.group, stored), target.isMember else {
            return refused(.noSuchMember, command)
        }
        if target.role == role { return unchanged(command, stored) }
        if target.role == .owner { return refused(.ownerRoleStays, command) }
        var record = stored
        target.role = role
        guard role == .owner else {
            let event = SystemEvent(event: .role, actor: command.actor, users: [user], role: role)
            return commit(event, command, &record, writing: [target])
        }
        guard actor.role == .owner else { return refused(.ownerOnly, command) }
        var former = actor
        former.role = .admin
        let event = SystemEvent(event: .owner, actor: command.actor, users: [user])
        return commit(event, command, &record, writing: [former, target])
    }

    mutating func edit(
        _ edit: GroupEdit, _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        guard actor.isMember else { return refused(.notMember, command) }
        if !edit.settings.isEmpty && !actor.isAdmin { return refused(.adminsOnly, command) }
        guard stored.settings.lets(actor, stored.settings.editInfo) else {
            return refused(.mayNotEdit, command)
        }
        guard var profile = groupProfile(command.group) else {
            preconditionFailure("group without a profile: \(command.group)")
        }
        var record = stored
        record.name = edit.name ?? stored.name
        record.settings = stored.settings.applying(edit.settings)
        var event = SystemEvent(event: .changed, actor: command.actor)
        if record.name != stored.name { event.name = record.name }
        if record.settings != stored.settings { event.settings = record.settings }
        if let description = edit.description, description != profile.description {
            event.description = description
            profile.description = description
            put(command.group, profile)
        }
        switch (event.name, event.description, event.settings) {
        case (nil, nil, nil): return unchanged(command, stored)
        case (_?, nil, nil): event.event = .renamed
        case (nil, _?, nil): event.event = .described
        case (nil, nil, _?): event.event = .settings
        default: break
        }
        return commit(event, command, &record, writing: [])
    }

    mutating func close(
        _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        guard actor.isMember else { return refused(.notMember, command) }
        guard actor.role == .owner else { return refused(.ownerOnly, command) }
        var record = stored
        record.isClosed = true
        for invite in invites(command.group) { remove(Tables.invite(command.group, invite.secret)) }
        forgetRequests(of: joinRequests(command.group).map(\.user), command.group)
        return commit(SystemEvent(event: .deleted, actor: command.actor), command, &record, writing: [])
    }
}
