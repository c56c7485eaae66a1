import Vocabulary
import Wire

/// Which segments are still needed, and by whom.
///
/// A replica needs everything from the record on that says all of it: its creation or its latest restatement.
/// So a segment may go once every replica's such record is in a later one. Fed only with durable batches.
package struct SegmentTable: Sendable {
    package struct Segment: Hashable, Sendable {
        package var sequence: UInt64
        package var bytes: Int
    }

    /// Oldest first; the last is the one written to.
    package private(set) var segments: [Segment] = []
    private var beginnings: [GroupID: Beginning] = [:]
    private var tombstones: [Tombstone: UInt64] = [:]

    private struct Beginning: Hashable {
        var replica: ReplicaID
        var segment: UInt64
    }

    private struct Tombstone: Hashable {
        var group: GroupID
        var replica: ReplicaID
    }

    package init() {}

    package var totalBytes: Int { segments.reduce(0) { $0 + $1.bytes } }

    /// From now on batches go to this segment.
    package mutating func use(segment: UInt64, bytes: Int) {
        segments.append(Segment(sequence: segment, bytes: bytes))
    }

    /// These items are durable in the segment in use.
    package mutating func record(_ items: [LogItem]) {
        guard let current = segments.last?.sequence else {
            preconditionFailure("items were recorded before any segment was in use")
        }
        for item in items {
            switch item {
            case .replicaCreated(let group, let replica, _):
                beginnings[group] = Beginning(replica: replica, segment: current)
            case .restated(let replica):
                beginnings[replica.group] = Beginning(replica: replica.replica, segment: current)
            case .replicaBuried(let group, let replica):
                tombstones[Tombstone(group: group, replica: replica)] = current
                // A burial that is said again says nothing of the group's present replica.
                if beginnings[group]?.replica == replica { beginnings[group] = nil }
            case .entries, .hardState, .truncatedSuffix, .compacted, .snapshotApplied: break
            }
        }
    }

    /// The oldest segments that nobody needs, oldest first; never the one in use. Delete them in this order.
    package var deletable: [UInt64] {
        guard let current = segments.last?.sequence else { return [] }
        #if MUTANTS
        if Mutant.active == .segmentDroppedEarly {
            return segments.map(\.sequence).filter { $0 + 2 < current }
        }
        #endif
        let needed = min(
            current, beginnings.values.map(\.segment).min() ?? current, tombstones.values.min() ?? current)
        return segments.map(\.sequence).filter { $0 < needed }
    }

    package mutating func remove(_ sequence: UInt64) { segments.removeAll { $0.sequence == sequence } }

    /// What has to be said again so that the log shrinks to `bytesMax`: groups whose owner must append
    /// `.restated`, and burials that the log can repeat by itself. Sorted; empty when the log is small enough.
    package func pins(bytesMax: Int) -> (groups: [GroupID], burials: [LogItem]) {
        var excess = totalBytes - bytesMax
        var freed: UInt64 = 0
        for segment in segments.dropLast() where excess > 0 {
            excess -= segment.bytes
            freed = segment.sequence
        }
        let groups = beginnings.filter { $0.value.segment <= freed }.keys.sorted()
        let burials = tombstones.filter { $0.value <= freed }.keys
            .sorted { ($0.group, $0.replica) < ($1.group, $1.replica) }
            .map { LogItem.replicaBuried(group: $0.group, replica: $0.replica) }
        return (groups, burials)
    }
}
