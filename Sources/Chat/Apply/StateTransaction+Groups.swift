import Vocabulary
import Wire

/// Group changes: each writes one system message, or nothing when it was already so. Roles: the creator is
/// the owner; owner and admins add, remove and rename; anybody may leave.
extension StateTransaction {
    mutating func apply(_ command: GroupCommand) -> GroupOutcome {
        let stored = conversation(command.group)
        if case .create(let name, let members) = command.change {
            return create(command, name: name, members: members, stored: stored)
        }
        guard let stored, stored.kind == .group else { return refusal(.noSuchConversation, command) }
        guard let actor = member(command.actor, of: command.group, stored) else {
            return refusal(.notMember, command)
        }
        switch command.change {
        case .create: preconditionFailure("create was handled above")
        case .add(let users): return add(users, actor, command, stored)
        case .remove(let user):
            if user == command.actor { return leave(actor, command, stored) }
            return remove(user, actor, command, stored)
        case .leave: return leave(actor, command, stored)
        case .rename(let name): return rename(name, actor, command, stored)
        }
    }

    private mutating func create(
        _ command: GroupCommand, name: String, members: [UserID], stored: ConversationRecord?
    ) -> GroupOutcome {
        let others = members.unique.filter { $0 != command.actor }
        if let stored { return createdBefore(command, others, stored) }
        guard others.count + 1 <= command.membersMax else {
            return refusal(.tooManyMembers(max: command.membersMax), command)
        }
        var record = ConversationRecord(
            kind: .group, name: name, hash60: command.group.placementHash >> 4)
        indexByMessage(command.group, record)
        var records = [ConversationMember(user: command.actor, role: .owner, joining: record)]
        records += others.map { ConversationMember(user: $0, role: .member, joining: record) }
        record.memberCount = records.count
        let event = SystemEvent(event: .created, actor: command.actor, users: others, name: name)
        return commit(event, command, &record, writing: records, named: others.map { ($0, .added) })
    }

    /// The same group again changes nothing; a group of somebody else with this id is refused.
    private func createdBefore(
        _ command: GroupCommand, _ others: [UserID], _ record: ConversationRecord
    ) -> GroupOutcome {
        let actor = member(command.actor, of: command.group, record)
        guard record.kind == .group, let actor, actor.joinedSeq == Seq(1) else {
            return refusal(Refusal(.forbidden, "this group id is taken"), command)
        }
        return unchanged(command, record, named: others.map { ($0, .added) }, seq: Seq(1))
    }

    private mutating func add(
        _ users: [UserID], _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refused = adminRefusal(actor) { return refusal(refused, command) }
        var record = stored
        var added: [ConversationMember] = []
        var named: [(UserID, MemberResult)] = []
        for user in users.unique {
            let isMember = member(user, of: command.group, stored)?.isMember ?? false
            named.append((user, isMember ? .already : .added))
            if !isMember { added.append(ConversationMember(user: user, role: .member, joining: record)) }
        }
        if added.isEmpty { return unchanged(command, record, named: named) }
        guard record.memberCount + added.count <= command.membersMax else {
            return refusal(.tooManyMembers(max: command.membersMax), command)
        }
        record.memberCount += added.count
        let event = SystemEvent(event: .membersAdded, actor: command.actor, users: added.map(\.user))
        return commit(event, command, &record, writing: added, named: named)
    }

    private mutating func remove(
        _ user: UserID, _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refused = adminRefusal(actor) { return refusal(refused, command) }
        guard var target = member(user, of: command.group, stored) else {
            return refusal(.noSuchMember, command)
        }
        if !target.isMember { return unchanged(command, stored, named: []) }
        if target.role == .owner { return refusal(.ownerStays, command) }
        var record = stored
        record.memberCount -= 1
        // The last thing it sees is its own removal (guarantee G8).
        target.leftSeq = record.head.next
        let event = SystemEvent(event: .memberRemoved, actor: command.actor, users: [user])
        return commit(event, command, &record, writing: [target], named: [])
    }

