import Chat
import Consensus
import Storage
import Vocabulary
import Wire

/// What reaches a shard from other loops, threads and nodes.
enum ShardInput: Sendable {
    case raft([RaftMessage], from: NodeID)
    case heartbeat(PairHeartbeat, from: NodeID)
    case heartbeatAck(PairHeartbeatAck, from: NodeID)
    case snapshot(SnapshotFrame, from: NodeID)
    /// Everything handed to the log up to this batch is on disk.
    case persisted(sequence: UInt64)
    case request(RequestOrigin, StreamPlace, GroupID, Operation)
    case fanout([FanoutItem], from: NodeID)
    case fanoutAcks([FanoutAck])
    case memberQueries([MemberQuery], from: NodeID)
    case memberSnapshots([MemberSnapshot])
    case typing([TypingItem])
    /// Conversations have committed what a partition led here has sent them.
    case flagsDelivered(GroupID, [MemberFlagsUpdate])
    /// A conversation's answer to a user's partition.
    case memberErased(GroupID, EraseMemberRequest, OperationResult)
    /// The committed metadata changed.
    case metadata(ClusterMetadata)
    /// Gossip's opinion of a node.
    case suspicion(NodeID, Bool)
    case leaderChanged(GroupID)
    /// The link to a node broke or is new: pushes to its sessions may be lost.
    case peerLost(NodeID)
    /// A former replica's state is gone for good.
    case removed(GroupID)
    /// A command for group 0; only the metadata group's shard gets it.
    case metadataCommand([UInt8], answer: @Sendable (ControlAnswer) -> Void)
    case join(JoinRequest, answer: @Sendable (ControlAnswer) -> Void)
    /// Confirmed read of the metadata.
    case readMetadata(answer: @Sendable (ClusterMetadata?) -> Void)
    /// Segments are pinned by these groups.
    case restate([GroupID])
    /// The state store has flushed.
    case flushed
    /// A generation is durable in the state store.
    case ingested(GroupID, transfer: UInt64)
    case transferLeaders(to: [NodeID])
    /// How full this node's disk is.
    case disk(DiskGuard.Level)
    case transfer(GroupID, to: NodeID)
    /// A push job of a led partition has ended.
    case pushed(PushJobResult, GroupID, Term)
    case report(applied: Set<GroupID>, @Sendable (ShardReport) -> Void)
    /// A read of this node's own replica, whoever leads; outside the order of requests.
    case staleRead(RequestOrigin, GroupID, HistoryQuery)
}
