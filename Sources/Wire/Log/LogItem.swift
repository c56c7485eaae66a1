import Vocabulary

/// What the write-ahead log stores, in the order it was asked for. One batch holds items of many groups.
package enum LogItem: Hashable, Sendable {
    /// A replica comes to be. A group that starts with members has them in `configuration`; a replica that
    /// will be taught by a leader starts with `.empty`.
    case replicaCreated(group: GroupID, replica: ReplicaID, configuration: Configuration)
    /// Entries with consecutive indices. They replace whatever the log held from the first index on.
    case entries(group: GroupID, replica: ReplicaID, [LogEntry])
    case hardState(group: GroupID, replica: ReplicaID, HardState)
    /// The log ends before `from`.
    case truncatedSuffix(group: GroupID, replica: ReplicaID, from: LogIndex)
    /// The log starts after `point.index`; the state store has persisted everything up to there (rule R2).
    case compacted(group: GroupID, replica: ReplicaID, point: SnapshotPoint)
    /// The state of `generation` is installed and durable; the log is empty and goes on after the point (rule R5).
    case snapshotApplied(group: GroupID, replica: ReplicaID, generation: UInt32, point: SnapshotPoint)
    /// The replica is gone for ever; a late message must not raise it (rule M2).
    case replicaBuried(group: GroupID, replica: ReplicaID)
    /// The replica's whole durable state, so that segments before this record may go.
    case restated(RecoveredReplica)

    package var group: GroupID {
        switch self {
        case .replicaCreated(let group, _, _), .entries(let group, _, _), .hardState(let group, _, _),
            .truncatedSuffix(let group, _, _), .compacted(let group, _, _),
            .snapshotApplied(let group, _, _, _), .replicaBuried(let group, _):
            group
        case .restated(let replica): replica.group
        }
    }
}

/// What the log knows of one replica after every record was read.
package struct RecoveredReplica: Hashable, Sendable {
    package var group: GroupID
    package var replica: ReplicaID
    package var hardState: HardState
    /// Which generation of the group's state in the state store is the current one.
    package var generation: UInt32
    /// Where the log starts: `entries` begin at `point.index + 1`.
    package var point: SnapshotPoint
    package var entries: [LogEntry]

    package init(
        group: GroupID, replica: ReplicaID, hardState: HardState = HardState(), generation: UInt32 = 0,
        point: SnapshotPoint = .start, entries: [LogEntry] = []
    ) {
        self.group = group
        self.replica = replica
        self.hardState = hardState
        self.generation = generation
        self.point = point
        self.entries = entries
    }
}
