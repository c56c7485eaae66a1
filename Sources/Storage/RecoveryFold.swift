import Vocabulary
import Wire

/// Folds the log's items into what each replica knew when the last batch became durable.
///
/// Deleting old segments can leave items of a replica before the record that restates it. They are stepped over,
/// but only when that record does come: a replica whose beginning is missing is corruption.
package struct RecoveryFold: Sendable {
    package private(set) var replicas: [GroupID: RecoveredReplica] = [:]
    /// Replicas that are gone for ever, by group; they must never come back (rule M2).
    package private(set) var buried: [GroupID: Set<ReplicaID>] = [:]
    private var headless: [GroupID: ReplicaID] = [:]

    package init() {}

    /// - Throws: `StorageCorruption` when a replica's beginning is missing.
    package func finish() throws(StorageCorruption) {
        guard let first = headless.min(by: { $0.key < $1.key }) else { return }
        throw StorageCorruption(
            segment: "", offset: 0,
            reason: "the beginning of replica \(first.value) of group \(first.key) is missing")
    }

    /// - Throws: `StorageCorruption` for an item that cannot follow the ones before it.
    package mutating func apply(_ item: LogItem) throws(StorageCorruption) {
        switch item {
        case .replicaCreated(let group, let replica, let configuration):
            let start = SnapshotPoint(index: .zero, term: .zero, configuration: configuration)
            if replicas[group]?.replica == replica {
                // Starting over would forget votes and entries that others count on.
                throw StorageCorruption(
                    segment: "", offset: 0, reason: "replica \(replica) of group \(group) is created twice")
            }
            try begin(RecoveredReplica(group: group, replica: replica, point: start))
        case .restated(let replica):
            try begin(replica)
        case .replicaBuried(let group, let replica):
            buried[group, default: []].insert(replica)
            if replicas[group]?.replica == replica { replicas[group] = nil }
            if headless[group] == replica { headless[group] = nil }
        case .entries(let group, let replica, let entries):
            try change(group, replica) { known throws(StorageCorruption) in try known.append(entries) }
        case .hardState(let group, let replica, let state):
            try change(group, replica) { known throws(StorageCorruption) in known.hardState = state }
        case .truncatedSuffix(let group, let replica, let from):
            try change(group, replica) { known throws(StorageCorruption) in known.truncateSuffix(from: from) }
        case .compacted(let group, let replica, let point):
            try change(group, replica) { known throws(StorageCorruption) in known.compact(to: point) }
        case .snapshotApplied(let group, let replica, let generation, let point):
            try change(group, replica) { known throws(StorageCorruption) in
                known.generation = generation
                known.point = point
                known.entries = []
            }
        }
    }

    private mutating func begin(_ replica: RecoveredReplica) throws(StorageCorruption) {
        if buried[replica.group]?.contains(replica.replica) == true {
            throw StorageCorruption(
                segment: "", offset: 0,
                reason: "replica \(replica.replica) of group \(replica.group) goes on after its burial")
        }
        replicas[replica.group] = replica
        headless[replica.group] = nil
    }

    private mutating func change(
        _ group: GroupID, _ replica: ReplicaID,
        _ body: (inout RecoveredReplica) throws(StorageCorruption) -> Void
    ) throws(StorageCorruption) {
        guard var known = replicas[group], known.replica == replica else {
            if buried[group]?.contains(replica) != true { headless[group] = replica }
            return
        }
        replicas[group] = nil
        try body(&known)
        replicas[group] = known
    }
}

extension RecoveredReplica {
    /// The last index that the log holds or stands for.
    package var lastIndex: LogIndex { entries.last?.index ?? point.index }

    fileprivate mutating func append(_ new: [LogEntry]) throws(StorageCorruption) {
        let fresh = new.drop { $0.index <= point.index }
        guard let first = fresh.first else { return }
        guard first.index <= lastIndex.next else {
            throw StorageCorruption(
                segment: "", offset: 0,
                reason: "group \(group) goes on at index \(first.index) after \(lastIndex)")
        }
        truncateSuffix(from: first.index)
        entries += fresh
    }

    fileprivate mutating func truncateSuffix(from: LogIndex) {
        let kept = from.distance(after: point.index.next)
        if kept < entries.count { entries.removeLast(entries.count - kept) }
    }

    fileprivate mutating func compact(to new: SnapshotPoint) {
        guard new.index > point.index else { return }
        entries.removeFirst(min(entries.count, new.index.distance(after: point.index)))
        point = new
    }
}
