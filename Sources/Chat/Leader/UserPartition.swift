import Vocabulary
import Wire

/// The users of one led partition: sessions, what is merged for their inboxes, and what is written down
/// lazily.
///
/// Made when this node's leadership of the partition begins and dropped when it ends. Sessions come back by
/// themselves: `unknownSessions` answers the next refresh, and connections register again.
package struct UserPartition: Sendable {
    private let limits: Limits
    private var users: [UserID: UserMachine] = [:]
    private var inbox = InboxMerger()
    private var acks = AckMerger()
    private var snapshots = MemberSnapshots()
    private var privacy: PrivacyMachine
    private var board: PresenceBoard
    /// Who waits for a user to be committed.
    private var ensuring: [UserID: [UInt64]] = [:]
    /// Who waits for a change of an account.
    private var accounts: Set<UInt64> = []
    private var erasure = ErasureMachine()
    private var nextAcks: Tick = .zero
    private var nextExpiry: Tick = .zero
    private var nextQueries: Tick = .zero

    package init(limits: Limits) {
        self.limits = limits
        privacy = PrivacyMachine(limits: limits)
        board = PresenceBoard(limits: limits)
    }

    /// Begins: takes up what an earlier leader may not have finished. Call when everything of earlier terms is
    /// applied.
    package mutating func started<View: StateView>(_ reader: ChatReader<View>) { privacy.started(reader) }

    package var userCount: Int { users.count }
    package var sessionCount: Int { users.values.reduce(0) { $0 + $1.sessionCount } }

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
            let directives = users[user]?.close(session, now: now) ?? []
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
            let machine = users[user] ?? UserMachine(user: user, limits: limits)
            return [.reply(token, .devices(machine.devices(known: known)))]
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

    private mutating func account<View: StateView>(
        _ token: UInt64, _ request: AccountRequest, _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        let user = request.user
        let inbox = inbox
        let command = AccountCommand(request, token: token, at: now.wall) { inbox.row(of: user, in: $0) }
        if let command {
            accounts.insert(token)
            return [.propose(.account(command))]
        }
        let machine = users[user]
        let result = reader.answer(request, pending: inbox.rows(of: user)) { devices in
            machine?.connected(devices, now: now.wall) ?? devices
        }
        return [.reply(token, result)]
    }

    private mutating func applied(_ outcome: AccountOutcome, _ now: Moment) -> [ChatDirective] {
        acks.forget(outcome.revoked, of: outcome.user)
        if outcome.isErased { erasure.noted() }
        let answer: [ChatDirective] =
            accounts.remove(outcome.token) == nil
            ? [] : [.reply(outcome.token, OperationResult(outcome.result) { .account($0) })]
        return answer + lazily(users[outcome.user]?.applied(outcome, now: now) ?? [])
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

    private mutating func open<View: StateView>(
        _ token: UInt64, _ request: OpenSession, _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        let user = request.user
        let pending = inbox.rows(of: user)
        let positions = positions(of: user, reader)
        let directives = users[user, default: UserMachine(user: user, limits: limits)].open(
            token, request, now: now, reader: reader, pending: pending, positions: positions)
        return lazily(directives)
    }

    private mutating func refresh(
        _ token: UInt64, _ refreshes: [SessionRefresh], _ now: Moment
    ) -> [ChatDirective] {
        var unknown: [SessionKey] = []
        for refresh in refreshes {
            let (isKnown, directives) = users[refresh.user]?.refresh(refresh, now: now) ?? (false, [])
            if !isKnown { unknown.append(refresh.session) }
            _ = lazily(directives)
        }
        return [.reply(token, .unknownSessions(unknown))]
    }

    private func states<View: StateView>(_ reader: ChatReader<View>) -> PresenceBoard.States {
        let (users, acks) = (users, acks)
        return { user in
            let committed = acks.lastSeen(user) ?? reader.lastSeen(user)
            return users[user]?.presence(lastSeen: committed)
                ?? PresenceState(user: user, online: false, lastSeen: committed)
        }
    }

    private func presence<View: StateView>(of user: UserID, _ reader: ChatReader<View>) -> PresenceState {
        let committed = acks.lastSeen(user) ?? reader.lastSeen(user)
        return users[user]?.presence(lastSeen: committed)
            ?? PresenceState(user: user, online: false, lastSeen: committed)
    }

    /// Takes an item of fan-out: live sessions at once, rows for the next batch.
    package mutating func received<View: StateView>(
        _ item: FanoutItem, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        var query: MemberQuery?
        let expanded = snapshots.expand(item, now: now.tick, query: &query)
        return (expanded.map { take($0, now, reader) } ?? []) + (query.map { [.askMembers($0)] } ?? [])
    }

    /// Takes who the members of a large group are; items have waited for it.
    package mutating func received<View: StateView>(
        _ snapshot: MemberSnapshot, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        var query: MemberQuery?
        let items = snapshots.take(snapshot, now: now.tick, query: &query)
        return items.flatMap { take($0, now, reader) } + (query.map { [.askMembers($0)] } ?? [])
    }

    private mutating func take<View: StateView>(
        _ item: FanoutItem, _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        var pushes: [LivePush] = []
        for target in item.targets {
            // Taken out, so that it is changed in place.
            guard var machine = users.removeValue(forKey: target.user) else { continue }
            pushes += machine.receive(
                item, target, before: row(of: target.user, in: item.conversation, reader),
                positions: positions(of: target.user, reader))
            users[target.user] = machine
        }
        inbox.merge(item, now: now.tick)
        privacy.met(item, reader)
        #if MUTANTS
        if Mutant.active == .rowsAckedEarly {
            let ack = FanoutAck(
                partition: item.partition, conversation: item.conversation, rev: item.rev)
            return pushes.merged + [.acknowledge(ack)]
        }
        #endif
        return pushes.merged
    }

    /// Somebody writes in a conversation of these users: live sessions only, and not past a block.
    package func received<View: StateView>(
        _ item: TypingItem, reader: ChatReader<View>
    ) -> [ChatDirective] {
        item.targets.flatMap { user -> [LivePush] in
            guard let machine = users[user], machine.isOnline, !reader.isBlocked(item.event.user, by: user)
            else { return [] }
            return machine.typing(item.event)
        }.merged
    }

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
            let directives = users[user]?.deviceRegistered(
                device, evicted: evicted, now: now, reader: reader, pending: pending, positions: positions)
            return lazily(directives ?? [])
        case .inbox(let rows):
            let pushes = rows.flatMap { users[$0.user]?.committed($0) ?? [] }
            for row in rows { privacy.owe(row.flagsDue) }
            return pushes.merged + inbox.committed().map { .acknowledge($0) }
        case .deviceAcks:
            acks.committed()
            return []
        case .account(let outcome): return applied(outcome, now)
        case .privacy(let outcome): return changed(outcome, now)
        case .message, .receipts, .group, .fanoutProgressed, .lastSeen, .messageChanged, .messagesExpired,
            .disappearingSet, .pushed, .memberFlags, .memberErased, .cleared:
            return []
        }
    }

    private mutating func changed(_ outcome: PrivacyOutcome, _ now: Moment) -> [ChatDirective] {
        var directives = privacy.applied(
            outcome, pending: outcome.user.map { inbox.rows(of: $0) } ?? [], now: now)
        if outcome.isChange, let user = outcome.user {
            board.changed(user)
            directives += (users[user]?.tell(.privacyChanged) ?? []).merged
        }
        return directives
    }

    /// A command was not proposed after all.
    package mutating func refused(_ command: Command, _ refusal: Refusal) -> [ChatDirective] {
        switch command {
        case .ensureUsers(let users, _):
            return users.flatMap { ensuring.removeValue(forKey: $0) ?? [] }
                .map { .reply($0, .refused(refusal)) }
        case .registerDevice(let registration):
            return users[registration.user]?.refused(registration.device, refusal) ?? []
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
        default: return []
        }
    }

    /// Does what is due; call every 50 ms.
    package mutating func tick<View: StateView>(
        now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        let states = states(reader)
        var directives = board.tick(now: now.tick, states: states, reader: reader)
        directives += erasure.take(now: now.tick, reader: reader)
        if let updates = inbox.takeBatch(now: now.tick) { directives.append(.propose(.inboxBatch(updates))) }
        if now.tick >= nextQueries {
            nextQueries = now.tick + 1_000
            directives += snapshots.tick(now: now.tick).map { .askMembers($0) }
        }
        if now.tick >= nextExpiry {
            nextExpiry = now.tick + 1_000
            for user in users.keys.sorted() { directives += expire(user, now) }
            directives += privacy.tick(now: now.tick)
        }
        if now.tick >= nextAcks {
            nextAcks = now.tick + 500
            directives += acks.takeCommands(now: now.wall).map { .propose($0) }
        }
        return directives
    }

    private mutating func expire(_ user: UserID, _ now: Moment) -> [ChatDirective] {
        let directives = lazily(users[user]?.expire(now: now) ?? [])
        if users[user]?.isIdle == true { users[user] = nil }
        return directives
    }

    /// A conversation's answer to `ChatDirective.eraseMember`.
    package mutating func erased(
        _ request: EraseMemberRequest, _ result: OperationResult, now: Moment
    ) -> [ChatDirective] {
        erasure.answered(request, result, now: now)
    }

    /// A node is gone, or pushes to it were lost: its sessions must register again.
    package mutating func lost(_ node: NodeID, now: Moment) {
        for user in users.keys.sorted() { _ = lazily(users[user]?.lost(node, now: now) ?? []) }
        board.lost(node)
    }

    /// Leadership ends: everybody who waits is answered.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        var tokens = ensuring.values.flatMap { $0 } + accounts
        accounts = []
        tokens.sort()
        ensuring = [:]
        var directives: [ChatDirective] = tokens.map { .reply($0, .refused(refusal)) }
        for user in users.keys.sorted() { directives += users[user]?.abandon(refusal) ?? [] }
        return directives + privacy.abandon(refusal)
    }

    /// Merges what may be written down later, and passes the rest on.
    private mutating func lazily(_ directives: [ChatDirective]) -> [ChatDirective] {
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

    // The closures hold only what they read, never `self`: a copy of it would make every change copy the
    // users.

    private func positions<View: StateView>(
        of user: UserID, _ reader: ChatReader<View>
    ) -> UserMachine.Positions {
        let acks = acks
        return { device, conversation in
            acks.position(
                of: device, of: user, in: conversation,
                committed: reader.position(of: device, of: user, in: conversation))
        }
    }

    /// The user's row, with what is not yet committed.
    private func row<View: StateView>(
        of user: UserID, in conversation: ConversationID, _ reader: ChatReader<View>
    ) -> () -> InboxRow? {
        let inbox = inbox
        return {
            let pending = inbox.row(of: user, in: conversation)
            guard var row = reader.inboxRow(user, conversation) else { return pending }
            if let pending { row.merge(pending) }
            return row
        }
    }
}
