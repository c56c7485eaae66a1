import Foundation
import Glibc
import NodeConfig
import Storage
import Vocabulary
import Wire

/// How this process ends when its storage cannot be trusted any more.
///
/// Corruption is written down in the data directory, so that no later start votes with it (rule D6): such a node
/// is rebuilt as a new one. A disk that failed is left as it is; a start may find it in order (rule D1).
package struct StorageEnding: Sendable {
    private let directory: DataDirectory

    package init(_ directory: DataDirectory) { self.directory = directory }

    /// For a write, flush or read that failed.
    @Sendable func failed(_ failure: StorageFailure) -> Never {
        if failure.isOfNewerBuild { newer(failure.reason) }
        if failure.isCorruption { corrupt("the state store is corrupt: \(failure)") }
        stopProcess("the state store failed: \(failure)")
    }

    /// Ends the process when `body` fails.
    func orEnd<R>(_ body: () throws(StorageFailure) -> R) -> R {
        do { return try body() } catch { failed(error) }
    }

    /// Ends with exit code 65, now and at every start from this directory.
    func corrupt(_ reason: String) -> Never {
        directory.condemn(reason)
        end(.storageCorrupt(reason))
    }

    /// Ends with exit code 78: the directory is well, this build is too old for it.
    func newer(_ reason: String) -> Never { end(.newerData(reason)) }

    /// A committed entry of a group cannot be read: its bytes were checked, so that only a newer build can have
    /// written a value that is unknown (rule A1: it is never skipped).
    func unreadableEntry(_ failure: any Error, of group: GroupID) -> Never {
        let reason = "group \(group) holds an entry that this build cannot read: \(failure)"
        if case .unknown = failure as? DecodingFailure { newer(reason) }
        corrupt(reason)
    }

    /// The stored metadata, which is one row.
    func orUnreadable<R>(_ body: () throws(DecodingFailure) -> R) -> R {
        do { return try body() } catch {
            var isOfNewerBuild = false
            if case .unknown = error { isOfNewerBuild = true }
            failed(
                StorageFailure(
                    UnreadableRow(
                        table: "metadata", key: MetadataHost.stateKey, reason: "\(error)",
                        isOfNewerBuild: isOfNewerBuild)))
        }
    }

    private func end(_ failure: NodeFailure) -> Never {
        FileHandle.standardError.write(Data("martlet: \(failure)\n".utf8))
        _exit(failure.exit.rawValue)
    }
}

extension DataDirectory {
    private var condemnedPath: String { path + "/CORRUPT" }

    /// Why this directory must not be used any more; `nil` for one that may.
    package func condemnation() -> String? {
        guard let data = FileManager.default.contents(atPath: condemnedPath) else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// Notes that the directory must not be used any more. As well as it can: the disk may be failing.
    func condemn(_ reason: String) {
        let descriptor = open(condemnedPath, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array((reason + "\n").utf8)
        if Glibc.write(descriptor, bytes, bytes.count) == bytes.count { fsync(descriptor) }
    }
}
