import Synchronization

/// Counts up; any thread, one atomic addition.
package final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)
    package init() {}
    package func add(_ amount: Int = 1) { count.wrappingAdd(UInt64(amount), ordering: .relaxed) }
    package var value: UInt64 { count.load(ordering: .relaxed) }
    /// Overwrites: for totals that are kept elsewhere.
    package func set(_ value: UInt64) { count.store(value, ordering: .relaxed) }
}

/// A value that goes up and down; any thread.
package final class Gauge: Sendable {
    private let level = Atomic<Int64>(0)
    package init() {}
    package func set(_ value: Int) { level.store(Int64(value), ordering: .relaxed) }
    package func add(_ amount: Int) { level.wrappingAdd(Int64(amount), ordering: .relaxed) }
    package var value: Int64 { level.load(ordering: .relaxed) }
}

/// Counters by one label: few values, rarely new, behind one lock.
package final class LabelledCounter: Sendable {
    private let counts = Mutex<[String: UInt64]>([:])
    package init() {}
    package func add(_ label: String, _ amount: Int = 1) {
        counts.withLock { $0[label, default: 0] += UInt64(amount) }
    }
    /// Overwrites: for totals that are kept elsewhere.
    package func set(_ label: String, _ value: UInt64) { counts.withLock { $0[label] = value } }
    /// By label, sorted.
    package var values: [(label: String, value: UInt64)] {
        counts.withLock { $0.sorted { $0.key < $1.key }.map { (label: $0.key, value: $0.value) } }
    }
}

/// Counts observations in fixed buckets; any thread, two atomic additions and a short search.
package final class Histogram: Sendable {
    private final class Cell: Sendable {
        let count = Atomic<UInt64>(0)
    }

    /// Upper bounds, ascending, in the unit of the observations; one more bucket takes the rest.
    package let bounds: [UInt64]
    private let cells: [Cell]
    private let total = Atomic<UInt64>(0)

    package init(bounds: [UInt64]) {
        self.bounds = bounds
        cells = (0...bounds.count).map { _ in Cell() }
    }

    /// Microseconds from 100 to 10 s.
    package static func microseconds() -> Histogram {
        Histogram(bounds: [
            100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
            2_500_000, 5_000_000, 10_000_000,
        ])
    }

    /// Powers of four from 1 to 2^30: sizes and counts.
    package static func sizes() -> Histogram {
        Histogram(bounds: (0...15).map { 1 << (2 * $0) })
    }

    package func observe(_ value: UInt64) {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        cells[low].count.wrappingAdd(1, ordering: .relaxed)
        total.wrappingAdd(value, ordering: .relaxed)
    }

    /// Observations per bucket, not cumulative; the last is above every bound.
    package var counts: [UInt64] { cells.map { $0.count.load(ordering: .relaxed) } }
    package var sum: UInt64 { total.load(ordering: .relaxed) }
    package var count: UInt64 { counts.reduce(0, +) }

    /// The value below which a share of the observations lie, interpolated inside its bucket.
    package func quantile(_ share: Double) -> UInt64 {
        let counts = counts
        let total = counts.reduce(0, +)
        guard total > 0 else { return 0 }
        let wanted = share * Double(total)
        var passed = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            if passed + Double(count) >= wanted {
                guard index < bounds.count else { return bounds.last ?? 0 }
                let lower = index == 0 ? 0 : bounds[index - 1]
                let inside = max(0, wanted - passed) / Double(count)
                return lower + UInt64(Double(bounds[index] - lower) * inside)
            }
            passed += Double(count)
        }
        return bounds.last ?? 0
    }
}
