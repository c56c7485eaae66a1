import NIOCore

extension MartletClient {
    /// What a client needs to know. Times are bounds, not promises.
    public struct Options: Sendable {
        /// The nodes to try, in turn; at least one.
        public var endpoints: [Endpoint]
        /// The bearer token; asked for at every connection, so it may be renewed in between.
        public var token: @Sendable () -> String
        /// This device's name, `[A-Za-z0-9._@-]{1,64}`. The newest connection of a device replaces the older.
        public var device: String
        /// Where to resume: the last ``Event/cursor(_:)`` or ``Event/caughtUp(cursor:)`` of an earlier life.
        public var cursor: String?
        /// How often to ping, and so how fast a dead connection is noticed (after two and a half of these).
        public var pingInterval: TimeAmount = .seconds(10)
        /// How long a `send` goes on retrying before it throws ``ClientError/Code/outcomeUnknown``.
        public var sendDeadline: TimeAmount = .seconds(120)
        /// How long receipts are gathered before they are written.
        public var receiptDelay: TimeAmount = .milliseconds(100)
        /// The ceiling of the first wait and of all waits between attempts to connect.
        public var backoffFirst: TimeAmount = .milliseconds(100)
        public var backoffLongest: TimeAmount = .seconds(10)
        /// Runs on every new channel before anything is written: the place for a TLS handler.
        public var prepareChannel: (@Sendable (any Channel) throws -> Void)?

        public init(
            endpoints: [Endpoint], device: String, cursor: String? = nil,
            token: @escaping @Sendable () -> String
        ) {
            self.endpoints = endpoints
            self.device = device
            self.cursor = cursor
            self.token = token
        }
    }
}
