/// Why a call on ``MartletClient`` did not succeed.
public struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is; open to more kinds later.
    public struct Code: Hashable, Sendable {
        private enum Base: Hashable, Sendable {
            case refused, outcomeUnknown, closed, unauthenticated, invalid
        }
        private let base: Base
        private init(_ base: Base) { self.base = base }

        /// The cluster refused; nothing was written. `refusal` says why.
        public static let refused = Code(.refused)
        /// No answer came in time: the message may or may not be there. Sending it again with the same
        /// `clientMessageID` is safe and tells.
        public static let outcomeUnknown = Code(.outcomeUnknown)
        /// The client was closed, by `close()` or for good by the server.
        public static let closed = Code(.closed)
        /// The token was not accepted.
        public static let unauthenticated = Code(.unauthenticated)
        /// The arguments cannot be sent.
        public static let invalid = Code(.invalid)
    }

    public var code: Code
    public var message: String
    /// The server's own words, for ``Code/refused``.
    public var refusal: Refusal?

    public init(_ code: Code, _ message: String, refusal: Refusal? = nil) {
        self.code = code
        self.message = message
        self.refusal = refusal
    }

    public var description: String { message }
}

/// An `error` frame of the server.
public struct Refusal: Hashable, Sendable {
    /// As in HTTP: 4xx or 5xx.
    public var status: Int
    /// The stable name: `not_member`, `rate_limited`, `duplicate_mismatch`, ...
    public var code: String
    public var message: String
    public var retryAfterMilliseconds: Int?

    /// True when the same request can succeed later, unchanged.
    ///
    /// `unknown` is among them because a send is deduplicated by its client message id.
    package var isTransient: Bool {
        switch code {
        case "unknown", "unavailable", "overloaded", "draining", "rate_limited", "storage_full": true
        default: status == 503 || status == 504
        }
    }
}
