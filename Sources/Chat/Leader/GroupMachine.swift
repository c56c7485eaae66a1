import Vocabulary
import Wire

/// One active group on its leader: proposes changes of name and members, answers them, and keeps the members
/// for fan-out. Who may do what is judged by the log.
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
        if case .describe = request.change {
            return [.reply(token, OperationResult(reader.describe(group, for: request.actor)) { .group($0) })]
        }
        if let refusal = nameRefusal(request) { return [.reply(token, .refused(refusal))] }
        let command = GroupCommand(
            group: group, actor: request.actor, change: request.change.command(without: Set(missing)),
            membersMax: limits.groupMembersMax, at: now.wall)
        let key = GroupRequest(group: group, actor: request.actor, change: command.request)
        waiting[key, default: []].append(Waiting(token: token, missing: missing))
        return [.propose(.changeGroup(command))]
    }

    private func nameRefusal(_ request: GroupRequest) -> Refusal? {
        let name: String
        switch request.change {
        case .create(let given, _), .rename(let given): name = given
        default: return nil
        }
        guard !name.isEmpty, name.utf8.count <= limits.groupNameBytesMax else {
            return Refusal(
                .invalidRequest, "a group's name has 1 to \(limits.groupNameBytesMax) bytes",
                details: [
                    RefusalDetail("field", .text("name")),
                    RefusalDetail("max", .number(Int64(limits.groupNameBytesMax))),
                ])
        }
        return nil
    }

    /// A change was applied, whoever proposed it.
    package mutating func applied(_ outcome: GroupOutcome) -> [ChatDirective] {
        roster?.update(outcome.members)
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
        let key = GroupRequest(group: group, actor: command.actor, change: command.request)
        guard var queue = waiting[key], !queue.isEmpty else { return nil }
        let first = queue.removeFirst()
        waiting[key] = queue.isEmpty ? nil : queue
        return first
    }

    /// A message or receipt has changed members' own parts.
    package mutating func update(_ members: [ConversationMember]) { roster?.update(members) }

    /// The members, read once and kept in step by `applied` and `update`.
    package mutating func roster<View: StateView>(
        reader: ChatReader<View>, partitionCount: Int, now: Tick
    ) -> GroupRoster {
        lastUsed = now
        if let roster { return roster }
        let loaded = GroupRoster(reader.members(of: group), partitionCount: partitionCount)
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

extension GroupRequest.Change {
    /// The change as a command, without users who do not exist.
    fileprivate func command(without missing: Set<UserID>) -> GroupCommand.Change {
        switch self {
        case .create(let name, let members):
            .create(name: name, members: members.filter { !missing.contains($0) })
        case .add(let users): .add(users.filter { !missing.contains($0) })
        case .remove(let user): .remove(user)
        case .leave: .leave
        case .rename(let name): .rename(name)
        case .describe: preconditionFailure("a description is no command")
        }
    }
}

extension GroupCommand {
    /// The change as a request: what answers are matched by.
    fileprivate var request: GroupRequest.Change {
        switch change {
        case .create(let name, let members): .create(name: name, members: members)
        case .add(let users): .add(users)
        case .remove(let user): .remove(user)
        case .leave: .leave
        case .rename(let name): .rename(name)
        }
    }
}