    private mutating func leave(
        _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        if !actor.isMember { return unchanged(command, stored, named: []) }
        var record = stored
        var leaving = actor
        leaving.leftSeq = record.head.next
        record.memberCount -= 1
        var written = [leaving]
        let heir = leaving.role == .member ? nil : heir(of: leaving, command.group, stored)
        if let heir { written.append(heir) }
        let event = SystemEvent(
            event: .memberLeft, actor: command.actor, users: [command.actor], promoted: heir?.user)
        return commit(event, command, &record, writing: written, named: [])
    }

    /// The oldest member, made owner, when `leaving` is the last admin.
    private func heir(
        of leaving: ConversationMember, _ group: ConversationID, _ record: ConversationRecord
    ) -> ConversationMember? {
        let others = members(of: group, record).filter { $0.isMember && $0.user != leaving.user }
        guard !others.contains(where: \.isAdmin) else { return nil }
        var heir = others.min { ($0.joinedEpoch, $0.user) < ($1.joinedEpoch, $1.user) }
        heir?.role = .owner
        return heir
    }

    private mutating func rename(
        _ name: String, _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refused = adminRefusal(actor) { return refusal(refused, command) }
        if name == stored.name { return unchanged(command, stored, named: []) }
        var record = stored
        record.name = name
        let event = SystemEvent(event: .renamed, actor: command.actor, name: name)
        return commit(event, command, &record, writing: [], named: [])
    }

    /// Writes the system message and the members: a change is one seq, one rev and one epoch.
    private mutating func commit(
        _ event: SystemEvent, _ command: GroupCommand, _ record: inout ConversationRecord,
        writing members: [ConversationMember], named: [(UserID, MemberResult)]
    ) -> GroupOutcome {
        record.memberEpoch += 1
        let seq = record.head.next
        let message = MessageRecord(
            conversation: command.group, seq: seq, ordinal: record.ordinal,
            messageID: record.messageID(seq), sender: command.actor, senderDevice: nil,
            recipient: .group(command.group), clientMessageID: ClientMessageID(unchecked: ""), type: .system,
            content: event.json, timestamp: record.nextTimestamp(command.at), clientTimestamp: nil)
        write(message, to: &record)
        for member in members { put(member, of: command.group) }
        put(command.group, record)
        var outcome = unchanged(command, record, named: named)
        outcome.members = members
        outcome.change = ConversationChange(
            command.group, record, message: message, members: members, audience: .everyone)
        return outcome
    }

    private func adminRefusal(_ actor: ConversationMember) -> Refusal? {
        if !actor.isMember { return .notMember }
        return actor.isAdmin ? nil : .adminsOnly
    }

    private func refusal(_ refusal: Refusal, _ command: GroupCommand) -> GroupOutcome {
        GroupOutcome(command: command, result: .failure(refusal), members: [], change: nil)
    }

    private func unchanged(
        _ command: GroupCommand, _ record: ConversationRecord, named: [(UserID, MemberResult)],
        seq: Seq? = nil
    ) -> GroupOutcome {
        let members = named.map { user, result in
            let role = member(user, of: command.group, record)?.role ?? .member
            return GroupResult.Member(user: user, role: role, result: result)
        }
        let result = GroupResult(
            group: command.group, name: record.name, seq: seq ?? record.head, members: members)
        return GroupOutcome(command: command, result: .success(result), members: [], change: nil)
    }
}

extension ConversationMember {
    /// A member who joins with the next change of `record`.
    fileprivate init(user: UserID, role: GroupRole, joining record: ConversationRecord) {
        self.init(
            user: user, role: role, joinedSeq: record.head.next, joinedEpoch: record.memberEpoch + 1,
            markOrdinal: record.ordinal)
    }
}

extension [UserID] {
    /// Each user once, in the order first named.
    var unique: [UserID] {
        var seen = Set<UserID>()
        return filter { seen.insert($0).inserted }
    }
}
