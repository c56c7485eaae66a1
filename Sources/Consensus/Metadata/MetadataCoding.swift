import Vocabulary
import Wire

/// Codec of commands: a version byte, a tag, then the fields. Written into logs, so tags are never reused.
extension MetadataCommand {
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.u8(1)
        switch self {
        case .form(let formation):
            writer.u8(1)
            formation.encode(into: &writer)
        case .addMember(let profile):
            writer.u8(2)
            profile.encode(into: &writer)
        case .setMemberState(let node, let state):
            writer.u8(3)
            writer.identity(node)
            writer.u8(state.rawValue)
        case .assignPartitions(let sets, let epoch):
            writer.u8(4)
            writer.list(sets) { writer, set in writer.list(set) { $0.identity($1) } }
            writer.counter(epoch)
        case .planMove(let partition, let target, let version):
            writer.u8(5)
            writer.varint(UInt64(partition.raw))
            writer.list(target) { $0.identity($1) }
            writer.varint(version)
        case .advanceMove(let partition, let move, let stage):
            writer.u8(6)
            writer.varint(UInt64(partition.raw))
            writer.counter(move)
            writer.u8(stage.rawValue)
        case .finishMove(let partition, let move):
            writer.u8(7)
            writer.varint(UInt64(partition.raw))
            writer.counter(move)
        case .abortMove(let partition, let move):
            writer.u8(8)
            writer.varint(UInt64(partition.raw))
            writer.counter(move)
        case .raiseFeatureLevel(let level):
            writer.u8(9)
            writer.varint(UInt64(level))
        case .expel(let node):
            writer.u8(150)
            writer.identity(node)
        case .recover(let event, let version):
            writer.u8(151)
            event.encode(into: &writer)
            writer.varint(version)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        try reader.version("metadata command")
        self = try MetadataCommand.read(&reader)
        try reader.finish()
    }

    private static func read(_ reader: inout ByteReader) throws(DecodingFailure) -> MetadataCommand {
        switch try reader.u8() {
        case 1: return .form(try ClusterFormation(from: &reader))
        case 2: return .addMember(try MemberProfile(from: &reader))
        case 3: return .setMemberState(try reader.identity(), try reader.memberState())
        case 4: return .assignPartitions(try reader.sets(), epoch: try reader.counter())
        case 5:
            return .planMove(
                try reader.partition(), target: try reader.nodes(), version: try reader.varint())
        case 6:
            return .advanceMove(
                try reader.partition(), move: try reader.counter(), stage: try reader.moveStage())
        case 7: return .finishMove(try reader.partition(), move: try reader.counter())
        case 8: return .abortMove(try reader.partition(), move: try reader.counter())
        case 9: return .raiseFeatureLevel(try reader.varint32())
        case 150: return .expel(try reader.identity())
        case 151: return .recover(try LossEvent(from: &reader), version: try reader.varint())
        case let other: throw .unknown(field: "metadata command", value: UInt64(other))
        }
    }
}

extension MemberProfile {
    func encode(into writer: inout ByteWriter) {
        writer.identity(node)
        writer.text(name)
        writer.optional(zone) { $0.text($1) }
        writer.varint(UInt64(weight))
        writer.varint(UInt64(featureMax))
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            node: try reader.identity(), name: try reader.text(max: 256),
            zone: try reader.optional { reader throws(DecodingFailure) in try reader.text(max: 256) },
            weight: try reader.varint32(), featureMax: try reader.varint32())
    }
}

extension ClusterFormation {
    func encode(into writer: inout ByteWriter) {
        writer.identity(cluster)
        writer.text(name)
        for number in [partitionCount, replicationFactor, expectedNodes] { writer.varint(UInt64(number)) }
        founder.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            cluster: try reader.identity(), name: try reader.text(max: 256),
            partitionCount: try reader.varint32(), replicationFactor: try reader.varint32(),
            expectedNodes: try reader.varint32(), founder: try MemberProfile(from: &reader))
    }
}

extension ByteReader {
    mutating func version(_ field: StaticStringText) throws(DecodingFailure) {
        let version = try u8()
        guard version == 1 else { throw .unknown(field: field, value: UInt64(version)) }
    }

    mutating func partition() throws(DecodingFailure) -> PartitionID { PartitionID(try varint32()) }

    mutating func nodes() throws(DecodingFailure) -> [NodeID] {
        try list(max: 1_024) { reader throws(DecodingFailure) in try reader.identity() }
    }

    mutating func sets() throws(DecodingFailure) -> [[NodeID]] {
        try list { reader throws(DecodingFailure) in try reader.nodes() }
    }

    mutating func memberState() throws(DecodingFailure) -> MemberState {
        let raw = try u8()
        guard let state = MemberState(rawValue: raw) else {
            throw .unknown(field: "member state", value: UInt64(raw))
        }
        return state
    }

    mutating func moveStage() throws(DecodingFailure) -> MoveStage {
        let raw = try u8()
        guard let stage = MoveStage(rawValue: raw) else {
            throw .unknown(field: "move stage", value: UInt64(raw))
        }
        return stage
    }
}
