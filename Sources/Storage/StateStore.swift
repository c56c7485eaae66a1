import Vocabulary

/// Where groups keep what their logs have been applied to: ordered keys and values per group and generation.
///
/// A generation is one whole state of a group; a snapshot is installed as a new generation while the old one
/// stays (rule R5). Keys are not empty: the empty key is the store's own, for the applied index.
///
/// What can fail: a write or flush that throws leaves the store in an unknown state, and the caller ends the
/// process. A read that fails ends the process itself, because no caller can go on without the answer.
package protocol StateStore: AnyObject, Sendable {
    associatedtype View: StateView & Sendable
    associatedtype Snapshot: SnapshotSource

    /// Reads of what is written at the moment of each read. Cheap to make.
    func view(group: GroupID, generation: UInt32) -> View

    /// Writes the changes, the applied index and the changes' digest together or not at all (rule R1). Visible at
    /// once, durable later.
    func write(
        _ changes: StateChanges, group: GroupID, generation: UInt32, applied: LogIndex
    ) throws(StorageFailure)

    /// The applied index as visible now; zero for a generation that is not there.
    func applied(group: GroupID, generation: UInt32) -> LogIndex

    /// The applied index that survives a power loss: the bound of log compaction (rule R2).
    func persistedApplied(group: GroupID, generation: UInt32) -> LogIndex

    /// The digest that stands beside the applied index; zero for a generation that is not there (rule R4).
    func digest(group: GroupID, generation: UInt32) -> StateDigest

    /// Makes everything written before the call durable. Blocks on the disk.
    func flush() throws(StorageFailure)

    /// The generation as it is now, for sending it elsewhere or hashing it.
    func snapshot(group: GroupID, generation: UInt32) -> Snapshot

    /// Adds a chunk of another replica's snapshot to a generation that is not the current one. The last chunk
    /// brings the applied index along. Durable after `flush`.
    func ingest(_ pairs: [StatePair], group: GroupID, generation: UInt32) throws(StorageFailure)

    /// Removes all of a generation; nothing happens when it is not there.
    func removeGeneration(group: GroupID, generation: UInt32)

    /// Every generation that holds anything, sorted: what a start compares with the log to find orphans.
    func generations() -> [(group: GroupID, generation: UInt32)]
}

/// One generation at one moment, read once from beginning to end.
package protocol SnapshotSource: AnyObject, Sendable {
    /// The applied index that the pairs stand for.
    var applied: LogIndex { get }

    /// The next pairs, at least one and about `maxBytes` of them; empty after the end. Ordered by key, but for
    /// the very last pair, which has the empty key and carries the applied index.
    func next(maxBytes: Int) -> [StatePair]
}

/// The key and value under which a store keeps the applied index of a generation, and the digest at it.
package enum AppliedIndex {
    package static let key: [UInt8] = []

    package static func encode(_ mark: StateMark) -> [UInt8] {
        bigEndian(mark.index.raw) + bigEndian(mark.digest.raw)
    }

    /// Zero unless there are 16 bytes.
    package static func decode(_ bytes: [UInt8]) -> StateMark {
        guard bytes.count == 16 else { return StateMark(index: .zero, digest: .zero) }
        return StateMark(index: LogIndex(number(bytes[..<8])), digest: StateDigest(number(bytes[8...])))
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension StateStore {
    /// FNV-1a (64 bits) over all pairs in key order, the applied index left out: equal states, equal hashes
    /// (rule R4). Reads the whole generation.
    package func stateHash(group: GroupID, generation: UInt32) -> UInt64 {
        let source = snapshot(group: group, generation: generation)
        var hash = StateHash()
        while true {
            let pairs = source.next(maxBytes: 1 << 20)
            if pairs.isEmpty { return hash.value }
            for pair in pairs where pair.key != AppliedIndex.key { hash.add(pair) }
        }
    }
}

/// FNV-1a over pairs, each key and value preceded by its length.
package struct StateHash: Hashable, Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    package mutating func add(_ pair: StatePair) {
        add(pair.key)
        add(pair.value)
    }

    private mutating func add(_ bytes: [UInt8]) {
        for shift in stride(from: 0, to: 32, by: 8) { step(UInt8(truncatingIfNeeded: bytes.count >> shift)) }
        for byte in bytes { step(byte) }
    }

    private mutating func step(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
}
