import Vocabulary
import Wire

/// The whole state as bytes: the snapshot of group 0. Equal states give equal bytes.
extension ClusterMetadata {
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 64 * partitions.count + 128)
        writer.u8(1)
        writer.optional(formation) { writer, formation in formation.encode(into: &writer) }
        writer.counter(epoch)
        writer.varint(UInt64(featureLevel))
        writer.counter(nextReplica)
        writer.varint(UInt64(nextNumber))
        writer.list(members.values.sorted { $0.node < $1.node }) { writer, member in
            member.profile.encode(into: &writer)
            writer.varint(UInt64(member.number))
            writer.u8(member.state.rawValue)
            writer.counter(member.metadataReplica)
        }
        writer.list(partitions) { writer, partition in partition.encode(into: &writer) }
        writer.list(losses) { writer, event in event.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        try reader.version("cluster metadata")
        formation = try reader.optional { reader throws(DecodingFailure) in
            try ClusterFormation(from: &reader)
        }
        epoch = try reader.counter()
        featureLevel = try reader.varint32()
        nextReplica = try reader.counter()
        nextNumber = try reader.varint32()
        let list = try reader.list { reader throws(DecodingFailure) in try ClusterMember(from: &reader) }
        for member in list { members[member.node] = member }
        partitions = try reader.list { reader throws(DecodingFailure) in
            try PartitionAssignment(from: &reader)
        }
        losses = try reader.list { reader throws(DecodingFailure) in try LossEvent(from: &reader) }
        try reader.finish()
    }
}

extension ClusterMember {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            profile: try MemberProfile(from: &reader), number: try reader.varint32(),
            state: try reader.memberState(), metadataReplica: try reader.counter())
    }
}

extension PartitionAssignment {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.list(voters) { $0.replica($1) }
        writer.varint(version)
        writer.optional(move) { writer, move in
            writer.counter(move.id)
            writer.list(move.target) { $0.replica($1) }
            writer.u8(move.stage.rawValue)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            voters: try reader.replicas(), version: try reader.varint(),
            move: try reader.optional { reader throws(DecodingFailure) in
                MoveInFlight(
                    id: try reader.counter(), target: try reader.replicas(), stage: try reader.moveStage())
            })
    }
}

extension ByteWriter {
    fileprivate mutating func replica(_ replica: Replica) {
        identity(replica.node)
        counter(replica.id)
    }
}

extension ByteReader {
    fileprivate mutating func replicas() throws(DecodingFailure) -> [Replica] {
        try list(max: 1_024) { reader throws(DecodingFailure) in
            Replica(node: try reader.identity(), id: try reader.counter())
        }
    }
}
