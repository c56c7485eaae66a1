import Vocabulary
import Wire

/// A command of group 0. Repeating one changes nothing; what depends on what was read carries the key of that
/// reading (the epoch, or the move's id) and is refused when it has passed.
package enum MetadataCommand: Hashable, Sendable {
    /// Entry 1 of a cluster (rule M6).
    case form(ClusterFormation)
    /// Makes a node a member, `joining`; for a member it updates zone, weight and feature level.
    case addMember(MemberProfile)
    /// Moves a member along its life.
    case setMemberState(NodeID, MemberState)
    /// Gives every partition its first voters; refused unless the epoch is still `epoch`.
    case assignPartitions([[NodeID]], epoch: Epoch)
    /// Intends new voters for a partition; refused unless its version is still `version` and no move is on.
    case planMove(PartitionID, target: [NodeID], version: UInt64)
    /// Reports, or with `.joint` asks, the next stage of a move.
    case advanceMove(PartitionID, move: Epoch, stage: MoveStage)
    /// The group has committed the target: it becomes the partition's voters.
    case finishMove(PartitionID, move: Epoch)
    /// Takes the intent back; refused from `.joint` on.
    case abortMove(PartitionID, move: Epoch)
    /// Raises the feature level; never lowers it.
    case raiseFeatureLevel(UInt32)
    /// A node that was lost is `left` at once, with whatever it held (`martlet recover`).
    case expel(NodeID)
    /// A group goes on from one survivor (`martlet recover`); for a partition refused unless its version is still
    /// `version`.
    case recover(LossEvent, version: UInt64)
}

/// What `init` decides for the life of a cluster.
package struct ClusterFormation: Hashable, Sendable {
    package var cluster: ClusterID
    package var name: String
    /// A power of two.
    package var partitionCount: UInt32
    package var replicationFactor: UInt32
    /// Partitions are assigned when this many members are up.
    package var expectedNodes: UInt32
    /// The node that forms the cluster; its replica of group 0 is `founderReplica`.
    package var founder: MemberProfile

    /// The replica id of the first voter of group 0.
    package static let founderReplica = ReplicaID(1)

    package init(
        cluster: ClusterID, name: String, partitionCount: UInt32, replicationFactor: UInt32,
        expectedNodes: UInt32, founder: MemberProfile
    ) {
        self.cluster = cluster
        self.name = name
        self.partitionCount = partitionCount
        self.replicationFactor = replicationFactor
        self.expectedNodes = expectedNodes
        self.founder = founder
    }

    /// What the founder's log begins with: group 0 with one voter, and its first entry, committed in term 1.
    package var firstLog: [LogItem] {
        let replica = Self.founderReplica
        let voter = Replica(node: founder.node, id: replica)
        let entry = LogEntry(
            index: LogIndex(1), term: Term(1), payload: .command(MetadataCommand.form(self).encoded()))
        return [
            .replicaCreated(
                group: .metadata, replica: replica, configuration: Configuration(voters: [voter])),
            .hardState(group: .metadata, replica: replica, HardState(term: Term(1), vote: replica)),
            .entries(group: .metadata, replica: replica, [entry]),
        ]
    }
}

/// What a command came to. The same on every replica.
package enum MetadataOutcome: Hashable, Sendable {
    /// The state changed; this is its epoch now.
    case applied(Epoch)
    /// The state was already so.
    case unchanged
    case refused(MetadataRefusal)
}

/// Why a command changed nothing.
package enum MetadataRefusal: Hashable, Sendable {
    case notFormed
    /// The cluster exists already.
    case alreadyFormed
    /// A count is zero or not a power of two, a set is empty, repeats a node or has the wrong number of sets.
    case malformed
    case unknownMember(NodeID)
    case unknownPartition(PartitionID)
    /// The epoch or version that the command was based on has passed.
    case stale
    /// The partitions have their first voters already.
    case alreadyAssigned
    /// A member's life does not go this way.
    case transition(from: MemberState, to: MemberState)
    /// A node with replicas cannot be `left`.
    case stillHoldsReplicas
    /// Nobody would stay: operators who remove several members at once each saw the others still there.
    case lastMember
    /// The member may not receive replicas in its state.
    case notReceiving(NodeID)
    /// One move per partition.
    case moveInFlight
    /// Two moves per node.
    case nodeBusy(NodeID)
    /// That move is over or never was.
    case noSuchMove
    /// The move is joint: only forward.
    case tooLate
}
