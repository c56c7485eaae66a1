import Foundation
import NIOCore
import Vocabulary

/// The node's clocks: monotonic ticks for the machines, wall time for what people see.
package struct NodeClock: Sendable {
    private let start = NIODeadline.now()

    package init() {}

    /// Milliseconds since this process took the clock; never zero, so that zero can mean never.
    package func tick() -> Tick {
        let elapsed = NIODeadline.now() - start
        return Tick(UInt64(elapsed.nanoseconds / 1_000_000) + 1)
    }

    package func timestamp() -> Timestamp {
        Timestamp(Int64((Date().timeIntervalSince1970 * 1_000).rounded(.down)))
    }
}

/// Ends the process when going on could break a promise (rule D1): the reason goes to standard error first. It is no
/// crash, so nobody is to look for its cause in a backtrace, which takes time and can hang.
func stopProcess(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("martlet: fatal: \(reason)\n".utf8))
    signal(SIGABRT, SIG_DFL)
    abort()
}
