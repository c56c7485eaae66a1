import Foundation
import Vocabulary
import Wire

/// Who a data directory belongs to: the file `IDENTITY`, kept with a lock so that no second process uses the
/// directory (rule M4). The cluster id is absent until the node has joined.
package struct NodeIdentity: Sendable, Codable {
    package var nodeID: String
    package var clusterID: String?
    /// Raised and synced at every start, before the node speaks to anyone.
    package var bootEpoch: UInt32
    /// The first start since another node let one in; `nil`: the last one was let in.
    package var unseen: Start?
    package var number: UInt32?
    package var metadataReplica: UInt64?
    package var name: String

    private enum CodingKeys: String, CodingKey {
        case nodeID = "node_id"
        case clusterID = "cluster_id"
        case bootEpoch = "boot_epoch"
        case number, name, unseen
        case metadataReplica = "metadata_replica"
    }

    /// One start of a node, as the files of a data directory say it.
    package struct Start: Sendable, Codable {
        private var bootEpoch: UInt32
        private var bootNonce: UInt64

        private enum CodingKeys: String, CodingKey {
            case bootEpoch = "boot_epoch"
            case bootNonce = "boot_nonce"
        }

        package init(_ stamp: BootStamp) {
            bootEpoch = stamp.epoch
            bootNonce = stamp.nonce
        }

        package var stamp: BootStamp { BootStamp(epoch: bootEpoch, nonce: bootNonce) }
    }

    /// Counts a start, and says what the others know it by (rule M4).
    package mutating func beginStart(nonce: UInt64) -> BootStamp {
        bootEpoch += 1
        let stamp = BootStamp(epoch: bootEpoch, nonce: nonce, unseen: unseen?.stamp)
        unseen = Start(stamp)
        return stamp
    }

    package var node: NodeID? { NodeID(nodeID) }
    package var cluster: ClusterID? { clusterID.flatMap { ClusterID($0) } }
}

/// Why a data directory cannot be used.
package enum DataDirectoryFailure: Error, CustomStringConvertible {
    case cannotCreate(path: String, reason: String)
    case inUse(path: String)
    case alreadyFormed(path: String)
    case unreadableIdentity(path: String, reason: String)
    case cannotWrite(path: String, reason: String)
    case newerFormat(path: String, found: Int, known: Int)
    case olderFormat(path: String, found: Int, known: Int)

    package var description: String {
        switch self {
        case .cannotCreate(let path, let reason): "cannot create the data directory \(path): \(reason)"
        case .inUse(let path): "another process uses the data directory \(path)"
        case .alreadyFormed(let path): "the data directory \(path) already belongs to a cluster"
        case .unreadableIdentity(let path, let reason): "cannot read \(path): \(reason)"
        case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
        case .newerFormat(let path, let found, let known):
            """
            the data directory \(path) is of format \(found), this build knows formats up to \(known): a newer build \
            has written to it. Nothing is damaged; start it with that build or a later one.
            """
        case .olderFormat(let path, let found, let known):
            """
            the data directory \(path) is of format \(found), this build reads formats from \(known) on: an older build \
            has written it. Nothing is damaged; start it with that build, or with one that reads both formats first.
            """
        }
    }
}

/// A locked data directory. The lock is held for the life of the process.
package final class DataDirectory: Sendable {
    package let path: String
    private let lockDescriptor: Int32

    package init(path: String) throws(DataDirectoryFailure) {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .cannotCreate(path: path, reason: "\(error)")
        }
        let descriptor = open(path + "/LOCK", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .cannotCreate(path: path, reason: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .inUse(path: path)
        }
        lockDescriptor = descriptor
    }

    deinit { close(lockDescriptor) }

    package var walPath: String { path + "/wal" }
    package var storePath: String { path + "/state" }
    private static let identityName = "IDENTITY"

    /// `nil` when the directory has never been used.
    package func readIdentity() throws(DataDirectoryFailure) -> NodeIdentity? {
        let identity = try read(NodeIdentity.self, named: Self.identityName)
        if let identity, identity.node == nil {
            throw .unreadableIdentity(path: "\(path)/\(Self.identityName)", reason: "node_id is not a UUID")
        }
        return identity
    }

    package func write(_ identity: NodeIdentity) throws(DataDirectoryFailure) {
        try write(identity, named: Self.identityName)
    }

    /// `nil` when there is no such file.
    func read<T: Decodable>(_ type: T.Type, named name: String) throws(DataDirectoryFailure) -> T? {
        let file = "\(path)/\(name)"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: file)))
        } catch {
            throw .unreadableIdentity(path: file, reason: "\(error)")
        }
    }

    /// Replaces a file atomically and durably: write aside, sync, rename, sync the directory.
    func write(_ value: some Encodable, named name: String) throws(DataDirectoryFailure) {
        let file = "\(path)/\(name)"
        let aside = file + ".new"
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(value).write(to: URL(fileURLWithPath: aside))
        } catch {
            throw .cannotWrite(path: aside, reason: "\(error)")
        }
        guard sync(path: aside, flags: O_RDWR), rename(aside, file) == 0,
            sync(path: path, flags: O_RDONLY | O_DIRECTORY)
        else { throw .cannotWrite(path: file, reason: String(cString: strerror(errno))) }
    }

    /// Whether the cluster has let this directory's node go for good: a file `left`, for whoever starts nodes.
    package func note(hasLeft: Bool) {
        let marker = path + "/left"
        if hasLeft {
            _ = FileManager.default.createFile(atPath: marker, contents: nil)
        } else {
            try? FileManager.default.removeItem(atPath: marker)
        }
    }

    private func sync(path: String, flags: Int32) -> Bool {
        let descriptor = open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
