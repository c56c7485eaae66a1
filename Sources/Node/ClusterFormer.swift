import Consensus
import Foundation
import NodeConfig
import Storage
import Vocabulary
import Wire

/// `martlet init`: forms a cluster in an unused data directory, once (rule M6).
enum ClusterFormer {
    /// Writes the identity and the first entry of group 0, both durable on return.
    static func form(_ configuration: NodeConfiguration, expectNodes: Int) throws -> ClusterID {
        let directory = try DataDirectory(path: configuration.dataDirectory)
        try directory.claimFormat()
        if try directory.readIdentity() != nil {
            throw DataDirectoryFailure.alreadyFormed(path: configuration.dataDirectory)
        }
        try removeUnfinishedLog(directory)
        var generator = SystemRandomNumberGenerator()
        let node = NodeID(high: generator.next(), low: generator.next())
        let cluster = ClusterID(high: generator.next(), low: generator.next())
        let founder = configuration.profile(of: node)
        let formation = ClusterFormation(
            cluster: cluster, name: configuration.cluster.name,
            partitionCount: UInt32(configuration.cluster.partitions),
            replicationFactor: UInt32(configuration.cluster.replicationFactor),
            expectedNodes: UInt32(expectNodes), founder: founder)
        try writeLog(formation, directory: directory)
        // Last, so that a crash before this line leaves a directory that can be formed again: its log is nobody's.
        try directory.write(
            NodeIdentity(
                nodeID: node.description, clusterID: cluster.description, bootEpoch: 0, number: nil,
                metadataReplica: ClusterFormation.founderReplica.raw, name: configuration.node.name))
        return cluster
    }

    /// A log without an identity is what a crash in the middle of forming left.
    private static func removeUnfinishedLog(_ directory: DataDirectory) throws {
        guard FileManager.default.fileExists(atPath: directory.walPath) else { return }
        do {
            try FileManager.default.removeItem(atPath: directory.walPath)
        } catch {
            throw DataDirectoryFailure.cannotWrite(path: directory.walPath, reason: "\(error)")
        }
    }

    private static func writeLog(_ formation: ClusterFormation, directory: DataDirectory) throws {
        let log = try WriteAheadLog.open(
            directory: directory.walPath, cluster: formation.cluster, node: formation.founder.node
        ).log
        log.append(formation.firstLog) {}
        // Returns when everything that was appended is on disk.
        log.close()
    }
}

extension NodeConfiguration {
    /// What the node says of itself to group 0.
    func profile(of node: NodeID) -> MemberProfile {
        MemberProfile(
            node: node, name: self.node.name, zone: self.node.zone, weight: self.node.weight,
            featureMax: FeatureLevel.supported)
    }
}
