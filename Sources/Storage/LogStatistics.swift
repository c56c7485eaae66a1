import Vocabulary

/// How many calls took how long.
package struct LatencyHistogram: Hashable, Sendable {
    /// Upper bounds of the buckets, in microseconds; one more bucket holds what is slower.
    package static let boundsMicroseconds: [UInt64] = [
        100, 200, 300, 500, 750, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000,
    ]

    /// Calls per bucket, not cumulative.
    package private(set) var counts = [UInt64](repeating: 0, count: boundsMicroseconds.count + 1)
    package private(set) var count: UInt64 = 0
    package private(set) var totalMicroseconds: UInt64 = 0
    package private(set) var maxMicroseconds: UInt64 = 0

    package init() {}

    package mutating func record(microseconds: UInt64) {
        counts[Self.boundsMicroseconds.firstIndex { microseconds <= $0 } ?? counts.count - 1] += 1
        count += 1
        totalMicroseconds += microseconds
        maxMicroseconds = max(maxMicroseconds, microseconds)
    }

    /// The upper bound of the bucket that holds the given share (0...1) of all calls; zero without calls.
    package func quantileMicroseconds(_ share: Double) -> UInt64 {
        let wanted = UInt64((Double(count) * share).rounded(.up))
        var seen: UInt64 = 0
        for (bucket, calls) in counts.enumerated() where count > 0 {
            seen += calls
            guard seen >= wanted else { continue }
            return bucket < Self.boundsMicroseconds.count ? Self.boundsMicroseconds[bucket] : maxMicroseconds
        }
        return 0
    }
}

/// What the log did since it was opened and how large it is now.
package struct LogStatistics: Hashable, Sendable {
    /// Duration of one write with its sync.
    package var sync = LatencyHistogram()
    package var bytes: UInt64 = 0
    package var batches: UInt64 = 0
    package var items: UInt64 = 0
    /// Segments that hold records, and their bytes on disk.
    package var segments = 0
    package var totalBytes = 0

    package init() {}
}
