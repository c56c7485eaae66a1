/// `GET /cluster/partitions/{p}`: node ids and log positions.
package struct PartitionView: Codable, Hashable, Sendable {
    package var partition: Int
    /// The leader's node id as this node knows it.
    package var leader: String?
    package var voters: [String]
    package var learners: [String]
    /// From this node's replica; 0 when it holds none.
    package var term: UInt64
    package var commit: UInt64
    package var applied: UInt64
    package var persisted: UInt64
    /// The first index that the log still holds here; what is below it exists as state only.
    package var first: UInt64
    /// Digest of everything that this node's replica has applied; the same on every replica that has applied as
    /// much. `nil` when it holds none.
    package var stateHash: String?
    /// Entries by which each other replica is behind; known on the leader only.
    package var lag: [String: Int]

    package init(
        partition: Int, leader: String?, voters: [String], learners: [String], term: UInt64, commit: UInt64,
        applied: UInt64, persisted: UInt64, first: UInt64 = 0, stateHash: String? = nil, lag: [String: Int]
    ) {
        self.first = first
        self.stateHash = stateHash
        self.partition = partition
        self.leader = leader
        self.voters = voters
        self.learners = learners
        self.term = term
        self.commit = commit
        self.applied = applied
        self.persisted = persisted
        self.lag = lag
    }

    enum CodingKeys: String, CodingKey {
        case partition
        case leader
        case voters
        case learners
        case term
        case commit
        case applied
        case persisted
        case first
        case stateHash = "state_hash"
        case lag
    }

    /// Every key is always there; an unknown leader is `null`.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(partition, forKey: .partition)
        try container.encode(leader, forKey: .leader)
        try container.encode(voters, forKey: .voters)
        try container.encode(learners, forKey: .learners)
        try container.encode(term, forKey: .term)
        try container.encode(commit, forKey: .commit)
        try container.encode(applied, forKey: .applied)
        try container.encode(persisted, forKey: .persisted)
        try container.encode(first, forKey: .first)
        try container.encode(stateHash, forKey: .stateHash)
        try container.encode(lag, forKey: .lag)
    }
}

/// `GET /cluster/partitions?cursor`.
package struct PartitionPage: Codable, Hashable, Sendable {
    package var partitions: [PartitionView]
    /// Absent on the last page.
    package var nextCursor: String?

    package init(partitions: [PartitionView], nextCursor: String?) {
        self.partitions = partitions
        self.nextCursor = nextCursor
    }

    enum CodingKeys: String, CodingKey {
        case partitions
        case nextCursor = "next_cursor"
    }
}

/// `GET /cluster/ring`: tokens and owners, for drawing.
package struct RingView: Codable, Hashable, Sendable {
    package struct Token: Codable, Hashable, Sendable {
        /// The place on the ring, from 0 up to 1.
        package var position: Double
        package var nodeID: String

        package init(position: Double, nodeID: String) {
            self.position = position
            self.nodeID = nodeID
        }

        enum CodingKeys: String, CodingKey {
            case position
            case nodeID = "node_id"
        }
    }

    package struct Owner: Codable, Hashable, Sendable {
        package var partition: Int
        package var leader: String?
        package var replicas: [String]

        package init(partition: Int, leader: String?, replicas: [String]) {
            self.partition = partition
            self.leader = leader
            self.replicas = replicas
        }
    }

    package var partitionCount: Int
    package var tokens: [Token]
    package var owners: [Owner]

    package init(partitionCount: Int, tokens: [Token], owners: [Owner]) {
        self.partitionCount = partitionCount
        self.tokens = tokens
        self.owners = owners
    }

    enum CodingKeys: String, CodingKey {
        case partitionCount = "partition_count"
        case tokens
        case owners
    }
}

/// `GET /cluster/locate`: node ids.
package struct LocateView: Codable, Hashable, Sendable {
    package struct Device: Codable, Hashable, Sendable {
        package var deviceID: String
        /// The node that its live session is on; `nil` when it is not connected.
        package var nodeID: String?

        package init(deviceID: String, nodeID: String?) {
            self.deviceID = deviceID
            self.nodeID = nodeID
        }

        enum CodingKeys: String, CodingKey {
            case deviceID = "device_id"
            case nodeID = "node_id"
        }
    }

    package var partition: Int
    package var leader: String?
    package var replicas: [String]
    /// For a user only.
    package var devices: [Device]?

    package init(partition: Int, leader: String?, replicas: [String], devices: [Device]? = nil) {
        self.partition = partition
        self.leader = leader
        self.replicas = replicas
        self.devices = devices
    }

    enum CodingKeys: String, CodingKey {
        case partition
        case leader
        case replicas
        case devices
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(partition, forKey: .partition)
        try container.encode(leader, forKey: .leader)
        try container.encode(replicas, forKey: .replicas)
        try container.encodeIfPresent(devices, forKey: .devices)
    }
}
