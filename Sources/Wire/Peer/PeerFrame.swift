import Vocabulary

/// Everything that travels on a peer link. One TCP link carries frames from its dialling node only; the
/// answering side sends nothing but the handshake and keep-alives.
package enum PeerFrame: Hashable, Sendable {
    case hello(Hello)
    case helloAnswer(HelloAnswer)
    /// The dialling node's proof; the link is open when the answer is `accepted`.
    case proof([UInt8])
    case accepted
    case refused(HandshakeRefusal)
    case keepAlive

    case raft([RaftMessage])
    case heartbeat(PairHeartbeat)
    case heartbeatAck(PairHeartbeatAck)
    /// Groups that the sender leads, each with its term: all of them after the link opens, then changes.
    case leading([LedGroup])
    case snapshot(SnapshotFrame)

    case request(id: UInt64, place: StreamPlace, partition: PartitionID, Operation)
    case response(id: UInt64, PeerAnswer)
    case control(id: UInt64, ControlRequest)
    case controlAnswer(id: UInt64, ControlAnswer)

    case fanout([FanoutItem])
    case fanoutAcks([FanoutAck])
    case push([SessionPush])
    case memberQueries([MemberQuery])
    case memberSnapshots([MemberSnapshot])
    case typing([TypingItem])
}

package struct LedGroup: Hashable, Sendable {
    package var group: GroupID
    package var term: Term
    package init(group: GroupID, term: Term) {
        self.group = group
        self.term = term
    }
}

/// The answer to a request that was sent to a partition's leader.
package enum PeerAnswer: Hashable, Sendable {
    case result(OperationResult)
    /// The node asked does not lead the partition; nothing was proposed.
    case notLeader(hint: NodeID?)
    /// The node asked proposed it, but lost the lead before the outcome was known: ask the next leader again.
    case interrupted(hint: NodeID?)
}

/// A snapshot on its way (rule R5). `transfer` is unique per sending node and process.
package enum SnapshotFrame: Hashable, Sendable {
    case begin(
        transfer: UInt64, group: GroupID, from: ReplicaID, to: ReplicaID, term: Term, point: SnapshotPoint)
    /// `number` counts from 0.
    case chunk(transfer: UInt64, number: UInt32, pairs: [StatePair])
    case end(transfer: UInt64, chunks: UInt32, digest: StateDigest)
    /// Chunks below `received` are ingested; the sender keeps a bounded number ahead.
    case progress(transfer: UInt64, received: UInt32)
    case finished(transfer: UInt64, installed: Bool)
}

/// What nodes ask of each other beside client work.
package enum ControlRequest: Hashable, Sendable {
    /// The gossip push-pull over TCP: opaque member lists.
    case fullSync([UInt8])
    /// Admit this node (answered by group 0's leader, forwarded to it).
    case join(JoinRequest)
    /// A command for group 0 in its own coding; the outcome is known when answered.
    case metadata([UInt8])
    /// Hand over a partition that the asked node leads, to `to` or to the best follower.
    case transfer(PartitionID, to: NodeID?)
}

package enum ControlAnswer: Hashable, Sendable {
    case fullSync([UInt8])
    case joined(JoinAnswer)
    case committed
    case notLeader(hint: NodeID?)
    case refused(String)
}

package struct JoinRequest: Hashable, Sendable {
    package var node: NodeID
    package var name: String
    package var zone: String
    /// The share of the load that it asks for; 100 is ordinary.
    package var weight: UInt32
    /// The highest feature level its software has.
    package var featureMax: UInt32

    package init(
        node: NodeID, name: String, zone: String, weight: UInt32 = 100,
        featureMax: UInt32 = FeatureLevel.supported
    ) {
        self.node = node
        self.name = name
        self.zone = zone
        self.weight = weight
        self.featureMax = featureMax
    }
}

package struct JoinAnswer: Hashable, Sendable {
    package var cluster: ClusterID
    package var number: UInt32
    /// This node's replica of group 0.
    package var metadataReplica: ReplicaID
    package init(cluster: ClusterID, number: UInt32, metadataReplica: ReplicaID) {
        self.cluster = cluster
        self.number = number
        self.metadataReplica = metadataReplica
    }
}
