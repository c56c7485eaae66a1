/// What the admin port asks of the node that it belongs to. Implemented by the node's shell.
///
/// Every answer is a copy of one moment; nothing here blocks on a disk or on another node except where
/// `committed` says so.
package protocol AdminSource: Sendable {
    /// Whether the process works at all: its loops turn and its disk takes writes.
    func health() async -> HealthView
    /// Whether clients should be sent here: joined, metadata known, every led partition serving, disk fine,
    /// not draining.
    func readiness() async -> HealthView
    /// The metrics of this moment as Prometheus text.
    func metrics() async -> String
    /// The cluster as this node sees it; with `committed` read through group 0.
    ///
    /// - Throws: `.unavailable` when `committed` is asked for and group 0 has no quorum.
    func cluster(committed: Bool) async throws(AdminRefusal) -> ClusterView
    /// At most `limit` partitions from number `first` on, in order.
    func partitions(from first: Int, limit: Int) async -> [PartitionView]
    /// Reads all of a partition's state on this node; `nil` when it holds no replica of it.
    func content(of partition: Int) async -> ContentHashView?
    func ring() async -> RingView
    func locate(_ query: LocateQuery) async throws(AdminRefusal) -> LocateView
    func node() async -> NodeView
    /// Sends a test notification to a user's devices, or to one of them.
    ///
    /// - Throws: `.refused` when this node has no provider, `.notFound` when nothing is registered.
    func testPush(user: String, device: String?) async throws(AdminRefusal) -> PushTestView
    /// Starts an operation; returns when it is accepted, not when it is done.
    func perform(_ operation: AdminOperation) async throws(AdminRefusal)
}

/// What an operator can order. Node ids are texts that `cluster` has listed.
package enum AdminOperation: Hashable, Sendable {
    case drain
    case undrain
    case leave
    /// Moves a member's replicas elsewhere, then makes it `left`.
    case decommission(nodeID: String)
    /// Gives a member up at once and rebuilds its replicas elsewhere.
    case replace(nodeID: String)
    /// Hands a partition's leadership over, to `nodeID` or to the best follower.
    case transfer(partition: Int, nodeID: String?)
}

/// What `GET /cluster/locate` is asked for.
package enum LocateQuery: Hashable, Sendable {
    case conversation(String)
    case user(String)
    case group(String)
}

/// Why a request is not done: an HTTP status, a word for programs and a sentence for people.
package struct AdminRefusal: Error, Hashable, Sendable {
    package var status: Int
    package var code: String
    package var message: String

    package init(status: Int, code: String, message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// 400: the request makes no sense.
    package static func invalid(_ message: String) -> AdminRefusal {
        AdminRefusal(status: 400, code: "invalid_request", message: message)
    }

    /// 404: there is no such thing.
    package static func notFound(_ message: String) -> AdminRefusal {
        AdminRefusal(status: 404, code: "not_found", message: message)
    }

    /// 409: it would break a rule, such as losing a quorum.
    package static func refused(_ message: String) -> AdminRefusal {
        AdminRefusal(status: 409, code: "refused", message: message)
    }

    /// 503: not now.
    package static func unavailable(_ message: String) -> AdminRefusal {
        AdminRefusal(status: 503, code: "unavailable", message: message)
    }
}
