import Consensus
import Foundation
import NodeConfig
import RocksStorage
import Storage
import Vocabulary
import Wire

/// Why a recovery cannot be planned or applied.
package struct RecoveryFailure: ProcessEnding {
    package var exit: ProcessExit { .failed }
    package var description: String
    init(_ description: String) { self.description = description }
}

/// `martlet recover`: unsafe, offline recovery of groups that have lost their quorum for ever.
///
/// Every survivor is surveyed, one plan is made from all surveys, and the plan is applied in each survivor's data
/// directory before any of them is started again. The lost nodes must never be started again.
package enum QuorumRecovery {
    /// - Throws: when the surveys are of several clusters or of one node twice.
    package static func plan(_ surveys: [RecoverySurvey]) throws -> RecoveryRecord {
        guard let first = surveys.first else { throw RecoveryFailure("no survivor was named") }
        guard Set(surveys.map(\.cluster)).count == 1 else {
            throw RecoveryFailure("the survivors belong to several clusters")
        }
        guard Set(surveys.map(\.node)).count == surveys.count else {
            throw RecoveryFailure("one node is named twice")
        }
        var logs: [SurvivingLog] = []
        for survey in surveys {
            guard let node = NodeID(survey.node) else {
                throw RecoveryFailure("'\(survey.node)' is no node id")
            }
            logs += try survey.logs.map { try $0.surviving(on: node) }
        }
        let partitions = surveys.map(\.partitions).max() ?? 0
        let groups = [GroupID.metadata] + (0..<partitions).map { GroupID(PartitionID(UInt32($0))) }
        let plan = RecoveryPlanner.plan(logs: logs, groups: groups, salt: .random(in: 1...UInt32.max))
        let present = Set(surveys.map(\.node))
        let known = Set(surveys.flatMap(\.members.keys)).union(
            plan.steps.flatMap { $0.missing.map(\.description) })
        return RecoveryRecord(
            cluster: first.cluster, steps: plan.steps.map { RecoveryRecord.Step($0) },
            lost: plan.steps.isEmpty ? [] : known.subtracting(present).sorted(),
            hopeless: plan.hopeless.compactMap { $0.partition?.raw })
    }

    /// Carries out the steps that are this directory's; returns their number. The rest of the plan is noted, so that
    /// the lost nodes are kept out.
    ///
    /// - Throws: when the node runs, the plan is another cluster's, or the log is not the one that was planned for.
    package static func apply(_ plan: RecoveryRecord, dataDirectory path: String) throws -> Int {
        let directory = try DataDirectory(path: path)
        try directory.claimFormat()
        guard let identity = try directory.readIdentity(), let node = identity.node,
            let cluster = identity.cluster
        else { throw RecoveryFailure("\(path) belongs to no cluster") }
        guard plan.cluster == cluster.description else {
            throw RecoveryFailure("the plan is for cluster \(plan.cluster), \(path) belongs to \(cluster)")
        }
        guard !plan.lost.contains(node.description) else {
            throw RecoveryFailure("the plan takes this node for lost; survey it and make a new plan")
        }
        var record = try RecoveryRecord.read(directory: path)
        let mine = plan.steps.filter { $0.node == node.description }
        let known = try WriteAheadLog.inspect(directory: directory.walPath, cluster: cluster, node: node)
        var items: [LogItem] = []
        for step in mine { items += try self.items(of: step, plan: plan, known: known[GroupID(step.group)]) }
        // The record first: a crash between the two finds a record of replicas that are not there, which says nothing.
        record.add(plan)
        try record.write(file: path + "/" + RecoveryRecord.fileName)
        guard !items.isEmpty else { return 0 }
        let log = try WriteAheadLog.open(directory: directory.walPath, cluster: cluster, node: node).log
        log.append(items) {}
        // Returns when everything that was appended is on disk.
        log.close()
        return mine.count
    }

    private static func items(
        of step: RecoveryRecord.Step, plan: RecoveryRecord, known: RecoveredReplica?
    ) throws -> [LogItem] {
        let group = GroupID(step.group)
        guard let known, let event = step.event else {
            throw RecoveryFailure("group \(group) has no log here")
        }
        let found = SurvivingLog(node: event.survivor.node, known)
        guard found.replica.raw == step.oldReplica, found.lastTerm.raw == step.lastTerm,
            found.lastIndex.raw == step.lastIndex
        else {
            throw RecoveryFailure(
                "group \(group) is not as it was surveyed: it was applied already, or the node ran since")
        }
        var commands: [[UInt8]] = []
        if group == .metadata {
            commands.append(MetadataCommand.recover(event, version: 0).encoded())
            commands += plan.lost.compactMap { NodeID($0) }.map { MetadataCommand.expel($0).encoded() }
        }
        return [
            .replicaBuried(group: group, replica: known.replica),
            .restated(known.recovered(as: event.survivor, commands: commands)),
        ]
    }
}
