import Vocabulary
import Wire

extension ChatReader {
    /// What a member may know of its group.
    package func group(_ query: GroupQuery) -> Result<GroupAnswer, Refusal> {
        guard let record = view.conversation(query.group), record.kind == .group,
            let profile = view.groupProfile(query.group)
        else { return .failure(.noSuchConversation) }
        guard let actor = view.member(query.actor, of: query.group, record), actor.isMember else {
            return .failure(.notMember)
        }
        switch query.subject {
        case .description: return .success(.description(description(query.group, record, profile, actor)))
        case .members(let after, let limit):
            let (members, hasMore) = members(query.group, after: after, limit: limit)
            return .success(.members(members, hasMore: hasMore))
        case .requests(let after, let limit):
            guard actor.isAdmin else { return .failure(.adminsOnly) }
            let requests = view.joinRequests(query.group, after: after, limit: limit + 1)
            return .success(.requests(Array(requests.prefix(limit)), hasMore: requests.count > limit))
        case .invites:
            guard record.settings.lets(actor, record.settings.addMembers) else { return .failure(.mayNotAdd) }
            return .success(.invites(view.invites(query.group)))
        }
    }

    private func description(
        _ id: ConversationID, _ record: ConversationRecord, _ profile: GroupProfile,
        _ actor: ConversationMember
    ) -> GroupDescription {
        let (members, hasMore) = members(id, after: nil, limit: Self.describedMembers)
        return GroupDescription(
            group: id, name: record.name, description: profile.description, settings: record.settings,
            head: record.head, memberEpoch: record.memberEpoch, memberCount: record.memberCount,
            createdAt: profile.createdAt, creator: profile.creator, isClosed: record.isClosed,
            role: actor.role, members: members, hasMoreMembers: hasMore)
    }

    private static var describedMembers: Int { 100 }

    /// Members without those who left, in the order of their ids. Rows of those who left are stepped over.
    private func members(
        _ id: ConversationID, after user: UserID?, limit: Int
    ) -> ([GroupMember], hasMore: Bool) {
        var found: [GroupMember] = []
        var range = Tables.members(id)
        if let user { range.lower = Tables.member(id, user) + [0] }
        while found.count <= limit {
            let page = view.members(in: range, limit: limit + 1)
            found += page.filter(\.isMember).map {
                GroupMember(user: $0.user, role: $0.role, joinedSeq: $0.joinedSeq)
            }
            guard page.count > limit, let last = page.last else { break }
            range.lower = Tables.member(id, last.user) + [0]
        }
        return (Array(found.prefix(limit)), found.count > limit)
    }

    /// Whether `actor` may make `user` a member of a group of its own accord: `user`'s partition knows.
    package func mayAdd(_ user: UserID, by actor: UserID) -> MemberResult {
        guard userExists(user) else { return .notFound }
        if isBlocked(actor, by: user) { return .blocked }
        return view.admits(settings(of: user).groupAdd, actor, of: user) ? .added : .inviteNeeded
    }
}

extension GroupSettings {
    /// Whether a member is one of `audience`.
    func lets(_ member: ConversationMember, _ audience: GroupAudience) -> Bool {
        member.isMember && (audience == .all || member.isAdmin)
    }
}
