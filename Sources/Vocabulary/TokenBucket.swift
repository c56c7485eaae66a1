/// A token bucket in whole thousandths, so that the same calls always give the same answers.
package struct TokenBucket: Hashable, Sendable {
    private var thousandths: UInt64
    private var filledAt: Tick

    /// Full.
    package init(burst: Int, now: Tick) {
        thousandths = UInt64(burst) * 1_000
        filledAt = now
    }

    /// Takes one token, or says in how many milliseconds there will be one.
    package mutating func take(burst: Int, perSecond: Int, now: Tick) -> UInt64? {
        let rate = UInt64(perSecond)
        let full = UInt64(burst) * 1_000
        let elapsed = now.since(filledAt)
        thousandths = rate > 0 && elapsed >= full ? full : min(full, thousandths + elapsed * rate)
        filledAt = max(filledAt, now)
        if thousandths >= 1_000 {
            thousandths -= 1_000
            return nil
        }
        return rate == 0 ? 1_000 : (1_000 - thousandths + rate - 1) / rate
    }
}
