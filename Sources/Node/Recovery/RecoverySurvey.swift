import Consensus
import Foundation
import RocksStorage
import Storage
import Vocabulary
import Wire

/// What one survivor's data directory holds: made on its own host, taken together on one.
package struct RecoverySurvey: Codable, Hashable, Sendable {
    package struct Log: Codable, Hashable, Sendable {
        package var group: UInt32
        package var replica: UInt64
        package var lastTerm: UInt64
        package var lastIndex: UInt64
        /// `node/replica`, as everywhere in this file.
        package var voters: [String]
        package var outgoing: [String]
        package var learners: [String]
    }

    package var cluster: String
    package var node: String
    package var name: String
    package var partitions: Int
    /// Members that have not left, by node id, with their names.
    package var members: [String: String]
    package var logs: [Log]

    /// Reads a data directory whose node does not run; nothing in it is changed but its lock.
    package static func make(dataDirectory path: String) throws -> RecoverySurvey {
        guard FileManager.default.fileExists(atPath: path + "/IDENTITY") else {
            throw RecoveryFailure("\(path) is no data directory of a node")
        }
        let directory = try DataDirectory(path: path)
        try directory.checkFormat()
        guard let identity = try directory.readIdentity(), let node = identity.node,
            let cluster = identity.cluster
        else { throw RecoveryFailure("\(path) belongs to no cluster") }
        let logs = try WriteAheadLog.inspect(directory: directory.walPath, cluster: cluster, node: node)
        let metadata = try metadata(directory, logs[.metadata])
        return RecoverySurvey(
            cluster: cluster.description, node: node.description, name: identity.name,
            partitions: metadata.partitionCount,
            members: Dictionary(
                metadata.members.values.filter { $0.state != .left }.map { ($0.node.description, $0.name) }
            ) { first, _ in first },
            logs: logs.values.sorted { $0.group < $1.group }.map { Log(SurvivingLog(node: node, $0)) })
    }

    /// Group 0's state with everything that the log has after it: for names and the number of partitions.
    private static func metadata(
        _ directory: DataDirectory, _ replica: RecoveredReplica?
    ) throws -> ClusterMetadata {
        guard let replica else { return ClusterMetadata() }
        let store = try RocksStateStore(path: directory.storePath)
        var state = try MetadataHost.load(from: store, generation: replica.generation)
        let applied = store.applied(group: .metadata, generation: replica.generation)
        for entry in replica.entries where entry.index > applied {
            if case .command(let command) = entry.payload { _ = try state.apply(command) }
        }
        return state
    }
}

extension RecoverySurvey.Log {
    init(_ log: SurvivingLog) {
        self.init(
            group: log.group.raw, replica: log.replica.raw, lastTerm: log.lastTerm.raw,
            lastIndex: log.lastIndex.raw, voters: log.configuration.voters.map(text),
            outgoing: log.configuration.outgoing.map(text), learners: log.configuration.learners.map(text))
    }

    func surviving(on node: NodeID) throws -> SurvivingLog {
        SurvivingLog(
            node: node, group: GroupID(group), replica: ReplicaID(replica), lastTerm: Term(lastTerm),
            lastIndex: LogIndex(lastIndex),
            configuration: Configuration(
                voters: try voters.map(parsed), outgoing: try outgoing.map(parsed),
                learners: try learners.map(parsed)))
    }
}

private func text(_ replica: Replica) -> String { "\(replica.node)/\(replica.id)" }

private func parsed(_ text: String) throws -> Replica {
    let parts = text.split(separator: "/")
    guard parts.count == 2, let node = NodeID(String(parts[0])), let id = UInt64(parts[1]) else {
        throw RecoveryFailure("'\(text)' is no replica")
    }
    return Replica(node: node, id: ReplicaID(id))
}
