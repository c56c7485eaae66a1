import Vocabulary
import Wire

extension ClientSession {
    /// One `presence` each at once, then on change.
    mutating func subscribe(_ users: [UserID], ref: String?, out: inout [SessionDirective]) {
        let new = users.filter { user in !watched.contains { $0.user == user } }
        let max = rules.limits.presenceSubscriptionsMax
        guard watched.count + new.count <= max else {
            let refusal = Refusal(
                .invalidRequest, "more than \(max) presence subscriptions",
                details: [.init("max", .number(Int64(max)))])
            return out.append(.refuse(RefusedFrame(refusal: refusal, ref: ref)))
        }
        watched += new.map { PresenceState(user: $0, online: false, lastSeen: nil) }
        guard !users.isEmpty else { return }
        perform(
            .presence(viewer: identity.user, users: users), .presence(users, isAnswer: true), out: &out)
    }

    mutating func unsubscribe(_ users: [UserID]) {
        watched.removeAll { users.contains($0.user) }
        if watched.isEmpty { presenceDue = nil }
    }

    mutating func pollPresence(out: inout [SessionDirective]) {
        presenceDue = nil
        let users = watched.map(\.user)
        guard !users.isEmpty else { return }
        perform(.presence(viewer: identity.user, users: users), .presence(users, isAnswer: false), out: &out)
    }

    mutating func presence(
        _ result: OperationResult, of users: [UserID], isAnswer: Bool, now: Tick,
        out: inout [SessionDirective]
    ) {
        if !watched.isEmpty { presenceDue = presenceDue ?? now + rules.presenceMilliseconds }
        guard case .presence(let states) = result else {
            // An answer is owed all the same: who cannot be asked about is not seen.
            guard isAnswer else { return }
            for user in users {
                out.append(
                    .write(ServerFrame.presence(PresenceState(user: user, online: false, lastSeen: nil))))
            }
            return
        }
        for state in states {
            guard let place = watched.firstIndex(where: { $0.user == state.user }) else { continue }
            // A later last_seen alone is no change worth a frame.
            let isChange = watched[place].online != state.online
            watched[place] = state
            if isAnswer || isChange { out.append(.write(ServerFrame.presence(state))) }
        }
    }
}
