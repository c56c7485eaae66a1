import Vocabulary

/// Where a member stands in its life, as group 0 has committed it. Gossip never changes it.
package enum MemberState: UInt8, Hashable, Sendable, CaseIterable {
    /// Known to the cluster, not yet seen alive with the metadata. Goes to `up`.
    case joining = 0
    /// Serves, leads and receives replicas.
    case up = 1
    /// Keeps its replicas, leads nothing, gets nothing new. Goes back to `up` or on to `leaving`.
    case draining = 2
    /// Its replicas move to others; when the last is gone it is `left`.
    case leaving = 3
    /// Gone for ever: kept so that its identity is never taken again.
    case left = 4
    /// Given up on by an operator or after the replacement delay; its replicas are rebuilt elsewhere. It may
    /// come back to `up` with what it still holds.
    case dead = 5

    /// The word used in answers and logs.
    package var name: String {
        switch self {
        case .joining: "joining"
        case .up: "up"
        case .draining: "draining"
        case .leaving: "leaving"
        case .left: "left"
        case .dead: "dead"
        }
    }

    /// Whether the life of a node may go from here to `next`; staying is always allowed.
    package func mayBecome(_ next: MemberState) -> Bool {
        switch (self, next) {
        case _ where self == next: true
        case (.left, _), (_, .joining): false
        case (.joining, .draining): false
        case (.up, .left), (.draining, .left): false
        default: true
        }
    }
}

/// What a node says of itself when it asks to join.
package struct MemberProfile: Hashable, Sendable {
    package var node: NodeID
    /// For people; `nodeN` asks for number N.
    package var name: String
    /// The failure domain, for spreading replicas.
    package var zone: String?
    /// The share of the load; 100 is ordinary.
    package var weight: UInt32
    /// The highest feature level its software has.
    package var featureMax: UInt32

    package init(
        node: NodeID, name: String, zone: String? = nil, weight: UInt32 = 100, featureMax: UInt32 = 1
    ) {
        self.node = node
        self.name = name
        self.zone = zone
        self.weight = weight
        self.featureMax = featureMax
    }
}

/// One member of the cluster.
package struct ClusterMember: Hashable, Sendable {
    package var profile: MemberProfile
    /// A small number, never given to another node.
    package var number: UInt32
    package var state: MemberState
    /// The node's replica of group 0 (rule M3).
    package var metadataReplica: ReplicaID

    package init(profile: MemberProfile, number: UInt32, state: MemberState, metadataReplica: ReplicaID) {
        self.profile = profile
        self.number = number
        self.state = state
        self.metadataReplica = metadataReplica
    }

    package var node: NodeID { profile.node }
    package var name: String { profile.name }
}
