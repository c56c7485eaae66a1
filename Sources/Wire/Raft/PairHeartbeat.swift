import Vocabulary

/// One frame from a node to a peer for all groups that it leads (rule L1). A round that was started by a read
/// names only the groups with reads.
package struct PairHeartbeat: Hashable, Sendable {
    /// Counts the rounds from this node to this peer.
    package var round: UInt64
    /// Age of the sender's oldest log write that is not durable (rule L4).
    package var walAgeMilliseconds: UInt64
    /// The sender's disk is nearly full: no leadership should go there.
    package var isDiskLow: Bool
    package var entries: [Entry]

    package init(round: UInt64, walAgeMilliseconds: UInt64, isDiskLow: Bool = false, entries: [Entry]) {
        self.isDiskLow = isDiskLow
        self.round = round
        self.walAgeMilliseconds = walAgeMilliseconds
        self.entries = entries
    }

    package struct Entry: Hashable, Sendable {
        package var group: GroupID
        package var from: ReplicaID
        package var to: ReplicaID
        package var term: Term
        /// Never beyond what the receiver has acknowledged.
        package var commit: LogIndex
        /// Asks for the receiver's last mark up to here (rule R4); zero: for none.
        package var reportThrough: LogIndex
        /// The receiver's state is not what it must be.
        package var verdict: StateVerdict?

        package init(
            group: GroupID, from: ReplicaID, to: ReplicaID, term: Term, commit: LogIndex,
            reportThrough: LogIndex = .zero, verdict: StateVerdict? = nil
        ) {
            self.reportThrough = reportThrough
            self.verdict = verdict
            self.group = group
            self.from = from
            self.to = to
            self.term = term
            self.commit = commit
        }
    }
}

/// The answer to one round. A group that is not listed follows the sender at the term it named.
package struct PairHeartbeatAck: Hashable, Sendable {
    package var round: UInt64
    package var rejects: [Reject]
    /// The marks that were asked for, of groups that follow.
    package var reports: [Report]

    package init(round: UInt64, rejects: [Reject], reports: [Report] = []) {
        self.round = round
        self.rejects = rejects
        self.reports = reports
    }

    package struct Reject: Hashable, Sendable {
        package var group: GroupID
        /// The leader's replica, as in the heartbeat.
        package var from: ReplicaID
        /// The replica that was addressed.
        package var to: ReplicaID
        /// The receiver's durable term when it is above the sender's; zero: no such replica, or not durable
        /// yet.
        package var term: Term

        package init(group: GroupID, from: ReplicaID, to: ReplicaID, term: Term) {
            self.group = group
            self.from = from
            self.to = to
            self.term = term
        }
    }

    /// What a replica made of the log up to an index (rule R4).
    package struct Report: Hashable, Sendable {
        package var group: GroupID
        /// The replica that was addressed.
        package var to: ReplicaID
        package var mark: StateMark

        package init(group: GroupID, to: ReplicaID, mark: StateMark) {
            self.group = group
            self.to = to
            self.mark = mark
        }
    }
}
