import Vocabulary
import Wire

/// One active group on its leader: proposes its changes, answers them, and keeps the members for fan-out. Who may do what is judged by the log.
package struct GroupMachine: Sendable {
    package let group: ConversationID
    private let limits: Limits
    private var roster: GroupRoster?
    /// Requests in flight; equal ones in the order they were proposed.
    private var waiting: [GroupRequest: [Waiting]] = [:]
    private var lastUsed: Tick

    private struct Waiting: Sendable {
        var token: UInt64
        var missing: [UserID]
    }

    package init(group: ConversationID, limits: Limits, now: Tick) {
        self.group = group
        self.limits = limits
        lastUsed = now
    }

    /// Takes a request.
    ///
    /// - Parameter missing: users named in it who do not exist; they are answered with `not_found`.
    package mutating func handle<View: StateView>(
        _ token: UInt64, _ request: GroupRequest, missing: [UserID], now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        lastUsed = now.tick
        if let refusal = request.change.refusal(limits) { return [.reply(token, .refused(refusal))] }
        let command = GroupCommand(
            group: group, actor: request.actor, change: request.change.without(Set(missing)),
            membersMax: limits.groupMembersMax, at: now.wall)
        let key = GroupRequest(group: group, actor: request.actor, change: command.change)
        waiting[key, default: []].append(Waiting(token: token, missing: missing))
        return [.propose(.changeGroup(command))]
    }

    /// A change was applied, whoever proposed it.
    package mutating func applied(_ outcome: GroupOutcome) -> [ChatDirective] {
        #if MUTANTS
        let isStale = Mutant.active == .rosterStale
        #else
        let isStale = false
        #endif
        if !isStale { roster?.update(outcome.members, epoch: outcome.change?.memberEpoch ?? 0) }
        guard let waiting = take(outcome.command) else { return [] }
        let result = OperationResult(outcome.result) { result in
            var result = result
            result.members += waiting.missing.unique.map {
                GroupResult.Member(user: $0, role: .member, result: .notFound)
            }
            return .group(result)
        }
        return [.reply(waiting.token, result)]
    }

    /// A change was not proposed after all.
    package mutating func refused(_ command: GroupCommand, _ refusal: Refusal) -> [ChatDirective] {
        guard let waiting = take(command) else { return [] }
        return [.reply(waiting.token, .refused(refusal))]
    }

    private mutating func take(_ command: GroupCommand) -> Waiting? {
        let key = GroupRequest(group: group, actor: command.actor, change: command.change)
        guard var queue = waiting[key], !queue.isEmpty else { return nil }
        let first = queue.removeFirst()
        waiting[key] = queue.isEmpty ? nil : queue
        return first
    }

    /// A message or receipt has changed members' own parts.
    package mutating func update(_ change: ConversationChange) {
        #if MUTANTS
        if Mutant.active == .rosterStale { return }
        #endif
        roster?.update(change.members, epoch: change.memberEpoch)
        if let receiver = change.receiver { roster?.update([receiver], epoch: change.memberEpoch) }
    }

    /// The members, read once and kept in step by `applied` and `update`.
    package mutating func roster<View: StateView>(
        reader: ChatReader<View>, partitionCount: Int, now: Tick
    ) -> GroupRoster {
        lastUsed = now
        if let roster { return roster }
        let loaded = GroupRoster(
            reader.members(of: group), epoch: reader.conversation(group)?.memberEpoch ?? 0,
            partitionCount: partitionCount)
        roster = loaded
        return loaded
    }

    /// Answers everybody who waits: this leader does not learn the outcome any more.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        let tokens = waiting.values.flatMap { $0.map(\.token) }.sorted()
        waiting = [:]
        return tokens.map { .reply($0, .refused(refusal)) }
    }

    package func isIdle(now: Tick, after milliseconds: UInt64) -> Bool {
        waiting.isEmpty && now.since(lastUsed) >= milliseconds
    }
}

extension GroupChange {
    /// The change without users who do not exist.
    fileprivate func without(_ missing: Set<UserID>) -> GroupChange {
        switch self {
        case .create(var creation):
            creation.members.removeAll { missing.contains($0) }
            return .create(creation)
        case .add(let users): return .add(users.filter { !missing.contains($0) })
        default: return self
        }
    }

    /// Why no group may be changed like this.
    fileprivate func refusal(_ limits: Limits) -> Refusal? {
        switch self {
        case .create(let creation):
            limits.refusal(ofGroupName: creation.name)
                ?? limits.refusal(ofGroupDescription: creation.description)
        case .edit(let edit):
            edit.name.flatMap { limits.refusal(ofGroupName: $0) }
                ?? edit.description.flatMap { limits.refusal(ofGroupDescription: $0) }
        default: nil
        }
    }
}
