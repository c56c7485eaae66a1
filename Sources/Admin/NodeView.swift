/// `GET /node`: this node now.
package struct NodeView: Codable, Hashable, Sendable {
    /// Where a drain or leave stands.
    package struct Progress: Codable, Hashable, Sendable {
        /// serving, draining, drained, leaving or left.
        package var state: String
        package var connectionsLeft: Int
        package var leadersLeft: Int
        package var replicasLeft: Int
        /// Milliseconds until the rest is closed; absent when nothing runs.
        package var deadlineMilliseconds: Int?

        package init(
            state: String, connectionsLeft: Int = 0, leadersLeft: Int = 0, replicasLeft: Int = 0,
            deadlineMilliseconds: Int? = nil
        ) {
            self.state = state
            self.connectionsLeft = connectionsLeft
            self.leadersLeft = leadersLeft
            self.replicasLeft = replicasLeft
            self.deadlineMilliseconds = deadlineMilliseconds
        }

        enum CodingKeys: String, CodingKey {
            case state
            case connectionsLeft = "connections_left"
            case leadersLeft = "leaders_left"
            case replicasLeft = "replicas_left"
            case deadlineMilliseconds = "deadline_ms"
        }
    }

    /// Percentiles of one measured time, in microseconds.
    package struct Latency: Codable, Hashable, Sendable {
        package var count: UInt64
        package var p50: UInt64
        package var p99: UInt64

        package init(count: UInt64, p50: UInt64, p99: UInt64) {
            self.count = count
            self.p50 = p50
            self.p99 = p99
        }

        enum CodingKeys: String, CodingKey {
            case count
            case p50 = "p50_us"
            case p99 = "p99_us"
        }
    }

    /// A queue against its limit.
    package struct Queue: Codable, Hashable, Sendable {
        package var depth: Int
        package var limit: Int

        package init(depth: Int, limit: Int) {
            self.depth = depth
            self.limit = limit
        }
    }

    package var nodeID: String
    package var name: String
    package var version: String
    package var uptimeMilliseconds: UInt64
    package var connections: Int
    package var sessions: Int
    /// Active actors by kind: connections, conversations, groups, users, replicas.
    package var actors: [String: Int]
    /// Per second over the last ten seconds: sent, delivered, committed.
    package var rates: [String: Double]
    /// send_to_commit, send_to_deliver, fsync.
    package var latencies: [String: Latency]
    package var walBytes: UInt64
    package var storeBytes: UInt64
    package var queues: [String: Queue]
    package var progress: Progress

    package init(
        nodeID: String, name: String, version: String, uptimeMilliseconds: UInt64, connections: Int,
        sessions: Int, actors: [String: Int], rates: [String: Double], latencies: [String: Latency],
        walBytes: UInt64, storeBytes: UInt64, queues: [String: Queue], progress: Progress
    ) {
        self.nodeID = nodeID
        self.name = name
        self.version = version
        self.uptimeMilliseconds = uptimeMilliseconds
        self.connections = connections
        self.sessions = sessions
        self.actors = actors
        self.rates = rates
        self.latencies = latencies
        self.walBytes = walBytes
        self.storeBytes = storeBytes
        self.queues = queues
        self.progress = progress
    }

    enum CodingKeys: String, CodingKey {
        case nodeID = "node_id"
        case name
        case version
        case uptimeMilliseconds = "uptime_ms"
        case connections
        case sessions
        case actors
        case rates
        case latencies
        case walBytes = "wal_bytes"
        case storeBytes = "store_bytes"
        case queues
        case progress
    }
}
