import Consensus
import Vocabulary
import Wire

/// What a shard keeps of one replica beside its Raft machine.
struct HostedGroup {
    /// Which generation of the group's state is the current one (rule R5).
    var generation: UInt32
    var applied: LogIndex
    /// Of the state at `applied` (rule R4).
    var digest: StateDigest = .zero
    var term: Term = .zero
    /// True from the election until leadership is lost.
    var isLeader = false
    /// The entry that opens the leader's term is applied here.
    var isTermOpen = false
    /// The leader's actors; present once the entry that opens the term was applied here, so that what they
    /// read is complete.
    var leading: LeadingPartition?
}

/// A read that waits for the confirmation of leadership (rule Q1).
struct WaitingRead {
    var group: GroupID
    var origin: RequestOrigin
    var operation: Operation
}

/// Numbers for `GET /node` and the cluster view.
package struct ShardReport: Sendable {
    package struct Replica: Sendable {
        package var group: GroupID
        package var status: RaftStatus
        package var persisted: LogIndex
        /// Bytes sent so far of the snapshots that are on their way from here.
        package var snapshotBytes: Int
        package var digest: StateDigest
        package var generation: UInt32
    }
    package var replicas: [Replica] = []
    package var conversations = 0
    package var groups = 0
    package var users = 0
    package var sessions = 0
    package var proposalsWaiting = 0
    package var pushesWaiting = 0
    package var messagesCommitted: UInt64 = 0
    package var elections: UInt64 = 0
    package var logEntries = 0
}

/// Totals of one shard; only its loop touches them.
struct ShardCounts {
    var messagesCommitted: UInt64 = 0
    var elections: UInt64 = 0
}
