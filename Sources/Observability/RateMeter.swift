import Vocabulary

/// How fast a total grows, over the last ten seconds. A value: its owner samples it about once a second.
package struct RateMeter: Sendable {
    private static let windowMilliseconds: UInt64 = 10_000
    private var samples: [(at: Tick, total: UInt64)] = []

    package init() {}

    package mutating func sample(_ total: UInt64, at now: Tick) {
        samples.append((now, total))
        // One sample older than the window stays: the rate is over at least the window once it is full.
        while samples.count > 2, now.since(samples[1].at) >= RateMeter.windowMilliseconds {
            samples.removeFirst()
        }
    }

    /// Per second; zero until there are two samples.
    package var perSecond: Double {
        guard let first = samples.first, let last = samples.last, last.at > first.at else { return 0 }
        return Double(last.total - first.total) * 1_000 / Double(last.at.since(first.at))
    }
}
