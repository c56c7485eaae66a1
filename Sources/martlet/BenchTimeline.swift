import Foundation
import MartletClient

/// Latencies by the second in which each message was meant to be sent, so that an outage shows where it began.
struct BenchTimeline: Sendable {
    private struct Second: Sendable {
        var sent = BenchHistogram()
        var delivered = BenchHistogram()
    }

    /// A day; what comes later is counted to the last one.
    private static let secondsMax = 86_400
    private var seconds: [Second] = []
    private var start: UInt64 = 0
    private var startMilliseconds: Int64 = 0

    /// The first second begins now, which is `nanoseconds` on the clock of the messages.
    mutating func begin(at nanoseconds: UInt64) {
        start = nanoseconds
        startMilliseconds = WallClock.milliseconds()
    }

    mutating func sent(_ intended: UInt64, _ latency: UInt64) {
        seconds[place(of: intended)].sent.record(latency)
    }

    mutating func delivered(_ intended: UInt64, _ latency: UInt64) {
        seconds[place(of: intended)].delivered.record(latency)
    }

    private mutating func place(of intended: UInt64) -> Int {
        let place = min(Int((max(intended, start) - start) / 1_000_000_000), Self.secondsMax)
        while seconds.count <= place { seconds.append(Second()) }
        return place
    }

    /// One JSON object a second: `at` in milliseconds since 1970, and pairs of a latency in microseconds and a count.
    func write(to path: String) throws {
        let lines = seconds.enumerated().map { index, second in
            BenchValue.object([
                ("at", .count(UInt64(startMilliseconds) + UInt64(index) * 1_000)),
                ("sent", second.sent.pairs), ("delivered", second.delivered.pairs),
            ]).json + "\n"
        }
        try lines.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }
}

extension BenchHistogram {
    fileprivate var pairs: BenchValue {
        .list(buckets.map { .list([.figure(Double($0.upperEdge) / 1e3), .count($0.count)]) })
    }
}
