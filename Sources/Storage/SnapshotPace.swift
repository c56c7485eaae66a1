import Vocabulary

/// How fast snapshots leave a shard: moves are to be slower than the traffic they run beside.
///
/// A bucket of at most a twentieth of a second's bytes, so that a loop is never busy with a snapshot for long. One send
/// may overdraw it by a chunk; the next waits until it is full enough again.
package struct SnapshotPace: Sendable {
    package let bytesPerSecond: UInt64
    private var available: Int64
    private var refilled: Tick

    package init(bytesPerSecond: UInt64, now: Tick) {
        self.bytesPerSecond = max(1, bytesPerSecond)
        available = Int64(self.bytesPerSecond / 20)
        refilled = now
    }

    package var isOpen: Bool { available > 0 }

    package mutating func refill(now: Tick) {
        let milliseconds = now.since(refilled)
        guard milliseconds > 0 else { return }
        refilled = now
        let fresh = bytesPerSecond * min(milliseconds, 50) / 1_000
        available = min(Int64(bytesPerSecond / 20), available + Int64(fresh))
    }

    package mutating func spend(_ bytes: Int) { available -= Int64(bytes) }
}
