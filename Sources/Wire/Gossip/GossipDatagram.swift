import Vocabulary

/// One unit of gossip: what somebody says of a node.
package struct GossipUpdate: Hashable, Sendable {
    package var record: MemberRecord
    /// Who suspects it, when the status is suspect: suspicions of different nodes confirm each other.
    package var accuser: NodeID?

    package init(record: MemberRecord, accuser: NodeID? = nil) {
        self.record = record
        self.accuser = accuser
    }
}

/// What a datagram is for.
package enum GossipBody: Hashable, Sendable {
    /// Asks for an ack. Without a target it asks whoever lives at the address (a seed); otherwise only the
    /// target may answer.
    case ping(sequence: UInt32, target: NodeID?)
    /// Answers `ping` or `pingRequest` of that sequence: `subject` is alive.
    case ack(sequence: UInt32, subject: NodeID)
    /// Asks for a ping of `target` at `address` on the sender's behalf (SWIM, section 3.1).
    case pingRequest(sequence: UInt32, target: NodeID, address: String)
    /// Answers a `pingRequest`: the target is silent so far, but the helper is not (Lifeguard, section IV-A).
    case nack(sequence: UInt32)
    /// Asks for nothing; only carries updates.
    case gossip
}

/// One gossip datagram before sealing.
package struct GossipDatagram: Hashable, Sendable {
    /// Bytes of a sealed datagram at most: fits every path's MTU with room for tunnels.
    package static let sealedByteCountMax = 1_400
    /// Bytes of an encoded datagram at most, before sealing.
    package static let byteCountMax = sealedByteCountMax - 45

    package var sender: NodeID
    package var body: GossipBody
    package var updates: [GossipUpdate]

    package init(sender: NodeID, body: GossipBody, updates: [GossipUpdate] = []) {
        self.sender = sender
        self.body = body
        self.updates = updates
    }
}
