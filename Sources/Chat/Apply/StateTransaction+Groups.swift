import Vocabulary
import Wire

/// Group changes: each writes one system message, or nothing when it was already so. The creator is the owner;
/// owner and admins change the group, its settings say what members may; anybody may leave.
extension StateTransaction {
    mutating func apply(_ command: GroupCommand) -> GroupOutcome {
        let stored = conversation(command.group)
        if case .create(let creation) = command.change { return create(command, creation, stored) }
        guard let stored, stored.kind == .group else { return refused(.noSuchConversation, command) }
        if case .join(let secret) = command.change { return join(secret, command, stored) }
        guard let actor = member(command.actor, of: command.group, stored) else {
            return refused(.notMember, command)
        }
        if stored.isClosed {
            if command.change == .close && actor.role == .owner { return unchanged(command, stored) }
            return refused(actor.isMember ? .groupClosed : .notMember, command)
        }
        switch command.change {
        case .create, .join: preconditionFailure("handled above")
        case .add(let users): return add(users, actor, command, stored)
        case .remove(let user):
            if user == command.actor { return leave(actor, command, stored) }
            return remove(user, actor, command, stored)
        case .leave: return leave(actor, command, stored)
        case .edit(let edit): return self.edit(edit, actor, command, stored)
        case .setRole(let user, let role): return set(role, of: user, actor, command, stored)
        case .close: return close(actor, command, stored)
        case .invite(let offer): return invite(offer, actor, command, stored)
        case .revokeInvites(let secret): return revoke(secret, actor, command, stored)
        case .decide(let user, let admits): return decide(user, admits, actor, command, stored)
        }
    }

    private mutating func create(
        _ command: GroupCommand, _ creation: GroupCreation, _ stored: ConversationRecord?
    ) -> GroupOutcome {
        let others = creation.members.unique.filter { $0 != command.actor }
        if let stored { return createdBefore(command, others, stored) }
        guard others.count + 1 <= command.membersMax else {
            return refused(.tooManyMembers(max: command.membersMax), command)
        }
        var record = ConversationRecord(
            kind: .group, name: creation.name, hash60: command.group.placementHash >> 4)
        record.settings = GroupSettings().applying(creation.settings)
        indexByMessage(command.group, record)
        put(
            command.group,
            GroupProfile(
                description: creation.description, creator: command.actor, createdAt: command.at))
        var records = [ConversationMember(user: command.actor, role: .owner, joining: record)]
        records += others.map { ConversationMember(user: $0, role: .member, joining: record) }
        record.memberCount = records.count
        let event = SystemEvent(
            event: .created, actor: command.actor, users: others, name: creation.name,
            description: creation.description.isEmpty ? nil : creation.description)
        return commit(event, command, &record, writing: records, named: others.map { ($0, .added) })
    }

    /// The same group again changes nothing; a group of somebody else with this id is refused.
    private func createdBefore(
        _ command: GroupCommand, _ others: [UserID], _ record: ConversationRecord
    ) -> GroupOutcome {
        guard record.kind == .group, groupProfile(command.group)?.creator == command.actor else {
            return refused(Refusal(.forbidden, "this group id is taken"), command)
        }
        return unchanged(command, record, named: others.map { ($0, .added) }, seq: Seq(1))
    }

    private mutating func add(
        _ users: [UserID], _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        guard actor.isMember else { return refused(.notMember, command) }
        guard stored.settings.lets(actor, stored.settings.addMembers) else {
            return refused(.mayNotAdd, command)
        }
        var record = stored
        var added: [ConversationMember] = []
        var named: [(UserID, MemberResult)] = []
        for user in users.unique {
            let former = member(user, of: command.group, stored)
            let isMember = former?.isMember == true
            named.append((user, isMember ? .already : .added))
            if !isMember {
                added.append(ConversationMember(user: user, role: .member, joining: record, after: former))
            }
        }
        if added.isEmpty { return unchanged(command, record, named: named) }
        guard record.memberCount + added.count <= command.membersMax else {
            return refused(.tooManyMembers(max: command.membersMax), command)
        }
        record.memberCount += added.count
        forgetRequests(of: added.map(\.user), command.group)
        let event = SystemEvent(event: .added, actor: command.actor, users: added.map(\.user))
        return commit(event, command, &record, writing: added, named: named)
    }

    private mutating func remove(
        _ user: UserID, _ actor: ConversationMember, _ command: GroupCommand, _ stored: ConversationRecord
    ) -> GroupOutcome {
        if let refusal = adminRefusal(actor) { return refused(refusal, command) }
        guard var target = member(user, of: command.group, stored) else {
            return refused(.noSuchMember, command)
        }
        if !target.isMember { return unchanged(command, stored) }
        if target.role == .owner { return refused(.ownerStays, command) }
        var record = stored
        record.memberCount -= 1
        // The last thing it sees is its own removal (guarantee G8).
        target.leftSeq = record.head.next
        let event = SystemEvent(event: .removed, actor: command.actor, users: [user])
        return commit(event, command, &record, writing: [target])
    }

    // MARK: What all changes share

    /// Writes the system message and the members: a change is one seq, one rev and one epoch.
    mutating func commit(
        _ event: SystemEvent, _ command: GroupCommand, _ record: inout ConversationRecord,
        writing members: [ConversationMember], named: [(UserID, MemberResult)] = []
    ) -> GroupOutcome {
        record.memberEpoch += 1
        #if MUTANTS
        if Mutant.active == .systemCounted { record.ordinal = record.ordinal.next }
        #endif
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

    func adminRefusal(_ actor: ConversationMember) -> Refusal? {
        if !actor.isMember { return .notMember }
        return actor.isAdmin ? nil : .adminsOnly
    }

    func refused(_ refusal: Refusal, _ command: GroupCommand) -> GroupOutcome {
        GroupOutcome(command: command, result: .failure(refusal), members: [], change: nil)
    }

    func unchanged(
        _ command: GroupCommand, _ record: ConversationRecord, named: [(UserID, MemberResult)] = [],
        seq: Seq? = nil, invite: GroupInvite? = nil, isPending: Bool = false
    ) -> GroupOutcome {
        let members = named.map { user, result in
            let role = member(user, of: command.group, record)?.role ?? .member
            return GroupResult.Member(user: user, role: role, result: result)
        }
        let result = GroupResult(
            group: command.group, name: record.name, seq: seq ?? record.head, members: members,
            invite: invite, isPending: isPending)
        return GroupOutcome(command: command, result: .success(result), members: [], change: nil)
    }
}

extension ConversationMember {
    /// A member who joins with the next change of `record`. Whoever comes back begins anew: what passed
    /// meanwhile it sees only where the group shows its history. What it deleted for itself stays deleted.
    init(
        user: UserID, role: GroupRole, joining record: ConversationRecord, after former: Self? = nil
    ) {
        self.init(
            user: user, role: role, joinedSeq: record.head.next, joinedEpoch: record.memberEpoch + 1,
            markOrdinal: record.ordinal)
        cleared = former?.cleared ?? .zero
        firstVisible = max(record.settings.history.first(joining: joinedSeq), cleared.next)
        hiddenCount = former?.hiddenCount ?? 0
    }
}

extension [UserID] {
    /// Each user once, in the order first named.
    var unique: [UserID] {
        var seen = Set<UserID>()
        return filter { seen.insert($0).inserted }
    }
}
