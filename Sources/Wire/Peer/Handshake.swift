import Vocabulary

/// The version of the peer protocol that this build speaks, and the oldest it still understands.
///
/// A frame, or a log entry within one, whose bytes change needs a new number (`Tests/Golden` says so); `oldest` follows
/// when the old bytes are not read any more. A new kind that waits for its feature level needs none.
package enum PeerProtocol {
    package static let current: UInt16 = 2
    package static let oldest: UInt16 = 2
    /// As people read it.
    package static let range = "\(oldest) to \(current)"
    /// Bytes of one frame's body at most.
    package static let frameBytesMax = 16 << 20
}

/// The first frame of a dialling node. A node that has not joined yet has no cluster id (all zero).
package struct Hello: Hashable, Sendable {
    package var protocolOldest: UInt16
    package var protocolCurrent: UInt16
    package var cluster: ClusterID
    package var node: NodeID
    /// Raised with every start of the node (rule M4).
    package var bootEpoch: UInt32
    /// Random per start: tells two processes with a cloned disk apart.
    package var bootNonce: UInt64
    /// The node that is meant to answer; `nil` when a seed's address is dialled.
    package var expected: NodeID?
    /// 16 random bytes that the answering node must sign.
    package var challenge: [UInt8]

    package init(
        protocolOldest: UInt16 = PeerProtocol.oldest, protocolCurrent: UInt16 = PeerProtocol.current,
        cluster: ClusterID, node: NodeID, bootEpoch: UInt32, bootNonce: UInt64, expected: NodeID?,
        challenge: [UInt8]
    ) {
        self.protocolOldest = protocolOldest
        self.protocolCurrent = protocolCurrent
        self.cluster = cluster
        self.node = node
        self.bootEpoch = bootEpoch
        self.bootNonce = bootNonce
        self.expected = expected
        self.challenge = challenge
    }
}

extension Hello {
    /// Whether the two sides have a version of the protocol in common.
    package var isUnderstood: Bool {
        protocolOldest <= PeerProtocol.current && protocolCurrent >= PeerProtocol.oldest
    }

    package var stamp: BootStamp { BootStamp(epoch: bootEpoch, nonce: bootNonce) }
}

/// The answering node: who it is, its proof of the cluster key, and a challenge back.
package struct HelloAnswer: Hashable, Sendable {
    package var cluster: ClusterID
    package var node: NodeID
    /// HMAC-SHA256 under the cluster's gossip key over both challenges and both ids.
    package var proof: [UInt8]
    package var challenge: [UInt8]

    package init(cluster: ClusterID, node: NodeID, proof: [UInt8], challenge: [UInt8]) {
        self.cluster = cluster
        self.node = node
        self.proof = proof
        self.challenge = challenge
    }
}

/// Why a handshake was refused.
package enum HandshakeRefusal: UInt8, Hashable, Sendable {
    case wrongCluster = 1, removed, staleBoot, version, badProof, wrongNode, duplicateNode, notInCluster

    /// For a log or an operator.
    package var reason: String {
        switch self {
        case .wrongCluster: "the other side belongs to another cluster"
        case .removed: "this node was removed from the cluster"
        case .staleBoot: "a newer process with this node's identity is known"
        case .version: "no common version of the peer protocol: this build speaks \(PeerProtocol.range)"
        case .badProof: "the gossip keys differ"
        case .wrongNode: "another node answers at this address"
        case .duplicateNode: "two processes run with the same identity"
        case .notInCluster: "the answering node has not joined a cluster"
        }
    }
}
