import Vocabulary
import Wire

extension ClusterMetadata {
    mutating func assign(_ sets: [[NodeID]], at wanted: Epoch) -> MetadataRefusal? {
        guard partitions.allSatisfy({ $0.version == 0 }) else { return .alreadyAssigned }
        guard wanted == epoch else { return .stale }
        guard sets.count == partitions.count else { return .malformed }
        for (index, set) in sets.enumerated() {
            if let refusal = refusal(ofTarget: set, joining: set) { return refusal }
            let voters = set.sorted().map { Replica(node: $0, id: drawReplica()) }
            partitions[index] = PartitionAssignment(voters: voters, version: 1)
        }
        return nil
    }

    mutating func planMove(
        of partition: PartitionID, to nodes: [NodeID], version: UInt64
    ) -> MetadataRefusal? {
        guard let assignment = assignment(of: partition) else { return .unknownPartition(partition) }
        if let move = assignment.move {
            return move.target.map(\.node) == nodes.sorted() ? nil : .moveInFlight
        }
        guard assignment.version == version, version > 0 else { return .stale }
        let incoming = nodes.filter { !assignment.nodes.contains($0) }
        if let refusal = refusal(ofTarget: nodes, joining: incoming) { return refusal }
        let dropped = assignment.nodes.filter { !nodes.contains($0) }
        guard !(incoming.isEmpty && dropped.isEmpty) else { return nil }
        let load = moveLoad()
        if let busy = (incoming + dropped).first(where: { (load[$0] ?? 0) >= Self.movesPerNodeMax }) {
            return .nodeBusy(busy)
        }
        let target = nodes.sorted().map { node in
            assignment.voters.first { $0.node == node }
                ?? Replica(node: node, id: drawReplica(for: partition, on: node))
        }
        partitions[Int(partition.raw)].move = MoveInFlight(id: epoch, target: target, stage: .planned)
        return nil
    }

    mutating func advance(_ partition: PartitionID, move id: Epoch, to stage: MoveStage) -> MetadataRefusal? {
        guard let move = assignment(of: partition)?.move, move.id == id else { return .noSuchMove }
        partitions[Int(partition.raw)].move?.stage = max(move.stage, stage)
        return nil
    }

    mutating func finish(_ partition: PartitionID, move id: Epoch) -> MetadataRefusal? {
        guard let assignment = assignment(of: partition), let move = assignment.move, move.id == id else {
            return .noSuchMove
        }
        partitions[Int(partition.raw)] = PartitionAssignment(
            voters: move.target, version: assignment.version + 1)
        return nil
    }

    mutating func abort(_ partition: PartitionID, move id: Epoch) -> MetadataRefusal? {
        guard let move = assignment(of: partition)?.move, move.id == id else { return .noSuchMove }
        #if MUTANTS
        guard move.stage < .joint || Mutant.active == .abortAfterJoint else { return .tooLate }
        #else
        guard move.stage < .joint else { return .tooLate }
        #endif
        partitions[Int(partition.raw)].move = nil
        return nil
    }

    /// A fresh id, whatever was there before (rule M3).
    private mutating func drawReplica(for partition: PartitionID, on node: NodeID) -> ReplicaID {
        #if MUTANTS
        if Mutant.active == .replicaReused {
            return ReplicaID(1 << 20 | UInt64(partition.raw) << 8 | node.raw.low & 0xFF)
        }
        #endif
        return drawReplica()
    }

    /// Moves in flight by node, as source or target.
    package func moveLoad() -> [NodeID: Int] {
        var load: [NodeID: Int] = [:]
        for partition in partitions where partition.move != nil {
            for node in Set((partition.incoming + partition.outgoing).map(\.node)) {
                load[node, default: 0] += 1
            }
        }
        return load
    }

    private func refusal(ofTarget nodes: [NodeID], joining: [NodeID]) -> MetadataRefusal? {
        guard !nodes.isEmpty, Set(nodes).count == nodes.count else { return .malformed }
        for node in nodes.sorted() where members[node] == nil { return .unknownMember(node) }
        for node in joining.sorted() where members[node]?.state != .up { return .notReceiving(node) }
        return nil
    }
}
