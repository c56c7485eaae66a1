import Vocabulary
import Wire

extension MultiRaft {
    /// The groups with a replica here, sorted.
    package var groupIDs: [GroupID] { slots.keys.sorted() }

    package func status(of group: GroupID) -> RaftStatus? {
        slot(of: group).map { groups[$0].status(now: effects.now) }
    }

    /// Cheaper than `status` for a single question.
    package func isLeader(of group: GroupID) -> Bool {
        slot(of: group).map { groups[$0].role == .leader } ?? false
    }

    /// The term of the entry at `index` in the group's log, or of its compaction point; for checkers.
    package func entryTerm(of group: GroupID, at index: LogIndex) -> Term? {
        slot(of: group).flatMap { groups[$0].log.term(at: index) }
    }

    /// Which replica of the group is here, its term and its commit index: cheaper than `status`.
    package func position(of group: GroupID) -> (replica: ReplicaID, term: Term, commit: LogIndex)? {
        slot(of: group).map { (groups[$0].replica, groups[$0].term, groups[$0].commit) }
    }

    /// About the bytes of the entries held in memory, of all groups.
    package var logByteCount: Int { slots.values.reduce(0) { $0 + groups[$1].log.byteCount } }

    /// Up to where a group's log may be dropped while at most so much of its end stays in memory. Bounded by the
    /// caller with what the state store has persisted (rule R2).
    package func compactionIndex(of group: GroupID, keepingEntries entries: Int, bytes: Int) -> LogIndex {
        slot(of: group).map { groups[$0].log.index(keepingEntries: entries, bytes: bytes) } ?? .zero
    }

    /// Entries held in memory, of all groups.
    package var logEntryCount: Int { slots.values.reduce(0) { $0 + groups[$1].log.entries.count } }
}
