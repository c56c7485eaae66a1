import NIOConcurrencyHelpers
import Vocabulary
import Wire

/// Ends this process when the cluster holds another one for this node (rule M4): a data directory was copied, and
/// only one of the two may speak.
///
/// A newer process ends this one at once. "Two processes with one identity" may be the echo of this node's own last
/// process, whose connections are not closed yet, so it must be heard for some seconds.
final class Fence: Sendable {
    private static let patienceMilliseconds: UInt64 = 3_000

    private let clock: NodeClock
    private let end: @Sendable (NodeFailure) -> Void
    private let since = NIOLockedValueBox<[NodeID: Tick]>([:])

    /// - Parameter end: called perhaps more than once.
    init(clock: NodeClock, end: @escaping @Sendable (NodeFailure) -> Void) {
        self.clock = clock
        self.end = end
    }

    func refused(by peer: NodeID, _ refusal: HandshakeRefusal) {
        switch refusal {
        case .staleBoot: superseded()
        case .duplicateNode:
            let now = clock.tick()
            let first = since.withLockedValue { since in
                let first = since[peer] ?? now
                since[peer] = first
                return first
            }
            if now.since(first) >= Self.patienceMilliseconds { end(.fenced(refusal.reason)) }
        default: break
        }
    }

    func admitted(by peer: NodeID) { _ = since.withLockedValue { $0.removeValue(forKey: peer) } }

    func superseded() { end(.fenced(HandshakeRefusal.staleBoot.reason)) }
}
