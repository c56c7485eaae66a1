import Vocabulary
import Wire

/// The users of one led partition: sessions, what is merged for their inboxes, and what is written down
/// lazily.
///
/// Made when this node's leadership of the partition begins and dropped when it ends. Sessions come back by
/// themselves: `unknownSessions` answers the next refresh, and connections register again.
package struct UserPartition<Home: MachineHome>: Sendable {
    let home: Home
    let limits: Limits
    var users: [UserID: Home.User] = [:]
    var inbox = InboxMerger()
    var acks = AckMerger()
    var snapshots = MemberSnapshots()
    var privacy: PrivacyMachine
    var push: PushMachine
    var board: PresenceBoard
    /// Who waits for a user to be committed.
    private var ensuring: [UserID: [UInt64]] = [:]
    /// Who waits for a change of an account.
    var accounts: Set<UInt64> = []
    var erasure = ErasureMachine()
    private var nextAcks: Tick = .zero
    private var nextExpiry: Tick = .zero
    private var nextQueries: Tick = .zero

    package init(partition: PartitionID, limits: Limits, push rules: PushMachine.Rules, home: Home) {
        self.home = home
        push = PushMachine(partition: partition, rules: rules)
        self.limits = limits
        privacy = PrivacyMachine(limits: limits)
        board = PresenceBoard(limits: limits)
    }

    /// Begins: takes up what an earlier leader may not have finished. Call when everything of earlier terms is
    /// applied.
    package mutating func started<View: StateView>(_ reader: ChatReader<View>, now: Tick) {
        privacy.started(reader)
        push.resume(reader, now: now)
    }

    package var userCount: Int { users.count }
    package var pushCount: Int { push.count }
    package var sessionCount: Int { users.values.reduce(0) { $0 + $1.read { $0.sessionCount } } }

    /// Takes an operation on users. Reads, `openSession` among them, want a state that is fresh enough (rule
    /// Q1); the answer to `openSession` is to reach the node before any later push.
    package mutating func handle<View: StateView>(
        _ token: UInt64, _ operation: Operation, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        switch operation {
        case .ensureUser(let user): return ensure(token, user, now, reader)
        case .usersExist(let users): return [.reply(token, .usersExist(users.map { reader.userExists($0) }))]
        case .openSession(let request): return open(token, request, now, reader)
        case .closeSession(let user, let session):
            let directives = users[user]?.change { $0.close(session, now: now) } ?? []
            return [.reply(token, .ok)] + lazily(directives)
        case .refreshSessions(let refreshes): return refresh(token, refreshes, now)
        case .deviceAcks(let batch):
            for ack in batch { acks.acknowledge(ack) }
            return [.reply(token, .ok)]
        case .conversations(let query):
            let page = reader.conversations(query, pending: inbox.rows(of: query.user))
            return [.reply(token, .conversations(page))]
        case .presence(_, let asked):
            return [.reply(token, .presence(asked.map { presence(of: $0, reader) }))]
        case .devices(let user):
            let known = reader.user(user)?.devices.map(\.id) ?? []
            let connected = users[user]?.read { $0.devices(known: known) }
            return [
                .reply(token, .devices(connected ?? known.map { DeviceLocation(device: $0, node: nil) }))
            ]
        case .mayAdd(let actor, let asked):
            return [.reply(token, .mayAdd(asked.map { reader.mayAdd($0, by: actor) }))]
        case .account(let request): return account(token, request, now, reader)
        case .privacy(let request): return privacy.handle(token, request, now: now, reader: reader)
        case .presenceOf(let queries, let viewer):
            return [
                .reply(
                    token,
                    .presence(
                        queries.map {
                            reader.shown(presence(of: $0.user, reader), to: viewer, $0.sight)
                        }))
            ]
        case .watchPresence(let watches):
            let states = states(reader)
            let pushes = board.watch(watches, now: now.tick, states: states, reader: reader)
            return [.reply(token, .ok)] + pushes
        default:
            preconditionFailure("operation of a conversation's partition at a user's: \(operation)")
        }
    }

    private mutating func ensure<View: StateView>(
        _ token: UInt64, _ user: UserID, _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        if reader.userExists(user) { return [.reply(token, .ok)] }
        if reader.isErased(user) { return [.reply(token, .refused(.accountErased))] }
        let isProposed = ensuring[user] != nil
        ensuring[user, default: []].append(token)
        return isProposed ? [] : [.propose(.ensureUsers([user], at: now.wall))]
    }

    package var hasCopies: Bool { privacy.hasCopies }

    /// Copies of flags to send to their conversations now; ask after every batch of outcomes.
    package mutating func takeCopies<View: StateView>(
        now: Tick, reader: ChatReader<View>
    ) -> [MemberFlagsUpdate] { privacy.takeCopies(now: now, reader: reader) }

    /// Conversations have committed these copies.
    package mutating func delivered(_ updates: [MemberFlagsUpdate]) -> [ChatDirective] {
        privacy.delivered(updates)
    }

    /// One command was applied, whoever proposed it.
    package mutating func applied<View: StateView>(
        _ outcome: CommandOutcome, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        switch outcome {
        case .usersEnsured(let ensured):
            return ensured.flatMap { ensuring.removeValue(forKey: $0) ?? [] }.map { .reply($0, .ok) }
        case .deviceRegistered(let user, let device, let evicted):
            acks.forget(evicted, of: user)
            let pending = inbox.rows(of: user)
            let positions = positions(of: user, reader)
            let directives = users[user]?.change {
                $0.deviceRegistered(
                    device, evicted: evicted, now: now, reader: reader, pending: pending,
                    positions: positions)
            }
            return lazily(directives ?? [])
        case .inbox(let rows):
            let pushes = rows.flatMap { row in users[row.user]?.read { $0.committed(row) } ?? [] }
            for row in rows {
                privacy.owe(row.flagsDue)
                push.note(row.pushes.map { PushKey(user: row.user, conversation: $0) }, now: now.tick)
            }
            return pushes.merged + inbox.committed().map { .acknowledge($0) }
        case .deviceAcks:
            acks.committed()
            return []
        case .account(let outcome): return applied(outcome, now)
        case .privacy(let outcome): return changed(outcome, now)
        case .pushed(let marks, let left):
            push.applied(marks, left: left, now: now.tick)
            return []
        case .message, .receipts, .group, .fanoutProgressed, .lastSeen, .messageChanged, .messagesExpired,
            .disappearingSet, .memberFlags, .memberErased, .cleared, .forgotten:
            return []
        }
    }

    private mutating func changed(_ outcome: PrivacyOutcome, _ now: Moment) -> [ChatDirective] {
        var directives = privacy.applied(
            outcome, pending: outcome.user.map { inbox.rows(of: $0) } ?? [], now: now)
        if outcome.isChange, let user = outcome.user {
            board.changed(user)
            directives += (users[user]?.read { $0.tell(.privacyChanged) } ?? []).merged
        }
        return directives
    }

    /// A command was not proposed after all.
    package mutating func refused(_ command: Command, _ refusal: Refusal, now: Tick) -> [ChatDirective] {
        switch command {
        case .ensureUsers(let users, _):
            return users.flatMap { ensuring.removeValue(forKey: $0) ?? [] }
                .map { .reply($0, .refused(refusal)) }
        case .registerDevice(let registration):
            return users[registration.user]?.change { $0.refused(registration.device, refusal) } ?? []
        case .inboxBatch:
            inbox.refused()
            return []
        case .deviceAcks(let batch):
            acks.refused(batch)
            return []
        case .lastSeen(let marks):
            for mark in marks { acks.see(mark) }
            return []
        case .account(let command):
            accounts.remove(command.token)
            return [.reply(command.token, .refused(refusal))]
        case .privacy(let command): return privacy.refused(command, refusal)
        case .pushed(let marks):
            push.refused(marks, now: now)
            return []
        default: return []
        }
    }

    /// Does what is due; call every 50 ms or so.
    ///
    /// - Parameter isQuiet: whether a user's quiet hours are on; time zones are the caller's.
    package mutating func tick<View: StateView>(
        now: Moment, reader: ChatReader<View>, isQuiet: (QuietHours, Timestamp) -> Bool
    ) -> [ChatDirective] {
        var directives: [ChatDirective] = []
        if board.isDue(now.tick) {
            directives += board.tick(now: now.tick, states: states(reader), reader: reader)
        }
        directives += takePushes(now, reader, isQuiet)
        if let updates = inbox.takeBatch(now: now.tick) { directives.append(.propose(.inboxBatch(updates))) }
        if now.tick >= nextQueries {
            nextQueries = now.tick + 1_000
            directives += snapshots.tick(now: now.tick).map { .askMembers($0) }
        }
        if now.tick >= nextExpiry {
            nextExpiry = now.tick + 1_000
            directives += erasure.take(now: now.tick, reader: reader)
            for user in users.keys.sorted() { directives += expire(user, now) }
            directives += privacy.tick(now: now.tick)
        }
        if now.tick >= nextAcks {
            nextAcks = now.tick + 250
            directives += acks.takeCommands(now: now.wall).map { .propose($0) }
        }
        return directives
    }

    /// A conversation's answer to `ChatDirective.eraseMember`.
    package mutating func erased(
        _ request: EraseMemberRequest, _ result: OperationResult, now: Moment
    ) -> [ChatDirective] {
        erasure.answered(request, result, now: now)
    }

    /// Leadership ends: everybody who waits is answered.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        var tokens = ensuring.values.flatMap { $0 } + accounts
        accounts = []
        tokens.sort()
        ensuring = [:]
        var directives: [ChatDirective] = tokens.map { .reply($0, .refused(refusal)) }
        for user in users.keys.sorted() { directives += users[user]?.change { $0.abandon(refusal) } ?? [] }
        return directives + privacy.abandon(refusal)
    }

    /// Merges what may be written down later, and passes the rest on.
    mutating func lazily(_ directives: [ChatDirective]) -> [ChatDirective] {
        directives.filter { directive in
            switch directive {
            case .seen(let mark):
                acks.see(mark)
                return false
            case .covered(let version):
                acks.cover(version)
                return false
            case .presenceChanged(let user):
                board.changed(user)
                return false
            default: return true
            }
        }
    }
}
