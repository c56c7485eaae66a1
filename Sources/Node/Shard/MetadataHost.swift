import Consensus
import RocksStorage
import Storage
import Vocabulary
import Wire

/// The applied state of group 0 on this node, and who waits for its commands.
struct MetadataHost {
    /// The one key of group 0's state.
    static let stateKey: [UInt8] = Array("state".utf8)

    private(set) var state: ClusterMetadata
    /// Called with every new state, on the metadata shard's loop.
    let publish: @Sendable (ClusterMetadata) -> Void
    /// Coordinator commands that were proposed and not applied yet.
    var coordinatorPending: Set<LogIndex> = []
    var waiting: [LogIndex: @Sendable (MetadataOutcome?, ClusterMetadata) -> Void] = [:]

    init(state: ClusterMetadata, publish: @escaping @Sendable (ClusterMetadata) -> Void) {
        self.state = state
        self.publish = publish
    }

    /// - Throws: when the stored state is not one this version reads.
    static func load(
        from store: RocksStateStore, generation: UInt32
    ) throws(DecodingFailure) -> ClusterMetadata {
        let view = store.view(group: .metadata, generation: generation)
        guard let bytes = view.value(of: stateKey) else { return ClusterMetadata() }
        return try ClusterMetadata(decoding: bytes)
    }

    mutating func reload(from store: RocksStateStore, generation: UInt32) throws(DecodingFailure) {
        state = try Self.load(from: store, generation: generation)
        publish(state)
    }

    /// The digest of the state as it is, which is written as a whole.
    var digest: StateDigest {
        var digest = StateDigest()
        digest.add(state.encoded())
        return digest
    }

    /// Applies one command and says what it did to whoever proposed it.
    mutating func apply(_ command: [UInt8], at index: LogIndex) throws(DecodingFailure) {
        let outcome = try state.apply(command)
        coordinatorPending.remove(index)
        waiting.removeValue(forKey: index)?(outcome, state)
    }

    /// Leadership was lost: what was proposed may or may not come to be.
    mutating func forgetProposals() {
        coordinatorPending = []
        let all = waiting.sorted { $0.key < $1.key }
        waiting = [:]
        for (_, answer) in all { answer(nil, state) }
    }
}
