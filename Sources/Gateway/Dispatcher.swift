import NIOCore
import Vocabulary
import Wire

/// The cluster, as the client port sees it: the one port of this target, implemented by the node.
///
/// Everything may be called from any thread. Operations handed over from one event loop for one conversation are
/// carried out in the order of the calls, so that the pipelined sends of a connection keep their order.
package protocol Dispatcher: AnyObject, Sendable {
    var nodeID: NodeID { get }

    /// False until every partition led here serves; new connections and requests then get 503 `unavailable`.
    var isReady: Bool { get }

    /// True while the node leaves service; new upgrades then get 503 `draining`.
    var isDraining: Bool { get }

    /// `ws://` or `wss://` URLs of other nodes, for clients of a node that leaves service.
    var reconnectTargets: [String] { get }

    /// A number no session of this node had before: the boot epoch above, a counter below.
    func nextSessionNumber() -> UInt64

    /// Routes to the leader of the operation's partition, holding and retrying for up to `sendHoldMilliseconds`.
    ///
    /// `completion` runs on `loop`, exactly once, with the result of the operation's kind or `.refused`; it may run
    /// before this call returns when the caller is on `loop`. Users of `.presence` may be of any partitions.
    func perform(
        _ operation: Operation, on loop: any EventLoop,
        completion: @escaping @Sendable (OperationResult) -> Void)

    /// Makes pushes for this session reach its sink. Called before its `.openSession` is performed. The node keeps
    /// the session registered with the leader of its user's partition by `.refreshSessions`.
    func attach(_ registration: SessionRegistration)

    /// The session is in the foreground and heard from, or is not: what its next refresh says. The node sends a
    /// refresh at once when this changes, so that presence follows.
    func update(session: UInt64, foreground: Bool)

    /// The session's socket is gone. Its `.closeSession` was performed before.
    func detach(session: UInt64)
}

/// What the node must know of a session to refresh it and to push to it.
package struct SessionRegistration: Sendable {
    package let user: UserID
    package let device: DeviceID
    package let session: SessionKey
    /// The event loop of the sink; every call of the sink is made on it.
    package let loop: any EventLoop
    package let sink: any SessionSink

    package init(
        user: UserID, device: DeviceID, session: SessionKey, loop: any EventLoop, sink: any SessionSink
    ) {
        self.user = user
        self.device = device
        self.session = session
        self.loop = loop
        self.sink = sink
    }
}

/// One session's end of the pushes; every method is called on the sink's loop and returns at once.
package protocol SessionSink: AnyObject, Sendable {
    /// Events in the order in which they were pushed.
    func receive(_ pushes: [SessionDelivery])

    /// The leader of the user's partition changed, or does not know this session: it opens itself again with
    /// `isRenewal` and its own cursor.
    func renew()

    /// Ends the session with a close code of the client protocol.
    func close(code: UInt16, reason: String)
}

/// One event for one session.
package struct SessionDelivery: Sendable {
    /// `SessionPush.Addressee.position` of this session.
    package let position: ConversationPosition
    /// Encoded once, shared by all sessions of this node that get it.
    package let event: PushedEvent

    package init(position: ConversationPosition, event: PushedEvent) {
        self.position = position
        self.event = event
    }
}
