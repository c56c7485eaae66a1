import Vocabulary
import Wire

/// One user this client watches.
struct WatchedUser: Sendable {
    var user: UserID
    /// What the client was told last; `nil` while it is owed the first answer.
    var told: PresenceState?
    /// What it is to be told when it is due.
    var news: PresenceState?
}

extension ClientSession {
    /// One `presence` each at once, then on change: both come as pushes of the users' leaders.
    mutating func subscribe(_ users: [UserID], ref: String?, out: inout [SessionDirective]) {
        let new = users.filter { user in !watched.contains { $0.user == user } }
        let max = rules.limits.presenceSubscriptionsMax
        guard watched.count + new.count <= max else {
            let refusal = Refusal(
                .invalidRequest, "more than \(max) presence subscriptions",
                details: [.init("max", .number(Int64(max)))])
            return out.append(.refuse(RefusedFrame(refusal: refusal, ref: ref)))
        }
        for entry in watched where users.contains(entry.user) {
            // Asked once more: the answer is known.
            if let told = entry.told { out.append(.write(ServerFrame.presence(told))) }
        }
        guard !new.isEmpty else { return }
        watched += new.map { WatchedUser(user: $0) }
        perform(.subscribePresence(subscription(new)), .presence(new), out: &out)
    }

    mutating func unsubscribe(_ users: [UserID], out: inout [SessionDirective]) {
        let gone = watched.map(\.user).filter { users.contains($0) }
        guard !gone.isEmpty else { return }
        watched.removeAll { gone.contains($0.user) }
        if watched.isEmpty {
            presenceDue = nil
            presenceRetryAt = nil
        }
        out.append(.performAndForget(.subscribePresence(subscription(gone, isEnd: true))))
    }

    /// What this user may see of others has changed, or may have.
    mutating func subscribeAgain(out: inout [SessionDirective]) {
        guard !watched.isEmpty else { return }
        presenceRetryAt = nil
        let users = watched.map(\.user)
        perform(.subscribePresence(subscription(users)), .presence(users), out: &out)
    }

    private func subscription(_ users: [UserID], isEnd: Bool = false) -> PresenceSubscription {
        PresenceSubscription(
            session: identity.session, viewer: identity.user, users: users, isEnd: isEnd)
    }

    /// An answer is owed all the same: who cannot be asked about now is not seen, until its leader tells. It may know
    /// nothing of this session yet, so it is asked again.
    mutating func subscribed(
        _ users: [UserID], _ result: OperationResult, now: Tick, out: inout [SessionDirective]
    ) {
        guard case .refused(let refusal) = result else { return }
        if Self.isPassing(refusal.code), !watched.isEmpty {
            presenceRetryAt = now + rules.presenceRetryMilliseconds
        }
        for place in watched.indices where users.contains(watched[place].user) && watched[place].told == nil {
            let unknown = PresenceState(user: watched[place].user, online: false, lastSeen: nil)
            watched[place].told = unknown
            out.append(.write(ServerFrame.presence(unknown)))
        }
    }

    /// A watched user's leader tells its state.
    mutating func presence(_ state: PresenceState, now: Tick, out: inout [SessionDirective]) {
        guard let place = watched.firstIndex(where: { $0.user == state.user }) else { return }
        if watched[place].told == nil {
            watched[place].told = state
            return out.append(.write(ServerFrame.presence(state)))
        }
        watched[place].news = state
        if presenceDue == nil {
            let due = presenceWrittenAt.map { max(now, $0 + rules.presenceMilliseconds) } ?? now
            presenceDue = due
            if due <= now { writePresence(now: now, out: &out) }
        }
    }

    /// Writes the changes that waited; one that was taken back in between is none.
    mutating func writePresence(now: Tick, out: inout [SessionDirective]) {
        presenceDue = nil
        if unwritableSince != nil {
            presenceDue = now + rules.presenceMilliseconds
            return
        }
        for place in watched.indices {
            guard let news = watched[place].news else { continue }
            watched[place].news = nil
            let told = watched[place].told
            watched[place].told = news
            guard told?.differs(from: news) ?? true else { continue }
            presenceWrittenAt = now
            out.append(.write(ServerFrame.presence(news)))
        }
    }

    /// Passed on as a hint; a client that says it too often is not heard, and learns nothing of it.
    mutating func typing(
        _ conversation: ConversationID, _ isTyping: Bool, now: Tick, out: inout [SessionDirective]
    ) {
        let retryAfter = typingBucket.take(
            burst: rules.typingBurst, perSecond: rules.typingRatePerSecond, now: now)
        guard retryAfter == nil || identity.isServer else { return }
        let request = TypingRequest(
            conversation: conversation, user: identity.user, isTyping: isTyping)
        out.append(.performAndForget(.typing(request)))
    }
}
