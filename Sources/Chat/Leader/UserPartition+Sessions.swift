import Vocabulary
import Wire

/// Sessions of users: opened, kept, and what they are told about presence from.
extension UserPartition {
    mutating func open<View: StateView>(
        _ token: UInt64, _ request: OpenSession, _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        let user = request.user
        let pending = inbox.rows(of: user)
        let positions = positions(of: user, reader)
        let (home, limits) = (home, limits)
        let directives = users[user, default: home.house(UserMachine(user: user, limits: limits))].change {
            $0.open(token, request, now: now, reader: reader, pending: pending, positions: positions)
        }
        return lazily(directives)
    }

    mutating func refresh(
        _ token: UInt64, _ refreshes: [SessionRefresh], _ now: Moment
    ) -> [ChatDirective] {
        var unknown: [SessionKey] = []
        for refresh in refreshes {
            let done = users[refresh.user]?.change { $0.refresh(refresh, now: now) }
            if done?.isKnown != true { unknown.append(refresh.session) }
            _ = lazily(done?.1 ?? [])
        }
        return [.reply(token, .unknownSessions(unknown))]
    }

    func states<View: StateView>(_ reader: ChatReader<View>) -> PresenceBoard.States {
        let (users, acks) = (users, acks)
        return { user in
            let committed = acks.lastSeen(user) ?? reader.lastSeen(user)
            return users[user]?.read { $0.presence(lastSeen: committed) }
                ?? PresenceState(user: user, online: false, lastSeen: committed)
        }
    }

    func presence<View: StateView>(of user: UserID, _ reader: ChatReader<View>) -> PresenceState {
        let committed = acks.lastSeen(user) ?? reader.lastSeen(user)
        return users[user]?.read { $0.presence(lastSeen: committed) }
            ?? PresenceState(user: user, online: false, lastSeen: committed)
    }

    mutating func expire(_ user: UserID, _ now: Moment) -> [ChatDirective] {
        let directives = lazily(users[user]?.change { $0.expire(now: now) } ?? [])
        if users[user]?.read({ $0.isIdle }) == true { users[user] = nil }
        return directives
    }

    /// A node is gone, or pushes to it were lost: its sessions must register again.
    package mutating func lost(_ node: NodeID, now: Moment) {
        for user in users.keys.sorted() { _ = lazily(users[user]?.change { $0.lost(node, now: now) } ?? []) }
        board.lost(node)
    }

    // The closures hold only what they read, never `self`: a copy of it would make every change copy the
    // users.

    func positions<View: StateView>(
        of user: UserID, _ reader: ChatReader<View>
    ) -> UserMachine.Positions {
        Self.positions(of: user, acks, reader)
    }

    static func positions<View: StateView>(
        of user: UserID, _ acks: AckMerger, _ reader: ChatReader<View>
    ) -> UserMachine.Positions {
        { device, conversation in
            acks.position(
                of: device, of: user, in: conversation,
                committed: reader.position(of: device, of: user, in: conversation))
        }
    }

    /// The user's row, with what is not yet committed.
    func row<View: StateView>(
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
