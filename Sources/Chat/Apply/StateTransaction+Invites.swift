import Vocabulary
import Wire

/// Invites, joining by them, and admins' word on who asked to join. Time is the leader's stamp (rule A1).
extension StateTransaction {
    mutating func invite(
        _ offer: InviteOffer, _ actor: ConversationMember, _ command: GroupCommand,
        _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refusal = inviteRefusal(actor, stored) { return refused(refusal, command) }
        if let invite = invite(offer.secret, command.group) {
            return unchanged(command, stored, invite: invite)
        }
        var count = 0
        for invite in invites(command.group) {
            if invite.isOver(at: command.at) {
                remove(Tables.invite(command.group, invite.secret))
            } else {
                count += 1
            }
        }
        guard count < ChatRules.groupInvitesMax else { return refused(.tooManyInvites, command) }
        let invite = GroupInvite(offer, by: command.actor, at: command.at)
        put(command.group, invite)
        return unchanged(command, stored, invite: invite)
    }

    mutating func revoke(
        _ secret: InviteSecret?, _ actor: ConversationMember, _ command: GroupCommand,
        _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refusal = inviteRefusal(actor, stored) { return refused(refusal, command) }
        let revoked = secret.map { [$0] } ?? invites(command.group).map(\.secret)
        for secret in revoked { remove(Tables.invite(command.group, secret)) }
        return unchanged(command, stored)
    }

    private func inviteRefusal(_ actor: ConversationMember, _ record: ConversationRecord) -> Refusal? {
        guard actor.isMember else { return .notMember }
        return record.settings.lets(actor, record.settings.addMembers) ? nil : .mayNotAdd
    }

    mutating func join(
        _ secret: InviteSecret, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        let user = command.actor
        // A repeated join is answered alike, also when it was the invite's last use.
        if member(user, of: command.group, stored)?.isMember == true {
            return unchanged(command, stored, named: [(user, .already)])
        }
        if hasJoinRequest(user, command.group) { return unchanged(command, stored, isPending: true) }
        if stored.isClosed { return refused(.groupClosed, command) }
        guard var invite = invite(secret, command.group) else { return refused(.noSuchInvite, command) }
        guard !invite.isOver(at: command.at) else { return refused(.inviteOver, command) }
        invite.uses += 1
        if stored.settings.approveJoins {
            guard request(user, command) else { return refused(.tooManyRequests, command) }
            put(command.group, invite)
            return unchanged(command, stored, isPending: true)
        }
        let outcome = letIn(user, command, stored)
        if outcome.change != nil { put(command.group, invite) }
        return outcome
    }

    mutating func decide(
        _ user: UserID, _ admits: Bool, _ actor: ConversationMember, _ command: GroupCommand,
        _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refusal = adminRefusal(actor) { return refused(refusal, command) }
        let isMember = member(user, of: command.group, stored)?.isMember == true
        if isMember && admits { return unchanged(command, stored, named: [(user, .already)]) }
        guard hasJoinRequest(user, command.group) else { return refused(.noSuchRequest, command) }
        guard admits else {
            forgetRequests(of: [user], command.group)
            return unchanged(command, stored)
        }
        return letIn(user, command, stored)
    }

    private mutating func letIn(
        _ user: UserID, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        guard stored.memberCount < command.membersMax else {
            return refused(.tooManyMembers(max: command.membersMax), command)
        }
        var record = stored
        let former = member(user, of: command.group, stored)
        let member = ConversationMember(user: user, role: .member, joining: record, after: former)
        record.memberCount += 1
        forgetRequests(of: [user], command.group)
        let event = SystemEvent(event: .joined, actor: command.actor, users: [user])
        return commit(event, command, &record, writing: [member], named: [(user, .added)])
    }

    /// False when too many wait.
    private mutating func request(_ user: UserID, _ command: GroupCommand) -> Bool {
        guard var profile = groupProfile(command.group), profile.requestCount < ChatRules.groupRequestsMax
        else { return false }
        profile.requestCount += 1
        put(command.group, profile)
        putJoinRequest(command.group, GroupJoinRequest(user: user, at: command.at))
        return true
    }

    mutating func forgetRequests(of users: [UserID], _ group: ConversationID) {
        guard var profile = groupProfile(group), profile.requestCount > 0 else { return }
        for user in users where hasJoinRequest(user, group) {
            remove(Tables.joinRequest(group, user))
            profile.requestCount -= 1
        }
        put(group, profile)
    }
}
