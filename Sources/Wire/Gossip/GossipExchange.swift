import Vocabulary

/// What two nodes say to each other over TCP: one request, one answer, both of this type.
package enum GossipExchange: Hashable, Sendable {
    /// The sender's whole view (push-pull); answered with the other's.
    case fullSync(sender: NodeID, members: [MemberRecord])
    /// Asks whether `target` lives at the address: datagrams may be lost where TCP gets through.
    case ping(sender: NodeID, target: NodeID)
    /// Answers `ping`: `subject` is alive, and this is its record.
    case alive(subject: MemberRecord)

    /// Members of one view at most.
    package static let memberCountMax = 4_096
}

extension GossipExchange {
    private enum Kind: UInt8 {
        case fullSync = 1
        case ping = 2
        case alive = 3
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        switch self {
        case .fullSync(let sender, let members):
            writer.u8(Kind.fullSync.rawValue)
            writer.identity(sender)
            writer.list(members) { $1.encode(into: &$0) }
        case .ping(let sender, let target):
            writer.u8(Kind.ping.rawValue)
            writer.identity(sender)
            writer.identity(target)
        case .alive(let subject):
            writer.u8(Kind.alive.rawValue)
            subject.encode(into: &writer)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let raw = try reader.u8()
        guard let kind = Kind(rawValue: raw) else {
            throw .unknown(field: "exchange kind", value: UInt64(raw))
        }
        switch kind {
        case .fullSync:
            let sender = try reader.identity(NodeID.self)
            let members = try reader.list(max: GossipExchange.memberCountMax) {
                (reader) throws(DecodingFailure) in try MemberRecord(from: &reader)
            }
            self = .fullSync(sender: sender, members: members)
        case .ping:
            self = .ping(sender: try reader.identity(), target: try reader.identity())
        case .alive:
            self = .alive(subject: try MemberRecord(from: &reader))
        }
        try reader.finish()
    }
}
