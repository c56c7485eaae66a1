/// What went through the gossip port; all only grow.
package struct GossipSocketCounters: Hashable, Sendable {
    package var datagramsReceived: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    package var datagramsSent: UInt64 = 0
    package var bytesSent: UInt64 = 0
    /// Dropped on arrival: the seal does not fit any key, or the datagram is not one of ours.
    package var badSeals: UInt64 = 0
    /// Dropped on arrival: of another cluster (rule M5).
    package var otherClusters: UInt64 = 0
    /// Dropped on arrival: sealed by a member, but not a datagram that this version knows.
    package var malformed: UInt64 = 0
    /// Not sent: the address is no `host:port`, or its name is not resolved (yet).
    package var unresolved: UInt64 = 0
    /// Not sent: the operating system refused.
    package var sendFailures: UInt64 = 0

    package init() {}

    /// Datagrams dropped on arrival, whatever the reason.
    package var datagramsDropped: UInt64 { badSeals + otherClusters + malformed }
}
