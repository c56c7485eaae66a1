/// The timing of the gossip protocol, in milliseconds; the defaults suit 3 to 32 nodes on one network.
package struct SWIMSettings: Hashable, Sendable {
    /// From one probe to the next.
    package var probeMilliseconds: UInt64 = 500
    /// How long a direct ack may take before others are asked.
    package var ackMilliseconds: UInt64 = 200
    /// After which part of its own time a helper says that it hears nothing (Lifeguard, section IV-A).
    package var nackMilliseconds: UInt64 = 160
    /// Members asked to probe in our stead.
    package var indirectProbes = 3
    /// How long a suspect has to object: with every confirmation, and with none.
    package var suspicionMinMilliseconds: UInt64 = 1_000
    package var suspicionMaxMilliseconds: UInt64 = 4_000
    /// From one round of gossip to the next, and to how many members it goes.
    package var gossipMilliseconds: UInt64 = 100
    package var gossipFanout = 3
    /// An update is sent this many times ceil(log2(members + 1)).
    package var retransmitMultiplier = 4
    /// How long the dead and the departed still get gossip, so that a living one can object.
    package var gossipToTheDeadMilliseconds: UInt64 = 30_000
    /// From one full exchange of views to the next.
    package var fullSyncMilliseconds: UInt64 = 15_000
    /// From one contact of the configured seeds to the next; only those are asked where nobody known lives. At most 5 s
    /// with its jitter: until the halves of a healed partition know each other again, a group whose majority spans
    /// them has no leader, because nobody dials whom gossip has not named.
    package var seedMilliseconds: UInt64 = 4_000
    /// The same while no other member is known: the first wait, which doubles up to the second.
    package var aloneMilliseconds: UInt64 = 1_000
    package var aloneMaxMilliseconds: UInt64 = 5_000
    /// How long the dead and the departed are remembered.
    package var tombstoneMilliseconds: UInt64 = 86_400_000
    /// The local health multiplier at its worst (Lifeguard, section IV-A).
    package var localHealthMax = 8

    package init() {}
}
