import Vocabulary
import Wire

/// Names one operation of one session until its result has come.
package struct OperationToken: Hashable, Sendable {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
}

/// What a session's shell has to do, in order.
package enum SessionDirective: Hashable, Sendable {
    /// Write one text frame.
    case write([UInt8])
    /// Write an `error` frame, and count it.
    case refuse(RefusedFrame)
    /// Carry out an operation and hand its result back under the token.
    case perform(Operation, OperationToken)
    /// Carry out an operation whose result nobody waits for.
    case performAndForget(Operation)
    /// Read on from the socket, or stop: too many sends wait for their answers, or the client does not read.
    case read(Bool)
    /// Tell the user's partition whether this device counts as online.
    case foreground(Bool)
    /// Close with a code of the client protocol; nothing follows.
    case close(code: UInt16, reason: String)
}

/// The close codes of the client protocol, and the two of RFC 6455 that this server sends.
package enum CloseCode {
    package static let goingAway: UInt16 = 1001
    package static let tooBig: UInt16 = 1009
    package static let draining: UInt16 = 4000
    package static let replaced: UInt16 = 4001
    package static let tokenExpired: UInt16 = 4002
    package static let revoked: UInt16 = 4003
    package static let rateLimitAbuse: UInt16 = 4008
    package static let protocolViolation: UInt16 = 4009
    package static let slowConsumer: UInt16 = 4010
}

/// Who is at the other end of a session.
package struct SessionIdentity: Hashable, Sendable {
    package var user: UserID
    package var device: DeviceID
    package var session: SessionKey
    /// A trusted backend: it may send as other users, and no rate limit applies to it.
    package var isServer: Bool
    /// When the token ends.
    package var expires: Tick
    /// When the token was issued, where it is bound to the device.
    package var boundSince: Timestamp?

    package init(
        user: UserID, device: DeviceID, session: SessionKey, isServer: Bool, expires: Tick,
        boundSince: Timestamp? = nil
    ) {
        self.boundSince = boundSince
        self.user = user
        self.device = device
        self.session = session
        self.isServer = isServer
        self.expires = expires
    }
}

/// The numbers that sessions keep to; one value shared by all of a node, so that an idle session stays small.
package final class SessionRules: Sendable {
    package let limits: Limits
    /// Messages of one page of catch-up, and conversations caught up at once.
    package let pageLimit = 64
    package let catchUpsMax = 4
    /// Receipts and acknowledgements of one session are merged for this long.
    package let mergeMilliseconds: UInt64 = 100
    /// A cursor is written at most this often, and acknowledgements by sending are merged for this long.
    package let cursorMilliseconds: UInt64 = 1_000
    package let cursorMarksMax = 512
    /// Changes of presence are written at most this often, all that came meanwhile together.
    package let presenceMilliseconds: UInt64 = 1_000
    /// Token bucket of typing hints: burst, and per second. More are dropped.
    package let typingBurst = 10
    package let typingRatePerSecond = 3
    /// The pause before something refused for the moment is tried again.
    package let retryMilliseconds: UInt64 = 500
    package let presenceRetryMilliseconds: UInt64 = 5_000
    /// A client that reads nothing for this long is closed.
    package let slowMilliseconds: UInt64 = 60_000
    /// Frames refused one after the other before the socket is closed.
    package let refusedFramesMax = 2_000

    package init(limits: Limits) { self.limits = limits }
}
