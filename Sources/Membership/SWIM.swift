import Vocabulary
import Wire

/// The membership machine of one node: SWIM (Das, Gupta and Motivala, 2002) with Lifeguard's local health,
/// dynamic suspicion and buddy rules (Dadgar, Phillips and Currey, 2018).
///
/// It finds peers, spreads their addresses and says who seems dead. It decides nothing about data: ownership
/// is group 0's, and liveness between replicas is the pair heartbeat's.
///
/// Facts go in (`start`, `tick`, `datagramReceived`, `exchangeReceived`, ...), orders come out in the order
/// in which they are to be carried out. `tick` is called about every 50 ms; times are as exact as that.
package struct SWIM: Sendable {
    package let settings: SWIMSettings
    /// What this node says of itself.
    package internal(set) var own: MemberRecord
    package internal(set) var counters = SWIMCounters()

    var members = MemberTable()
    var generator: SeededGenerator
    var health: LocalHealth
    var broadcasts = BroadcastQueue()
    var suspects = 0

    let seeds: [String]
    var seedPings: Set<UInt32> = []
    var aloneWaitMilliseconds: UInt64
    var nextSeedContact: Tick = .zero

    var probe: Probe?
    var probeOrder: [NodeID] = []
    /// Members whose link broke in this round, and whether their port has refused a connection since: they are probed
    /// once out of turn.
    var hurried: [NodeID: Bool] = [:]
    var nextProbe: Tick = .zero
    var relays: [Relay] = []
    var nextSequence: UInt32

    var nextGossip: Tick = .zero
    var nextFullSync: Tick = .zero
    var isStarted = false
    /// The other process with this node's identity, once it was reported.
    var successor: MemberRecord?

    /// - Parameters:
    ///   - own: alive, with an incarnation that begins the current boot epoch; texts within their bounds.
    ///   - seeds: peer addresses (`host:port`) of nodes that may be up; this node's own does no harm.
    ///   - seed: of all chance in this machine.
    package init(own: MemberRecord, seeds: [String], settings: SWIMSettings = SWIMSettings(), seed: UInt64) {
        precondition(own.isWithinBounds, "a text of this node's member record is too long: \(own)")
        self.own = own
        self.seeds = seeds.filter { $0 != own.addresses.peer }
        self.settings = settings
        generator = SeededGenerator(seed: seed)
        health = LocalHealth(multiplierMax: settings.localHealthMax)
        aloneWaitMilliseconds = settings.aloneMilliseconds
        nextSequence = UInt32(truncatingIfNeeded: generator.next())
    }

    /// Everybody known, this node included, in the order of their ids.
    package var records: [MemberRecord] {
        (members.all.map(\.record) + [own]).sorted { $0.node < $1.node }
    }

    /// What is known of a node.
    package func record(of node: NodeID) -> MemberRecord? {
        node == own.node ? own : members[node]?.record
    }

    /// By how much this node stretches its timeouts: 1 when it trusts itself.
    package var localHealthMultiplier: Int { Int(health.multiplier) }

    /// Begins: contacts the seeds at once.
    package mutating func start(now: Tick) -> [SWIMDirective] {
        precondition(!isStarted, "the membership machine was started twice")
        isStarted = true
        nextProbe = now + jitter(settings.probeMilliseconds)
        nextGossip = now + jitter(settings.gossipMilliseconds)
        nextFullSync = now + settings.fullSyncMilliseconds / 2 + jitter(settings.fullSyncMilliseconds / 2)
        broadcasts.push(GossipUpdate(record: own))
        var orders: [SWIMDirective] = []
        contactSeeds(now: now, &orders)
        return orders
    }

    /// Does whatever is due at `now`.
    package mutating func tick(now: Tick) -> [SWIMDirective] {
        guard isStarted else { return [] }
        var orders: [SWIMDirective] = []
        if suspects > 0 { expireSuspicions(now: now, &orders) }
        if !relays.isEmpty { sendNacks(now: now, &orders) }
        if own.status == .alive {
            advanceProbe(now: now, &orders)
            if now >= nextFullSync { beginFullSync(now: now, &orders) }
            if now >= nextSeedContact { contactSeeds(now: now, &orders) }
        }
        if now >= nextGossip { gossip(now: now, &orders) }
        return orders
    }

    /// A number below `milliseconds`, to keep nodes out of step.
    mutating func jitter(_ milliseconds: UInt64) -> UInt64 {
        milliseconds == 0 ? 0 : generator.next(upperBound: milliseconds)
    }

    mutating func takeSequence() -> UInt32 {
        nextSequence &+= 1
        return nextSequence
    }
}
