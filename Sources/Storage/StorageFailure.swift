import Vocabulary

/// A disk or the state store did not do what was asked. The process ends: what a failed write left behind is
/// unknown, and a retry may report a success that never reached the disk (rule D1).
package struct StorageFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being done, as `fdatasync 0000000000000001.wal`.
    package var operation: String
    /// The system's or the store's own words.
    package var reason: String
    /// Nothing is damaged: what was read is of a kind that only a newer build knows.
    package var isOfNewerBuild = false

    package init(operation: String, reason: String) {
        self.operation = operation
        self.reason = reason
    }

    /// The store's checksums were right, so what does not decode was either written so or by a newer build.
    package init(_ row: UnreadableRow) {
        operation = "read"
        isOfNewerBuild = row.isOfNewerBuild
        reason = (row.isOfNewerBuild ? "" : "Corruption: ") + row.description
    }

    package var description: String { "\(operation): \(reason)" }

    /// True when the state store found bytes that are not what it wrote (RocksDB's `Status::Corruption`).
    package var isCorruption: Bool { reason.hasPrefix("Corruption") }
}

/// The log on disk is not what was written: the node must not vote with it and is to be replaced (rule D6).
package struct StorageCorruption: Error, Hashable, Sendable, CustomStringConvertible {
    /// The segment's name; empty when the damage is not in one place.
    package var segment: String
    /// Bytes from the start of the segment.
    package var offset: Int
    package var reason: String
    /// Nothing is damaged: a newer build wrote it.
    package var isOfNewerBuild = false

    package init(segment: String, offset: Int, reason: String) {
        self.segment = segment
        self.offset = offset
        self.reason = reason
    }

    package var description: String { "corrupt log: \(segment) at byte \(offset): \(reason)" }
}
