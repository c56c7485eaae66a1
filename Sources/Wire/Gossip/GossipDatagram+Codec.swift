import Vocabulary

extension GossipDatagram {
    /// The bytes that are sealed and sent.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: GossipDatagram.byteCountMax)
        encode(into: &writer)
        return writer.bytes
    }

    /// Reads what `encoded` wrote; everything else is refused.
    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        guard bytes.count <= GossipDatagram.byteCountMax else { throw .lengthOutOfRange }
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }

    package func encode(into writer: inout ByteWriter) {
        writer.identity(sender)
        body.encode(into: &writer)
        writer.list(updates) { $1.encode(into: &$0) }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        sender = try reader.identity()
        body = try GossipBody(from: &reader)
        updates = try reader.list { (reader) throws(DecodingFailure) in try GossipUpdate(from: &reader) }
    }
}

extension GossipUpdate {
    package func encode(into writer: inout ByteWriter) {
        record.encode(into: &writer)
        writer.optional(accuser) { $0.identity($1) }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        record = try MemberRecord(from: &reader)
        accuser = try reader.optional { (reader) throws(DecodingFailure) in try reader.identity(NodeID.self) }
    }

    /// Bytes that the update takes in a datagram.
    package var byteCount: Int {
        var writer = ByteWriter(capacity: 256)
        encode(into: &writer)
        return writer.count
    }
}

extension GossipBody {
    private enum Kind: UInt8 {
        case ping = 1
        case ack = 2
        case pingRequest = 3
        case nack = 4
        case gossip = 5
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .ping(let sequence, let target):
            writer.u8(Kind.ping.rawValue)
            writer.u32(sequence)
            writer.optional(target) { $0.identity($1) }
        case .ack(let sequence, let subject):
            writer.u8(Kind.ack.rawValue)
            writer.u32(sequence)
            writer.identity(subject)
        case .pingRequest(let sequence, let target, let address):
            writer.u8(Kind.pingRequest.rawValue)
            writer.u32(sequence)
            writer.identity(target)
            writer.text(address)
        case .nack(let sequence):
            writer.u8(Kind.nack.rawValue)
            writer.u32(sequence)
        case .gossip:
            writer.u8(Kind.gossip.rawValue)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let raw = try reader.u8()
        guard let kind = Kind(rawValue: raw) else { throw .unknown(field: "gossip kind", value: UInt64(raw)) }
        switch kind {
        case .ping:
            let sequence = try reader.u32()
            let target = try reader.optional { (reader) throws(DecodingFailure) in
                try reader.identity(NodeID.self)
            }
            self = .ping(sequence: sequence, target: target)
        case .ack:
            self = .ack(sequence: try reader.u32(), subject: try reader.identity())
        case .pingRequest:
            let sequence = try reader.u32()
            let target = try reader.identity(NodeID.self)
            let address = try reader.text(max: MemberRecord.addressByteCountMax)
            self = .pingRequest(sequence: sequence, target: target, address: address)
        case .nack:
            self = .nack(sequence: try reader.u32())
        case .gossip:
            self = .gossip
        }
    }
}
