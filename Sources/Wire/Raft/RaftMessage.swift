import Vocabulary

/// An entry's place: its index and the term it was written in.
package struct LogPosition: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term

    package init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }

    package static let start = LogPosition(index: .zero, term: .zero)

    /// True when a log that ends here holds at least what one that ends at `other` holds (thesis, section
    /// 3.6.1).
    package func isUpToDate(with other: LogPosition) -> Bool { (term, index) >= (other.term, other.index) }
}

/// What replicas of one group say to each other. A message for another replica id is dropped (rule M3).
package struct RaftMessage: Hashable, Sendable {
    package var group: GroupID
    package var from: ReplicaID
    package var to: ReplicaID
    /// The sender's term; of a `preVote` and of the vote granted to it, the term that it would campaign at.
    package var term: Term
    package var body: Body

    package init(group: GroupID, from: ReplicaID, to: ReplicaID, term: Term, body: Body) {
        self.group = group
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    package enum Body: Hashable, Sendable {
        /// Would you vote for me? Changes nothing at the receiver (thesis, section 9.6).
        case preVote(last: LogPosition)
        case preVoteResponse(isGranted: Bool)
        /// `isTransfer`: the leader asked for this election, so it is no disturbance (thesis, section 3.10).
        case vote(last: LogPosition, isTransfer: Bool)
        case voteResponse(isGranted: Bool)
        /// `entries` follow `previous` without gaps.
        case append(previous: LogPosition, entries: [LogEntry], commit: LogIndex)
        case appendResponse(AppendResult)
        /// Campaign now (thesis, section 3.10).
        case timeoutNow
    }

    package enum AppendResult: Hashable, Sendable {
        /// Everything up to here is as the leader has it, and durable.
        case matched(LogIndex)
        /// The entry before index `previous` + 1 differs or is missing. `hint` is the last entry, not after
        /// it, that can still agree with the leader's log (thesis, section 3.5).
        case rejected(previous: LogIndex, hint: LogPosition)
    }
}
