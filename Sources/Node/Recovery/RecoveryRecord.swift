import Consensus
import Foundation
import Vocabulary
import Wire

/// What a recovery decided, as a file: the plan that `martlet recover plan` writes, and the record that
/// `martlet recover apply` leaves in the data directory (`RECOVERY`), which the node reads at every start.
package struct RecoveryRecord: Codable, Hashable, Sendable {
    package struct Step: Codable, Hashable, Sendable {
        /// 0 is the cluster's metadata, 1 + p is partition p.
        package var group: UInt32
        package var node: String
        package var oldReplica: UInt64
        package var newReplica: UInt64
        package var lastTerm: UInt64
        package var lastIndex: UInt64
        /// Voters whose logs were not found.
        package var missing: [String]

        private enum CodingKeys: String, CodingKey {
            case group, node, missing
            case oldReplica = "old_replica"
            case newReplica = "new_replica"
            case lastTerm = "last_term"
            case lastIndex = "last_index"
        }
    }

    package static let fileName = "RECOVERY"

    package var cluster: String
    package var steps: [Step] = []
    /// Nodes that must never come back.
    package var lost: [String] = []
    /// Partitions of which nothing was found.
    package var hopeless: [UInt32] = []

    package static let none = RecoveryRecord(cluster: "")

    /// `none` when nothing was ever recovered in the directory.
    static func read(directory: String) throws -> RecoveryRecord {
        let path = directory + "/" + fileName
        guard FileManager.default.fileExists(atPath: path) else { return .none }
        return try read(file: path)
    }

    package static func read(file path: String) throws -> RecoveryRecord {
        do {
            return try JSONDecoder().decode(
                RecoveryRecord.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch { throw RecoveryFailure("cannot read \(path): \(error)") }
    }

    package func write(file path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do {
            try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch { throw RecoveryFailure("cannot write \(path): \(error)") }
    }

    var lostNodes: [NodeID] { lost.compactMap { NodeID($0) } }

    /// The loss of each group, by group; group 0 has told its own.
    var events: [GroupID: LossEvent] {
        let events = steps.compactMap { step in step.group == 0 ? nil : step.event }
        return Dictionary(events.map { ($0.group, $0) }) { _, last in last }
    }

    /// Adds a later recovery of the same directory.
    mutating func add(_ later: RecoveryRecord) {
        cluster = later.cluster
        steps += later.steps
        lost += later.lost.filter { !lost.contains($0) }
        hopeless = later.hopeless
    }
}

extension RecoveryRecord.Step {
    var event: LossEvent? {
        guard let node = NodeID(node) else { return nil }
        return LossEvent(
            group: GroupID(group), survivor: Replica(node: node, id: ReplicaID(newReplica)),
            lastTerm: Term(lastTerm), lastIndex: LogIndex(lastIndex))
    }

    init(_ step: RecoveryStep) {
        self.init(
            group: step.source.group.raw, node: step.source.node.description,
            oldReplica: step.source.replica.raw, newReplica: step.newReplica.raw,
            lastTerm: step.source.lastTerm.raw, lastIndex: step.source.lastIndex.raw,
            missing: step.missing.map(\.description))
    }
}
