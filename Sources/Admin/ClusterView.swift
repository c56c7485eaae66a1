/// `GET /healthz` and `GET /readyz`: fine exactly when there is no reason why not.
package struct HealthView: Codable, Hashable, Sendable {
    package var status: String
    package var reasons: [String]

    package init(reasons: [String]) {
        status = reasons.isEmpty ? "ok" : "unavailable"
        self.reasons = reasons
    }
}

/// `GET /cluster`.
package struct ClusterView: Codable, Hashable, Sendable {
    package var clusterID: String
    package var name: String
    package var epoch: UInt64
    package var replicationFactor: Int
    package var partitionCount: Int
    package var featureLevel: Int
    /// The id of the node that answers.
    package var answeredBy: String
    /// Partitions with fewer living replicas than the replication factor.
    package var underReplicated: Int
    /// Partitions without a quorum.
    package var unavailable: Int
    package var moves: [MoveView]
    package var members: [MemberView]
    /// Groups that lost their quorum and were recovered from one survivor; absent when there are none.
    package var losses: [LossView]?

    package init(
        clusterID: String, name: String, epoch: UInt64, replicationFactor: Int, partitionCount: Int,
        featureLevel: Int, answeredBy: String, underReplicated: Int, unavailable: Int, moves: [MoveView],
        members: [MemberView], losses: [LossView] = []
    ) {
        self.clusterID = clusterID
        self.name = name
        self.epoch = epoch
        self.replicationFactor = replicationFactor
        self.partitionCount = partitionCount
        self.featureLevel = featureLevel
        self.answeredBy = answeredBy
        self.underReplicated = underReplicated
        self.unavailable = unavailable
        self.moves = moves
        self.members = members
        self.losses = losses.isEmpty ? nil : losses
    }

    enum CodingKeys: String, CodingKey {
        case clusterID = "cluster_id"
        case name
        case epoch
        case replicationFactor = "replication_factor"
        case partitionCount = "partition_count"
        case featureLevel = "feature_level"
        case answeredBy = "answered_by"
        case underReplicated = "under_replicated"
        case unavailable
        case moves
        case members
        case losses
    }
}

/// A recovery by `martlet recover`: messages after that place, if there were any, are lost.
package struct LossView: Codable, Hashable, Sendable {
    /// Absent for the cluster's metadata.
    package var partition: Int?
    package var epoch: UInt64
    /// The node whose log the group went on from, and where that log ended.
    package var survivor: String
    package var lastTerm: UInt64
    package var lastIndex: UInt64

    package init(partition: Int?, epoch: UInt64, survivor: String, lastTerm: UInt64, lastIndex: UInt64) {
        self.partition = partition
        self.epoch = epoch
        self.survivor = survivor
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
    }

    enum CodingKeys: String, CodingKey {
        case partition
        case epoch
        case survivor
        case lastTerm = "last_term"
        case lastIndex = "last_index"
    }
}

/// One partition on its way between nodes.
package struct MoveView: Codable, Hashable, Sendable {
    package var partition: Int
    /// Node ids that hold it now, and that will.
    package var from: [String]
    package var to: [String]
    /// planned, learner, joint; then it is over.
    package var stage: String
    /// The node that carries it out, and that knows how far it is.
    package var leader: String?
    /// Entries that the newcomer furthest behind lacks, and bytes of its snapshot sent; told by the leader only.
    package var lagEntries: Int?
    package var snapshotBytes: Int?

    package init(
        partition: Int, from: [String], to: [String], stage: String, leader: String? = nil,
        lagEntries: Int? = nil, snapshotBytes: Int? = nil
    ) {
        self.partition = partition
        self.from = from
        self.to = to
        self.stage = stage
        self.leader = leader
        self.lagEntries = lagEntries
        self.snapshotBytes = snapshotBytes
    }

    enum CodingKeys: String, CodingKey {
        case partition
        case from
        case to
        case stage
        case leader
        case lagEntries = "lag_entries"
        case snapshotBytes = "snapshot_bytes"
    }
}

/// A process that was refused because it ran on a copy of a data directory, or on one that was set back.
package struct FencedView: Codable, Hashable, Sendable {
    /// Of the refused start: compare it with that of the member.
    package var bootEpoch: UInt32
    package var reason: String

    package init(bootEpoch: UInt32, reason: String) {
        self.bootEpoch = bootEpoch
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case bootEpoch = "boot_epoch"
        case reason
    }
}

/// One member, as metadata and gossip know it.
package struct MemberView: Codable, Hashable, Sendable {
    package var nodeID: String
    package var name: String
    package var number: Int
    /// joining, up, draining, leaving, left, dead: what is committed.
    package var state: String
    /// alive, suspect, dead, left: what gossip says. The answering node lists itself as alive.
    package var gossip: String
    /// `host:port`; empty while gossip does not know it.
    package var client: String
    package var peer: String
    package var admin: String
    /// Partitions led and held, without group 0.
    package var leaders: Int
    package var replicas: Int
    package var incarnation: UInt64
    /// Counts the node's starts: of the last one that the answering node let in; `nil` for one that it never heard.
    package var bootEpoch: UInt32?
    /// The last process with this node's identity that was refused; absent while there was none.
    package var fenced: FencedView?
    /// `nil` for the answering node and for one that never answered.
    package var rttMilliseconds: Double?
    package var version: String
    package var zone: String?
    /// What an operator can do about a member that does not answer; absent while there is nothing to do.
    package var advice: String?

    package init(
        nodeID: String, name: String, number: Int, state: String, gossip: String, client: String,
        peer: String,
        admin: String, leaders: Int, replicas: Int, incarnation: UInt64, rttMilliseconds: Double?,
        version: String, zone: String?
    ) {
        self.nodeID = nodeID
        self.name = name
        self.number = number
        self.state = state
        self.gossip = gossip
        self.client = client
        self.peer = peer
        self.admin = admin
        self.leaders = leaders
        self.replicas = replicas
        self.incarnation = incarnation
        self.rttMilliseconds = rttMilliseconds
        self.version = version
        self.zone = zone
    }

    enum CodingKeys: String, CodingKey {
        case nodeID = "node_id"
        case name
        case number
        case state
        case gossip
        case client
        case peer
        case admin
        case leaders
        case replicas
        case incarnation
        case bootEpoch = "boot_epoch"
        case fenced
        case rttMilliseconds = "rtt_ms"
        case version
        case zone
        case advice
    }

    /// Every key is always there; what is not known is `null`.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(nodeID, forKey: .nodeID)
        try container.encode(name, forKey: .name)
        try container.encode(number, forKey: .number)
        try container.encode(state, forKey: .state)
        try container.encode(gossip, forKey: .gossip)
        try container.encode(client, forKey: .client)
        try container.encode(peer, forKey: .peer)
        try container.encode(admin, forKey: .admin)
        try container.encode(leaders, forKey: .leaders)
        try container.encode(replicas, forKey: .replicas)
        try container.encode(incarnation, forKey: .incarnation)
        try container.encode(bootEpoch, forKey: .bootEpoch)
        try container.encode(rttMilliseconds, forKey: .rttMilliseconds)
        try container.encode(version, forKey: .version)
        try container.encode(zone, forKey: .zone)
        try container.encodeIfPresent(fenced, forKey: .fenced)
        try container.encodeIfPresent(advice, forKey: .advice)
    }
}
