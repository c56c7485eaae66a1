import Vocabulary
import Wire

/// What one turn of the machines asks of the shell. Perform it in the order of the fields.
///
/// Safety does not depend on the shell's pace: whatever must follow a durable write is held back inside
/// `MultiRaft` until `persisted(through:)` says so.
package struct RaftOutput: Sendable {
    /// Append to the log as one batch, in order, and report `persisted(through: sequence)` once durable.
    package var persist: [LogItem] = []
    /// The number of the batch; zero when `persist` is empty. Batches become durable in this order.
    package var sequence: UInt64 = 0
    /// Messages to send now, by node, sorted. They may be lost, repeated and reordered.
    package var messages: [(NodeID, [RaftMessage])] = []
    package var heartbeats: [(NodeID, PairHeartbeat)] = []
    package var heartbeatAcks: [(NodeID, PairHeartbeatAck)] = []
    /// Changes of role, term or known leader, the last one per group.
    package var leadership: [LeadershipChange] = []
    /// Entries to apply: committed and durable here (rule D4), in order, each exactly once. The next ones do
    /// not wait for `applied`.
    package var committed: [(GroupID, [LogEntry])] = []
    /// Proposals whose outcome is not known here any more: leadership was lost.
    package var failedProposals: [FailedProposals] = []
    package var reads: [ReadReady] = []
    /// Snapshots to send, of the state after everything in `committed` so far was applied.
    package var snapshots: [SnapshotOrder] = []
    /// Replicas here whose state is not that of the majority: end the process and never vote with them again (rule R4).
    package var divergences: [StateDivergence] = []
    /// Replicas here whose log has lost what they acknowledged: end the process and never vote with them again
    /// (rule M4).
    package var lostLogs: [LostLog] = []
    /// Followers whose state is not that of the leader here, while no majority has decided who is right (rule R4):
    /// tell people.
    package var disputes: [StateDispute] = []

    package init() {}

    /// True when there is nothing to do.
    package var isEmpty: Bool {
        persist.isEmpty && messages.isEmpty && heartbeats.isEmpty && heartbeatAcks.isEmpty
            && leadership.isEmpty && committed.isEmpty && failedProposals.isEmpty && reads.isEmpty
            && snapshots.isEmpty && divergences.isEmpty && lostLogs.isEmpty && disputes.isEmpty
    }
}

package struct LeadershipChange: Hashable, Sendable {
    package var group: GroupID
    package var role: RaftRole
    package var term: Term
    /// The leader of the term, once known.
    package var leader: NodeID?
    package var isLeader: Bool { role == .leader }
}

package struct FailedProposals: Hashable, Sendable {
    package var group: GroupID
    /// The term they were proposed in.
    package var term: Term
    package var indices: ClosedRange<LogIndex>
}

/// The answer to `read`: serve it once `index` is applied. No index: leadership was lost, ask the next
/// leader.
package struct ReadReady: Hashable, Sendable {
    package var token: UInt64
    package var group: GroupID
    package var index: LogIndex?

    package init(token: UInt64, group: GroupID, index: LogIndex?) {
        self.token = token
        self.group = group
        self.index = index
    }
}

/// The state here is not what it must be after the same entries.
package struct StateDivergence: Hashable, Sendable {
    package var group: GroupID
    package var index: LogIndex
    package var own: StateDigest
    package var expected: StateDigest
    /// A majority of the voters has `expected`; otherwise only the leader has, and nobody can decide.
    package var isByMajority: Bool
}

/// Two states of one group after the same entries.
package struct StateDispute: Hashable, Sendable {
    package var group: GroupID
    package var own: StateMark
    package var other: Replica
    package var theirs: StateDigest
}

/// A replica that acknowledged more than it has: its disk was set back to an older state.
package struct LostLog: Hashable, Sendable {
    package var group: GroupID
    package var last: LogIndex
    /// What its leader has counted it for.
    package var acknowledged: LogIndex
}

package struct SnapshotOrder: Hashable, Sendable {
    package var group: GroupID
    package var to: Replica
    /// Where the state stands once everything in `committed` of this and earlier outputs is applied.
    package var point: SnapshotPoint
}

/// Why a proposal, a read or a change of configuration was not taken; nothing was proposed.
package enum ProposalRefusal: Error, Hashable, Sendable {
    case notLeader(hint: NodeID?)
    case overloaded
    /// Leadership is being handed over.
    case transferring
    /// A change is in flight, or this leader has not committed an entry of its term yet (rule M1).
    case configurationInFlight
    /// The configuration asked for has no voters or is the one in force.
    case invalidConfiguration
}

/// Where a proposal stands in the log; it is committed when the entry there has this term.
package typealias ProposalPosition = LogPosition
