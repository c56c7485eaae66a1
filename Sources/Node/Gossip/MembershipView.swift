import Membership
import PeerTransport
import Vocabulary
import Wire

/// One member as this node sees it.
package struct MemberView: Hashable, Sendable {
    package var record: MemberRecord
    /// The smoothed round trip of direct probes; `nil` before the first, 0 for this node.
    package var roundTripMilliseconds: Double?

    package init(record: MemberRecord, roundTripMilliseconds: Double? = nil) {
        self.record = record
        self.roundTripMilliseconds = roundTripMilliseconds
    }

    package var status: MemberStatus { record.status }
}

/// What gossip did so far, for the metrics.
package struct MembershipCounters: Hashable, Sendable {
    package var machine = SWIMCounters()
    package var socket = GossipSocketCounters()
    /// By how much this node stretches its timeouts; 1 when it trusts itself.
    package var localHealthMultiplier = 1

    package init(
        machine: SWIMCounters = SWIMCounters(), socket: GossipSocketCounters = GossipSocketCounters(),
        localHealthMultiplier: Int = 1
    ) {
        self.machine = machine
        self.socket = socket
        self.localHealthMultiplier = localHealthMultiplier
    }
}

/// What readers on other threads see.
struct MembershipView: Sendable {
    var members: [MemberView]
    var counters = MembershipCounters()
}
