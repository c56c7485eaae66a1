import Vocabulary

/// One entry of one group's log.
package struct LogEntry: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    package var payload: EntryPayload

    package init(index: LogIndex, term: Term, payload: EntryPayload) {
        self.index = index
        self.term = term
        self.payload = payload
    }
}

/// What an entry carries.
package enum EntryPayload: Hashable, Sendable {
    /// Written by a new leader so that it can commit what came before (thesis, section 3.6.2).
    case empty
    /// Takes effect when appended, is undone when truncated (thesis, section 4.1).
    case configuration(Configuration)
    /// A command of the group's state machine, opaque here.
    case command([UInt8])
}

/// What a replica must not forget (thesis, figure 3.1).
package struct HardState: Hashable, Sendable {
    package var term: Term
    /// Whom this replica voted for in `term`; `.none` when nobody.
    package var vote: ReplicaID

    package init(term: Term = .zero, vote: ReplicaID = .none) {
        self.term = term
        self.vote = vote
    }
}

/// The point that a snapshot or a compaction stands for: everything up to `index` is in the state.
package struct SnapshotPoint: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    /// The configuration in force at `index`.
    package var configuration: Configuration

    package init(index: LogIndex, term: Term, configuration: Configuration) {
        self.index = index
        self.term = term
        self.configuration = configuration
    }

    package static let start = SnapshotPoint(index: .zero, term: .zero, configuration: .empty)
}
