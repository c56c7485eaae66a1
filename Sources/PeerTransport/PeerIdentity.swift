import Vocabulary
import Wire

/// Who this node is on peer links, and the key that proves it belongs.
package struct PeerIdentity: Sendable {
    /// All zero until the node has joined a cluster.
    package var cluster: ClusterID
    package let node: NodeID
    package let bootEpoch: UInt32
    package let bootNonce: UInt64
    /// The cluster's gossip keys: both sides of a link prove that they know one of the other's. The first is the
    /// one that this node proves itself with.
    package var keys: [[UInt8]]

    package init(cluster: ClusterID, node: NodeID, bootEpoch: UInt32, bootNonce: UInt64, keys: [[UInt8]]) {
        precondition(!keys.isEmpty, "a node has at least one gossip key")
        self.cluster = cluster
        self.node = node
        self.bootEpoch = bootEpoch
        self.bootNonce = bootNonce
        self.keys = keys
    }

    var key: [UInt8] { keys[0] }
}

extension ClusterID {
    /// What a node says that has not joined a cluster yet.
    package static let none = ClusterID(high: 0, low: 0)
}

/// A `host:port` that can be dialled.
package struct PeerAddress: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Takes `name:port`, `1.2.3.4:port` and `[::1]:port`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
