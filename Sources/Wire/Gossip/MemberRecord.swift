import Vocabulary

/// What gossip says of a node. At equal incarnations the later case wins (SWIM, section 4.2).
package enum MemberStatus: UInt8, Hashable, Sendable, Comparable, CaseIterable {
    case alive = 0
    /// It did not answer a probe; it has some seconds to object.
    case suspect = 1
    /// Nobody heard it object. About one boot only: with a higher boot epoch it is back.
    case dead = 2
    /// It said goodbye itself.
    case left = 3

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// Whether the node takes part: alive, or suspect and not yet given up.
    package var isPresent: Bool { self < .dead }
}

/// Where a node is reached, each as `host:port` (`[host]:port` for IPv6). Gossip uses the peer address over
/// UDP.
package struct MemberAddresses: Hashable, Sendable {
    package var client: String
    package var peer: String
    package var admin: String

    package init(client: String, peer: String, admin: String) {
        self.client = client
        self.peer = peer
        self.admin = admin
    }
}

/// All that gossip knows of one node. Everything in it belongs to its incarnation: only the node itself makes
/// a new one; others may only worsen the status.
package struct MemberRecord: Hashable, Sendable {
    package var node: NodeID
    /// The operator's name for it, at most `nameByteCountMax` bytes.
    package var name: String
    /// The short number that group 0 gave it; 0 while it has none.
    package var number: UInt32
    package var status: MemberStatus
    package var incarnation: Incarnation
    package var addresses: MemberAddresses
    /// The software's version.
    package var version: String
    package var zone: String

    package static let nameByteCountMax = 64
    package static let addressByteCountMax = 261
    package static let versionByteCountMax = 32
    package static let zoneByteCountMax = 64

    package init(
        node: NodeID, name: String, number: UInt32 = 0, status: MemberStatus = .alive,
        incarnation: Incarnation,
        addresses: MemberAddresses, version: String = "", zone: String = ""
    ) {
        self.node = node
        self.name = name
        self.number = number
        self.status = status
        self.incarnation = incarnation
        self.addresses = addresses
        self.version = version
        self.zone = zone
    }

    /// Whether every text is within its bound, so that the record always fits a datagram.
    package var isWithinBounds: Bool {
        let addresses = [addresses.client, addresses.peer, addresses.admin]
        return name.utf8.count <= MemberRecord.nameByteCountMax
            && addresses.allSatisfy { $0.utf8.count <= MemberRecord.addressByteCountMax }
            && version.utf8.count <= MemberRecord.versionByteCountMax
            && zone.utf8.count <= MemberRecord.zoneByteCountMax
    }

    /// Whether this says something newer of the node than `other` does.
    package func supersedes(_ other: MemberRecord) -> Bool {
        #if MUTANTS
        if Mutant.active == .oldIncarnationWins && status == .dead { return other.status < .dead }
        #endif
        return (incarnation, status) > (other.incarnation, other.status)
    }
}

extension MemberRecord {
    package func encode(into writer: inout ByteWriter) {
        writer.identity(node)
        writer.text(name)
        writer.varint(UInt64(number))
        writer.u8(status.rawValue)
        writer.counter(incarnation)
        writer.text(addresses.client)
        writer.text(addresses.peer)
        writer.text(addresses.admin)
        writer.text(version)
        writer.text(zone)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        node = try reader.identity()
        name = try reader.text(max: MemberRecord.nameByteCountMax)
        number = try reader.varint32()
        let rawStatus = try reader.u8()
        guard let status = MemberStatus(rawValue: rawStatus) else {
            throw .unknown(field: "member status", value: UInt64(rawStatus))
        }
        self.status = status
        incarnation = try reader.counter()
        addresses = MemberAddresses(
            client: try reader.text(max: MemberRecord.addressByteCountMax),
            peer: try reader.text(max: MemberRecord.addressByteCountMax),
            admin: try reader.text(max: MemberRecord.addressByteCountMax))
        version = try reader.text(max: MemberRecord.versionByteCountMax)
        zone = try reader.text(max: MemberRecord.zoneByteCountMax)
    }
}
