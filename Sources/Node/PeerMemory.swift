import Foundation
import NIOConcurrencyHelpers
import NIOPosix
import PeerTransport
import Vocabulary
import Wire

/// The file `PEERS` of a data directory: the last start of every other node that was let in (rule M4). It is
/// written before anything of that process is believed, so that a disk that was set back is known by its epoch even
/// when all nodes have restarted meanwhile. `IDENTITY` says, before this process uses a link, that it was let in.
final class PeerMemory: BootMemory {
    private typealias Start = NodeIdentity.Start

    private let directory: DataDirectory
    private let pool: NIOThreadPool
    private let kept: NIOLockedValueBox<[NodeID: BootStamp]>
    /// The identity file says that this start was let in.
    private let isLetIn = NIOLockedValueBox(false)
    /// Held while the file is written: one write at a time, each with everything before it.
    private let writing = NIOLock()

    /// - Parameter pool: for writes, which wait for the disk.
    init(_ directory: DataDirectory, pool: NIOThreadPool) throws(DataDirectoryFailure) {
        self.directory = directory
        self.pool = pool
        var stamps: [NodeID: BootStamp] = [:]
        let starts = try directory.read([String: Start].self, named: Self.fileName) ?? [:]
        for (name, start) in starts {
            guard let node = NodeID(name) else {
                throw .unreadableIdentity(
                    path: "\(directory.path)/\(Self.fileName)", reason: "\(name) is no node id")
            }
            stamps[node] = start.stamp
        }
        kept = NIOLockedValueBox(stamps)
    }

    static let fileName = "PEERS"

    var stamps: [NodeID: BootStamp] { kept.withLockedValue { $0 } }

    func remember(_ stamp: BootStamp, of node: NodeID, done: @escaping @Sendable (Bool) -> Void) {
        pool.submit { state in
            done(state == .active && self.keep(stamp, of: node))
        }
    }

    func wasLetIn(done: @escaping @Sendable (Bool) -> Void) {
        if isLetIn.withLockedValue({ $0 }) { return done(true) }
        pool.submit { state in done(state == .active && self.keepThatItWasLetIn()) }
    }

    /// Nothing else writes the identity once the node is in a cluster.
    private func keepThatItWasLetIn() -> Bool {
        writing.withLock {
            if isLetIn.withLockedValue({ $0 }) { return true }
            do {
                guard var identity = try directory.readIdentity() else { return false }
                identity.unseen = nil
                try directory.write(identity)
            } catch { return false }
            isLetIn.withLockedValue { $0 = true }
            return true
        }
    }

    private func keep(_ stamp: BootStamp, of node: NodeID) -> Bool {
        writing.withLock {
            var all = stamps
            // A slower write of an older start comes late.
            if let known = all[node], known.epoch > stamp.epoch { return false }
            all[node] = stamp
            let starts = all.map { ($0.key.description, Start($0.value)) }
            do {
                try directory.write(Dictionary(uniqueKeysWithValues: starts), named: Self.fileName)
            } catch { return false }
            kept.withLockedValue { $0 = all }
            return true
        }
    }
}
