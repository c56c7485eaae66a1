import Vocabulary
import Wire

/// Judges the configurations of all groups: consecutive ones must share a quorum (I6), and what is committed
/// must be on a quorum of disks (G1). It counts by itself, over all subsets, not as the machines do.
struct ConfigurationChecker {
    private struct History {
        /// Of the committed entries, oldest first; the first is the one that the group began with.
        var committed: [(index: LogIndex, configuration: Configuration)] = []
        /// Every one that was ever in somebody's log, with its first place.
        var seen: [(index: LogIndex, configuration: Configuration)] = []
        /// The entries that brought them.
        var entries: [LogEntry] = []
    }

    private var histories: [GroupID: History] = [:]

    func last(of group: GroupID) -> Configuration? { histories[group]?.committed.last?.configuration }

    /// A replica came to be with this configuration.
    mutating func created(_ group: GroupID, _ configuration: Configuration) {
        guard !configuration.voters.isEmpty, histories[group] == nil else { return }
        histories[group] = History(committed: [(.zero, configuration)], seen: [(.zero, configuration)])
    }

    mutating func appended(_ entries: [LogEntry], in group: GroupID) {
        for entry in entries {
            guard case .configuration(let configuration) = entry.payload,
                histories[group]?.seen.contains(where: {
                    $0.index == entry.index && $0.configuration == configuration
                }) != true
            else { continue }
            histories[group, default: History()].seen.append((entry.index, configuration))
            histories[group]?.entries.append(entry)
        }
    }

    /// I6. Returns what is wrong.
    mutating func committed(_ configuration: Configuration, at index: LogIndex, in group: GroupID) -> String?
    {
        defer { histories[group]?.committed.append((index, configuration)) }
        guard let before = histories[group]?.committed.last?.configuration else { return nil }
        if Self.canDisagree(before, configuration) {
            return "group \(group): \(configuration) follows \(before) and they share no quorum (I6)"
        }
        return nil
    }

    /// True when the disks that hold the entry are a quorum of a configuration that can have been in force when
    /// it was committed: the committed one before it, or a later one in somebody's log. A configuration needs a quorum
    /// of its own: a joint one that is committed by the voters of the one after it has not asked the old ones.
    func isOnQuorum(_ entry: LogEntry, in group: GroupID, holds: (ReplicaID) -> Bool) -> Bool {
        guard let history = histories[group], let last = history.committed.last else { return false }
        if let own = entry.payload.configuration, !Self.isQuorum(of: own, holds) { return false }
        if Self.isQuorum(of: last.configuration, holds) && entry.payload.configuration == nil { return true }
        let later = history.seen.filter { $0.index > last.index }
        return later.contains { Self.isQuorum(of: $0.configuration, holds) }
    }

    /// True when the group has gone to these voters for good: nobody need have applied that yet, but it is on a quorum of
    /// their disks, and nothing of a change is left in it.
    func hasGone(to voters: [Replica], _ group: GroupID, holds: (ReplicaID, LogEntry) -> Bool) -> Bool {
        guard let history = histories[group] else { return false }
        func isIt(_ configuration: Configuration) -> Bool {
            configuration.voters == voters && !configuration.isJoint
        }
        if history.committed.contains(where: { isIt($0.configuration) }) { return true }
        return history.entries.contains { entry in
            guard let configuration = entry.payload.configuration, isIt(configuration) else { return false }
            return Self.isQuorum(of: configuration) { holds($0, entry) }
        }
    }

    func mayLose(_ node: NodeID) -> Bool {
        histories.values.allSatisfy { history in
            guard let last = history.committed.last?.configuration else { return true }
            return [last.voters, last.outgoing].allSatisfy { half in
                !half.contains { $0.node == node } || half.count >= 3
            }
        }
    }

    private static func isQuorum(of configuration: Configuration, _ holds: (ReplicaID) -> Bool) -> Bool {
        [configuration.voters, configuration.outgoing].allSatisfy { half in
            half.isEmpty || half.filter { holds($0.id) }.count * 2 > half.count
        }
    }

    /// True when two quorums, one of each, have no replica in common.
    private static func canDisagree(_ one: Configuration, _ other: Configuration) -> Bool {
        let all = Set(one.voters + one.outgoing + other.voters + other.outgoing).sorted()
        guard all.count <= 14 else { return false }
        for bits in 0..<(1 << all.count) {
            let side = Set(all.indices.filter { bits >> $0 & 1 == 1 }.map { all[$0].id })
            if isQuorum(of: one, side.contains) && isQuorum(of: other, { !side.contains($0) }) { return true }
        }
        return false
    }
}

extension EntryPayload {
    fileprivate var configuration: Configuration? {
        if case .configuration(let configuration) = self { return configuration }
        return nil
    }
}
