import ClientSession
import Synchronization
import Vocabulary
import Wire

/// The rate limits that all connections and requests of one user on this node share.
final class UserBuckets: Sendable {
    private struct Buckets: Sendable {
        var sends: TokenBucket
        var others: TokenBucket
    }
    private let limits: Limits
    private let users = Mutex(Generations<UserID, Buckets>(limit: 100_000))

    init(limits: Limits) { self.limits = limits }

    /// Takes a token for a send; the refusal when there is none.
    func refusalOfSend(_ user: UserID, now: Tick) -> Refusal? {
        take(user, now: now, perSecond: limits.sendRatePerSecond) { [limits] in
            $0.sends.take(burst: limits.sendBurst, perSecond: limits.sendRatePerSecond, now: now)
        }
    }

    /// Takes a token for any other request.
    func refusalOfRequest(_ user: UserID, now: Tick) -> Refusal? {
        take(user, now: now, perSecond: limits.frameRatePerSecond) { [limits] in
            $0.others.take(burst: limits.frameBurst, perSecond: limits.frameRatePerSecond, now: now)
        }
    }

    private func take(
        _ user: UserID, now: Tick, perSecond: Int, _ bucket: (inout Buckets) -> UInt64?
    ) -> Refusal? {
        let retryAfter = users.withLock { users in
            var buckets =
                users[user]
                ?? Buckets(
                    sends: TokenBucket(burst: limits.sendBurst, now: now),
                    others: TokenBucket(burst: limits.frameBurst, now: now))
            defer { users[user] = buckets }
            return bucket(&buckets)
        }
        return retryAfter.map { ClientSession.rateLimited(retryAfter: $0, perSecond: perSecond) }
    }
}
