import Vocabulary
import Wire

package enum RaftRole: String, Hashable, Sendable {
    case follower, preCandidate, candidate, leader
}

/// One replica as of now.
package struct RaftStatus: Hashable, Sendable {
    package var group: GroupID
    package var replica: ReplicaID
    package var role: RaftRole
    package var term: Term
    package var leader: NodeID?
    package var commit: LogIndex
    package var applied: LogIndex
    /// The last index that is durable here.
    package var durable: LogIndex
    package var firstIndex: LogIndex
    package var lastIndex: LogIndex
    package var generation: UInt32
    /// The configuration in force: the last one appended.
    package var configuration: Configuration
    /// True until the configuration in force is committed and not joint.
    package var isConfigurationInFlight: Bool
    /// Everyone in the configuration, this replica included; empty unless it leads.
    package var progress: [ReplicaProgress]

    package var isLeader: Bool { role == .leader }
    package var isJoint: Bool { configuration.isJoint }

    /// What is known to be durable at a replica; `nil` unless this replica leads and knows it.
    package func matched(_ id: ReplicaID) -> LogIndex? { progress.first { $0.replica.id == id }?.matched }

    /// Whether a majority of `voters` has answered this leader lately: a group that went to voters who do not answer
    /// could not commit that, nor anything after it.
    package func couldGo(to voters: [Replica]) -> Bool {
        let responsive = progress.filter { $0.isResponsive && voters.contains($0.replica) }
        return responsive.count > voters.count / 2
    }

    /// What a state that a leader of `term` offers the replica `to` is good for here.
    package func use(of point: SnapshotPoint, to: ReplicaID, term offered: Term) -> SnapshotUse {
        to == replica && offered >= term ? use(of: point) : .nothing
    }

    package func use(of point: SnapshotPoint) -> SnapshotUse {
        point.index > commit ? .installation : .alreadyHere
    }
}

/// What a snapshot is good for at its receiver.
package enum SnapshotUse: Hashable, Sendable {
    case installation
    /// The log has brought all of it. The sender must hear so: it may not know, and may lack the entries that would tell
    /// it, when the acknowledgement was lost and its log was compacted since.
    case alreadyHere
    /// It is meant for another replica, or comes from a leader of before.
    case nothing
}

package struct ReplicaProgress: Hashable, Sendable {
    package enum State: String, Hashable, Sendable { case probe, replicate, snapshot }
    package var replica: Replica
    package var matched: LogIndex
    package var state: State
    /// Entries that it lacks.
    package var lag: Int
    /// It has answered this leader, within the last few heartbeats.
    package var isResponsive: Bool
}
