import Vocabulary
import Wire

/// One replica that has survived, as its node's log has it.
package struct SurvivingLog: Hashable, Sendable {
    package var node: NodeID
    package var group: GroupID
    package var replica: ReplicaID
    package var lastTerm: Term
    package var lastIndex: LogIndex
    /// The configuration in force at the end of the log.
    package var configuration: Configuration

    package init(
        node: NodeID, group: GroupID, replica: ReplicaID, lastTerm: Term, lastIndex: LogIndex,
        configuration: Configuration
    ) {
        self.node = node
        self.group = group
        self.replica = replica
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
        self.configuration = configuration
    }

    package init(node: NodeID, _ recovered: RecoveredReplica) {
        self.init(
            node: node, group: recovered.group, replica: recovered.replica,
            lastTerm: recovered.entries.last?.term ?? recovered.point.term, lastIndex: recovered.lastLogIndex,
            configuration: recovered.configurationInForce)
    }
}

/// One group that goes on from a single survivor.
package struct RecoveryStep: Hashable, Sendable {
    /// The log that it goes on from.
    package var source: SurvivingLog
    /// The new incarnation of that replica (rule M3): what is said to or by the old one is dropped.
    package var newReplica: ReplicaID
    /// Voters of the group whose logs were not found.
    package var missing: [NodeID]

    package init(source: SurvivingLog, newReplica: ReplicaID, missing: [NodeID]) {
        self.source = source
        self.newReplica = newReplica
        self.missing = missing
    }
}

/// What is to be done so that every group has a quorum again, and what cannot be done.
package struct RecoveryPlan: Hashable, Sendable {
    /// In the order of their groups; group 0 first.
    package var steps: [RecoveryStep] = []
    /// Groups of which no log with anything in it was found.
    package var hopeless: [GroupID] = []
    /// Groups that have a quorum without help.
    package var healthy: [GroupID] = []
}

/// Decides how groups go on that have lost their quorum for ever.
///
/// This is not consensus. Something may be lost that was acknowledged: what only the lost replicas had. Of the
/// survivors the log with the highest (last term, last index) is chosen, because no other can hold more of what was
/// committed (thesis, section 3.6.1, with the lost replicas left out). An empty log is never chosen: a node that was
/// wiped knows nothing.
package enum RecoveryPlanner {
    /// Replica ids of recovered replicas start here: group 0 gives out small ones and never gets here.
    package static let firstReplica: UInt64 = 1 << 62

    /// - Parameters:
    ///   - logs: of every survivor that could be read; a node that is not in it is taken for lost.
    ///   - groups: every group that there should be.
    ///   - salt: random, so that two recoveries never name the same replica.
    package static func plan(logs: [SurvivingLog], groups: [GroupID], salt: UInt32) -> RecoveryPlan {
        let byGroup = Dictionary(grouping: logs.filter { $0.lastIndex > .zero }, by: \.group)
        var plan = RecoveryPlan()
        for group in Set(groups).union(byGroup.keys).sorted() {
            guard let best = byGroup[group]?.max(by: isLess) else {
                plan.hopeless.append(group)
                continue
            }
            let present = Set((byGroup[group] ?? []).map { Replica(node: $0.node, id: $0.replica) })
            let configuration = best.configuration
            if hasQuorum(configuration.voters, present) && hasQuorum(configuration.outgoing, present) {
                plan.healthy.append(group)
                continue
            }
            let voters = Set(configuration.voters + configuration.outgoing)
            plan.steps.append(
                RecoveryStep(
                    source: best,
                    newReplica: ReplicaID(firstReplica | UInt64(salt) << 24 | UInt64(group.raw & 0xFF_FFFF)),
                    missing: voters.filter { !present.contains($0) }.map(\.node).sorted()))
        }
        return plan
    }

    private static func isLess(_ a: SurvivingLog, _ b: SurvivingLog) -> Bool {
        (a.lastTerm, a.lastIndex, b.node) < (b.lastTerm, b.lastIndex, a.node)
    }

    /// An empty half of a configuration asks for nothing; a group without voters has no quorum.
    private static func hasQuorum(_ replicas: [Replica], _ present: Set<Replica>) -> Bool {
        replicas.isEmpty || replicas.count { present.contains($0) } > replicas.count / 2
    }
}

extension RecoveredReplica {
    package var lastLogIndex: LogIndex { entries.last?.index ?? point.index }

    /// The last configuration in the log; what the log starts from when there is none.
    package var configurationInForce: Configuration {
        for entry in entries.reversed() {
            if case .configuration(let configuration) = entry.payload { return configuration }
        }
        return point.configuration
    }

    /// The same log as a group of one: a new replica, a term that nobody has used, and the forced configuration as
    /// its last entry, followed by `commands`.
    package func recovered(as replica: Replica, commands: [[UInt8]]) -> RecoveredReplica {
        let term = max(hardState.term, entries.last?.term ?? point.term).next
        var copy = self
        copy.replica = replica.id
        copy.hardState = HardState(term: term)
        var index = lastLogIndex.next
        copy.entries.append(
            LogEntry(index: index, term: term, payload: .configuration(Configuration(voters: [replica]))))
        for command in commands {
            index = index.next
            copy.entries.append(LogEntry(index: index, term: term, payload: .command(command)))
        }
        return copy
    }
}
