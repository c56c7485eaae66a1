import Vocabulary
import Wire

/// An order of the machine to its shell.
package enum SWIMDirective: Hashable, Sendable {
    /// Seal and send a datagram to `host:port`. May be lost.
    case send(GossipDatagram, to: String)
    /// Carry a request to the peer port at `host:port` over TCP and hand the answer to `exchangeAnswered`.
    /// May fail.
    case exchange(GossipExchange, with: String)
    /// Tell the node: a member is new (`was` is `nil`), changed its status, or says something new of itself.
    case memberChanged(MemberRecord, was: MemberStatus?)
    /// Note that the probe of that sequence was answered directly.
    case roundTrip(NodeID, sequence: UInt32, milliseconds: UInt64)
    /// Raise an alarm: another process runs with this node's identity and a higher boot epoch (rule M4).
    case superseded(by: MemberRecord)
}

/// What the machine did since it was made; all only grow.
package struct SWIMCounters: Hashable, Sendable {
    /// Probes begun.
    package var probes: UInt64 = 0
    /// Probes that nobody answered in time, directly or indirectly.
    package var probeFailures: UInt64 = 0
    /// Probes for which others were asked.
    package var indirectProbes: UInt64 = 0
    /// Members that became suspect here.
    package var suspicions: UInt64 = 0
    /// Suspects and dead that turned out to be alive in the same boot.
    package var falseAlarms: UInt64 = 0
    /// Of these, the ones that were already held dead.
    package var falseDeaths: UInt64 = 0
    /// Members declared dead by this node.
    package var deaths: UInt64 = 0
    /// Times this node had to object to being suspected or held dead.
    package var refutations: UInt64 = 0

    package init() {}
}
