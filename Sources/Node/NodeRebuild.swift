import Foundation
import NodeConfig

/// Takes a damaged node out of its data directory, so that the next start joins as a new node (rules D6, M4).
package enum NodeRebuild {
    /// What was moved, and from whom.
    package struct Outcome: Sendable {
        /// The node that the cluster is to replace; `nil` when the identity could not be read.
        package var oldNode: String?
        package var movedTo: String
        package var reason: String?
    }

    /// Moves log, state and identity into a directory of their own beside each other; nothing is deleted.
    ///
    /// - Parameter isForced: also when nothing says that the directory is damaged.
    /// - Throws: when a process uses the directory, or it is not known to be damaged.
    package static func run(configuration: NodeConfiguration, isForced: Bool) throws -> Outcome {
        let directory: DataDirectory
        do {
            directory = try DataDirectory(path: configuration.dataDirectory)
        } catch {
            throw NodeFailure.directory(error)
        }
        let reason = directory.condemnation()
        guard reason != nil || isForced else { throw NodeFailure.notDamaged(directory.path) }
        guard !configuration.seeds.isEmpty else { throw NodeFailure.noCluster(directory.path) }
        let old = try? directory.readIdentity()?.nodeID
        return Outcome(oldNode: old, movedTo: try directory.setAside(), reason: reason)
    }
}

extension DataDirectory {
    /// Moves everything of the node that was here into `damaged-N`; its identity first, so that an interruption
    /// leaves a directory that cannot start.
    fileprivate func setAside() throws -> String {
        let files = FileManager.default
        var number = 1
        while files.fileExists(atPath: path + "/damaged-\(number)") { number += 1 }
        let target = path + "/damaged-\(number)"
        try files.createDirectory(atPath: target, withIntermediateDirectories: false)
        for name in ["IDENTITY", "IDENTITY.new", "FORMAT", "PEERS", "wal", "state", "CORRUPT"] {
            let source = path + "/" + name
            if files.fileExists(atPath: source) {
                try files.moveItem(atPath: source, toPath: target + "/" + name)
            }
        }
        return target
    }
}
