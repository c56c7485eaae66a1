import Vocabulary
import Wire

extension ClientSession {
    /// When `tick` has something to do at the latest.
    package var deadline: Tick {
        var first = min(heardAt + rules.limits.silenceMilliseconds, identity.expires)
        if isForeground { first = min(first, heardAt + rules.limits.presenceMilliseconds) }
        if let flushDue { first = min(first, flushDue) }
        if isSynced, isCursorDirty { first = min(first, cursorDue) }
        if let presenceDue { first = min(first, presenceDue) }
        if let presenceRetryAt { first = min(first, presenceRetryAt) }
        if let unwritableSince { first = min(first, unwritableSince + rules.slowMilliseconds) }
        for retry in retries { first = min(first, retry.at) }
        if case .retrying(let at) = registration { first = min(first, at) }
        return first
    }

    /// Time has passed.
    package mutating func tick(now: Tick, out: inout [SessionDirective]) {
        guard !isClosed else { return }
        if now >= identity.expires {
            return close(code: CloseCode.tokenExpired, reason: "token expired", now: now, out: &out)
        }
        if let unwritableSince, now.since(unwritableSince) >= rules.slowMilliseconds {
            return close(code: CloseCode.slowConsumer, reason: "slow consumer", now: now, out: &out)
        }
        if now.since(heardAt) >= rules.limits.silenceMilliseconds {
            return close(code: CloseCode.goingAway, reason: "no heartbeat", now: now, out: &out)
        }
        updateForeground(now: now, out: &out)
        if case .retrying(let at) = registration, at <= now { register(isRenewal: wasOpened, out: &out) }
        retryCatchUps(now: now, out: &out)
        if let due = presenceDue, due <= now { writePresence(now: now, out: &out) }
        if let due = presenceRetryAt, due <= now { subscribeAgain(out: &out) }
        settle(now: now, out: &out)
        writeCursor(now: now, out: &out)
    }

    /// A batch of inputs has been handled: what was merged over it goes out when it is due.
    package mutating func settle(now: Tick, out: inout [SessionDirective]) {
        if let flushDue, flushDue <= now { flush(now: now, out: &out) }
    }

    /// A WebSocket ping or pong: as good a heartbeat as any frame.
    package mutating func heard(now: Tick, out: inout [SessionDirective]) {
        heardAt = now
        if !isForeground { updateForeground(now: now, out: &out) }
    }

    /// The socket takes more bytes again, or takes no more for now.
    package mutating func writabilityChanged(_ isWritable: Bool, now: Tick, out: inout [SessionDirective]) {
        guard !isClosed else { return }
        if isWritable {
            unwritableSince = nil
            releaseSettings(out: &out)
            startCatchUps(out: &out)
        } else {
            unwritableSince = unwritableSince ?? now
        }
        updateReading(out: &out)
    }
}
