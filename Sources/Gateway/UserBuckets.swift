import ClientSession
import Synchronization
import Vocabulary
import Wire

/// The rate limits that all connections and requests of one user or device on this node share. Sends, edits and
/// reactions count as sends. Each node counts for itself; a group's limit is kept by its leader.
final class UserBuckets: Sendable {
    private struct Buckets: Sendable {
        var sends: TokenBucket
        var others: TokenBucket
    }

    private struct Device: Hashable, Sendable {
        var user: UserID
        var device: DeviceID
    }

    private let limits: Limits
    private let users = Mutex(Generations<UserID, Buckets>(limit: 100_000))
    private let devices = Mutex(Generations<Device, TokenBucket>(limit: 100_000))

    init(limits: Limits) { self.limits = limits }

    /// Takes a token for a send; the refusal when there is none.
    ///
    /// - Parameter device: where the request names one and no connection keeps a bucket for it.
    func refusalOfSend(_ user: UserID, device: DeviceID? = nil, now: Tick) -> Refusal? {
        if let device, let refusal = refusalOfSend(of: Device(user: user, device: device), now: now) {
            return refusal
        }
        return take(user, now: now, perSecond: limits.sendRatePerSecond) { [limits] in
            $0.sends.take(burst: limits.sendBurst, perSecond: limits.sendRatePerSecond, now: now)
        }
    }

    private func refusalOfSend(of device: Device, now: Tick) -> Refusal? {
        let (burst, rate) = (limits.sendBurst, limits.sendRatePerSecond)
        let retryAfter = devices.withLock { devices in
            var bucket = devices[device] ?? TokenBucket(burst: burst, now: now)
            defer { devices[device] = bucket }
            return bucket.take(burst: burst, perSecond: rate, now: now)
        }
        return retryAfter.map { ClientSession.rateLimited(retryAfter: $0, perSecond: rate) }
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
