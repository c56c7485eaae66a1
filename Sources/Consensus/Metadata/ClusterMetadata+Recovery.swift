import Vocabulary
import Wire

/// A group that went on from one survivor after its quorum was lost: what only the lost replicas had is gone.
package struct LossEvent: Hashable, Sendable {
    package var group: GroupID
    /// The survivor, in its new incarnation.
    package var survivor: Replica
    /// The epoch at which group 0 learned of it.
    package var epoch: Epoch
    /// Where the survivor's log ended.
    package var lastTerm: Term
    package var lastIndex: LogIndex

    package init(
        group: GroupID, survivor: Replica, epoch: Epoch = .zero, lastTerm: Term, lastIndex: LogIndex
    ) {
        self.group = group
        self.survivor = survivor
        self.epoch = epoch
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
    }
}

extension ClusterMetadata {
    /// Loss events kept at most; the oldest go.
    package static let lossesMax = 4_096

    /// A lost node is gone for ever, whatever it held: it must never vote again.
    mutating func expel(_ node: NodeID) -> MetadataRefusal? {
        guard members[node] != nil else { return .unknownMember(node) }
        members[node]?.state = .left
        return nil
    }

    /// Takes the survivor for what the group has (rule M2: the group's own log is the authority).
    mutating func recover(_ event: LossEvent, version: UInt64) -> MetadataRefusal? {
        guard var member = members[event.survivor.node] else { return .unknownMember(event.survivor.node) }
        if isRecovered(event.survivor.id, of: event.group) { return nil }
        if let partition = event.group.partition {
            guard let assignment = assignment(of: partition) else { return .unknownPartition(partition) }
            guard assignment.version == version else { return .stale }
            partitions[Int(partition.raw)] = PartitionAssignment(
                voters: [event.survivor], version: assignment.version + 1)
        } else {
            member.metadataReplica = event.survivor.id
            members[member.node] = member
        }
        var event = event
        event.epoch = epoch.next
        losses = Array((losses + [event]).suffix(Self.lossesMax))
        return nil
    }

    /// Whether a replica came to be by a recovery that this state knows of.
    package func isRecovered(_ replica: ReplicaID, of group: GroupID) -> Bool {
        losses.contains { $0.group == group && $0.survivor.id == replica }
    }

    /// Whether this state is new enough to say something of a replica: older states come by after a restart.
    package func knows(_ replica: ReplicaID, of group: GroupID) -> Bool {
        replica < nextReplica || isRecovered(replica, of: group)
    }
}

extension LossEvent {
    func encode(into writer: inout ByteWriter) {
        writer.varint(UInt64(group.raw))
        writer.identity(survivor.node)
        writer.counter(survivor.id)
        writer.counter(epoch)
        writer.counter(lastTerm)
        writer.counter(lastIndex)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            group: GroupID(try reader.varint32()),
            survivor: Replica(node: try reader.identity(), id: try reader.counter()),
            epoch: try reader.counter(), lastTerm: try reader.counter(), lastIndex: try reader.counter())
    }
}
