import NIOCore
import Synchronization

/// When an accepted link was last heard. Written by its loop, read by any.
final class LinkPulse: Sendable {
    /// A process that was heard within this time is alive: links carry a heartbeat every 100 ms (rule L1).
    static let freshness = TimeAmount.seconds(1)

    private let last = Atomic<UInt64>(0)

    func beat() { last.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed) }

    var isFresh: Bool {
        let now = NIODeadline.now().uptimeNanoseconds
        let last = last.load(ordering: .relaxed)
        return last > 0 && now < last &+ UInt64(Self.freshness.nanoseconds)
    }
}
