import Vocabulary
import Wire

/// The state machine of group 0: members, replica sets and moves, the same on every node that has applied the
/// same log.
///
/// It holds intent and routing, no addresses and no liveness: those come from gossip. It decides nothing by
/// itself: `Coordinator` reads it and says the next commands.
package struct ClusterMetadata: Hashable, Sendable {
    /// Moves a node may take part in at once, as source or target.
    package static let movesPerNodeMax = 2

    /// `nil` until the cluster is formed.
    package internal(set) var formation: ClusterFormation?
    /// +1 with every change.
    package internal(set) var epoch: Epoch = .zero
    package internal(set) var featureLevel: UInt32 = 0
    package internal(set) var members: [NodeID: ClusterMember] = [:]
    /// Element p is partition p; empty until the cluster is formed.
    package internal(set) var partitions: [PartitionAssignment] = []
    /// Replica ids below this one were given out; a state that has not given an id out is older than that replica.
    package internal(set) var nextReplica: ReplicaID = ReplicaID(1)
    var nextNumber: UInt32 = 1
    /// Groups that lost their quorum and went on from one survivor, oldest first.
    package internal(set) var losses: [LossEvent] = []

    package init() {}

    /// Applies one committed command (rule A1: a function of the log alone).
    ///
    /// - Throws: when the command is not one this version knows; the replica must halt, never skip.
    package mutating func apply(_ bytes: [UInt8]) throws(DecodingFailure) -> MetadataOutcome {
        apply(try MetadataCommand(decoding: bytes))
    }

    package mutating func apply(_ command: MetadataCommand) -> MetadataOutcome {
        let before = self
        if let refusal = change(command) {
            self = before
            return .refused(refusal)
        }
        if self == before { return .unchanged }
        epoch = epoch.next
        return .applied(epoch)
    }

    /// Makes the change; what it did is thrown away when a refusal comes back.
    private mutating func change(_ command: MetadataCommand) -> MetadataRefusal? {
        if case .form(let formation) = command { return form(formation) }
        guard formation != nil else { return .notFormed }
        switch command {
        case .form: return .alreadyFormed
        case .addMember(let profile): return add(profile)
        case .setMemberState(let node, let state): return setState(of: node, to: state)
        case .assignPartitions(let sets, let epoch): return assign(sets, at: epoch)
        case .planMove(let partition, let target, let version):
            return planMove(of: partition, to: target, version: version)
        case .advanceMove(let partition, let move, let stage):
            return advance(partition, move: move, to: stage)
        case .finishMove(let partition, let move): return finish(partition, move: move)
        case .abortMove(let partition, let move): return abort(partition, move: move)
        case .raiseFeatureLevel(let level):
            featureLevel = max(featureLevel, level)
            return nil
        case .expel(let node): return expel(node)
        case .recover(let event, let version): return recover(event, version: version)
        }
    }

    mutating func drawReplica() -> ReplicaID {
        defer { nextReplica = nextReplica.next }
        return nextReplica
    }
}
