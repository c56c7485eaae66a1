import FoundationEssentials
import NIOCore
import Vocabulary

/// The two clocks of the client port: one for order, one for display.
enum GatewayClock {
    static var tick: Tick { Tick(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    static var wall: Timestamp { Timestamp(Int64(Date().timeIntervalSince1970 * 1_000)) }

    /// The tick at which the wall clock will show `time`.
    static func tick(at time: Timestamp) -> Tick {
        let ahead = max(0, time.milliseconds - wall.milliseconds)
        return tick + UInt64(ahead)
    }
}
