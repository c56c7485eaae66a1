import Vocabulary
import Wire

/// The probe in flight; there is one at a time.
struct Probe: Sendable {
    let node: NodeID
    /// The incarnation that is asked; silence says nothing of a later one.
    let incarnation: Incarnation
    let sequence: UInt32
    let sentAt: Tick
    /// When others are asked.
    let ackDeadline: Tick
    var isIndirect = false
    var isAnswered = false
    /// In this round the link to the member broke.
    var isHurried = false
    /// Since then its peer port has refused a connection.
    var isPortClosed = false
    var nacksExpected = 0
    var nacks = 0
}

/// A probe that this node makes for another.
struct Relay: Sendable {
    let sequence: UInt32
    let target: NodeID
    let requesterAddress: String
    let requesterSequence: UInt32
    let nackAt: Tick
    let end: Tick
    var isNacked = false

    /// Relays at a time; more requests are dropped.
    static let countMax = 256
}

/// The failure detector (SWIM, sections 3.1 and 4.3; Lifeguard, section IV-A).
extension SWIM {
    /// Moves the probe in flight on, and begins the next when its time has come.
    mutating func advanceProbe(now: Tick, _ orders: inout [SWIMDirective]) {
        if let current = probe, !current.isAnswered, now >= current.ackDeadline {
            if current.isPortClosed {
                concludeProbe(now: now, &orders)
                // Others whose link broke need not wait for the rest of this one's time.
                if let next = probeOrder.last, hurried[next] != nil, next != current.node {
                    beginProbe(now: now, &orders)
                }
                return
            }
            if !current.isIndirect { askOthers(current, now: now, &orders) }
        }
        guard now >= nextProbe else { return }
        concludeProbe(now: now, &orders)
        beginProbe(now: now, &orders)
    }

    /// The TCP link to a member broke: it is the next to be probed, and at once when no probe waits for its answer. Those
    /// who had a link to a killed process so suspect it after one probe's time, or two, not when its turn comes (SWIM,
    /// section 4.3: up to two rounds later). A hint only: the probe decides, and a link that breaks again and again is
    /// worth one more probe a round, so that the others keep their turns, and it its own.
    package mutating func linkBroken(to node: NodeID, now: Tick) -> [SWIMDirective] {
        guard isStarted, own.status == .alive, members[node]?.record.status == .alive else { return [] }
        let isNew = hurried.updateValue(false, forKey: node) == nil
        if let current = probe, current.node == node && !current.isAnswered {
            probe?.isHurried = true
            return []
        }
        guard isNew else { return [] }
        probeOrder.append(node)
        var orders: [SWIMDirective] = []
        if probe?.isAnswered != false {
            nextProbe = now
            advanceProbe(now: now, &orders)
        }
        return orders
    }

    /// The member's peer port refused a connection after the link broke: most likely its host answers, so that the way there
    /// is open, and no process listens. Then nobody else need be asked: the time of a direct ack is enough. Without a
    /// broken link, or where an ack comes, it says nothing (a port may be closed to some only).
    package mutating func portRefused(by node: NodeID, now: Tick) -> [SWIMDirective] {
        guard hurried[node] != nil else { return [] }
        hurried[node] = true
        guard let current = probe, current.node == node, current.isHurried else { return [] }
        probe?.isPortClosed = true
        var orders: [SWIMDirective] = []
        advanceProbe(now: now, &orders)
        return orders
    }

    /// An ack, direct or passed on, or an answer over TCP.
    mutating func probeAnswered(
        by node: NodeID, sequence: UInt32?, now: Tick, _ orders: inout [SWIMDirective]
    ) {
        guard var current = probe, current.node == node, !current.isAnswered else { return }
        if let sequence {
            guard sequence == current.sequence else { return }
            if !current.isIndirect {
                let milliseconds = now.since(current.sentAt)
                orders.append(.roundTrip(node, sequence: sequence, milliseconds: milliseconds))
            }
        }
        current.isAnswered = true
        probe = current
        health.improve()
    }

    mutating func nackReceived(sequence: UInt32) {
        guard probe?.sequence == sequence else { return }
        probe?.nacks += 1
    }

    /// Probes `target` for another node.
    mutating func relay(
        _ target: NodeID, at address: String, for requesterAddress: String, sequence: UInt32, now: Tick,
        _ orders: inout [SWIMDirective]
    ) {
        guard relays.count < Relay.countMax else { return }
        let relay = Relay(
            sequence: takeSequence(), target: target, requesterAddress: requesterAddress,
            requesterSequence: sequence, nackAt: now + settings.nackMilliseconds,
            end: now + settings.probeMilliseconds * UInt64(settings.localHealthMax))
        relays.append(relay)
        let ping = packed(
            .ping(sequence: relay.sequence, target: target), first: members[target].map(opinion) ?? [])
        orders.append(.send(ping, to: address))
    }

    /// Passes an ack on to whoever asked for it, with the word of the living one.
    mutating func relayAck(of subject: NodeID, sequence: UInt32, _ orders: inout [SWIMDirective]) {
        guard let index = relays.firstIndex(where: { $0.sequence == sequence && $0.target == subject }) else {
            return
        }
        let relay = relays.remove(at: index)
        let first = members[subject].map { [GossipUpdate(record: $0.record)] } ?? []
        let ack = packed(.ack(sequence: relay.requesterSequence, subject: subject), first: first)
        orders.append(.send(ack, to: relay.requesterAddress))
    }

    /// Tells those who asked that the target is silent and this node is not; late acks are still passed on.
    mutating func sendNacks(now: Tick, _ orders: inout [SWIMDirective]) {
        relays.removeAll { now >= $0.end }
        for index in relays.indices where !relays[index].isNacked && now >= relays[index].nackAt {
            relays[index].isNacked = true
            let nack = packed(.nack(sequence: relays[index].requesterSequence))
            orders.append(.send(nack, to: relays[index].requesterAddress))
        }
    }

    private mutating func beginProbe(now: Tick, _ orders: inout [SWIMDirective]) {
        // A stretched interval keeps the share of time that an ack may take.
        nextProbe = now + settings.probeMilliseconds * health.multiplier
        guard let target = nextTarget() else { return }
        let current = Probe(
            node: target.record.node, incarnation: target.record.incarnation, sequence: takeSequence(),
            sentAt: now,
            ackDeadline: now + settings.ackMilliseconds * health.multiplier,
            isHurried: hurried[target.record.node] != nil,
            isPortClosed: hurried[target.record.node] == true)
        probe = current
        counters.probes += 1
        let ping = packed(.ping(sequence: current.sequence, target: current.node), first: opinion(of: target))
        orders.append(.send(ping, to: target.record.addresses.peer))
    }

    /// The next member of a shuffled round, so that everybody is probed once per round (SWIM, section 4.3).
    private mutating func nextTarget() -> Member? {
        for _ in 0..<2 {
            while let id = probeOrder.popLast() {
                if let member = members[id], member.record.status.isPresent { return member }
            }
            probeOrder = members.present.map(\.record.node).shuffled(using: &generator)
            hurried = [:]
        }
        return nil
    }

    private mutating func askOthers(_ current: Probe, now: Tick, _ orders: inout [SWIMDirective]) {
        guard let target = members[current.node], target.record.status.isPresent else { return }
        counters.indirectProbes += 1
        let address = target.record.addresses.peer
        let helpers = members.all
            .filter { $0.record.status == .alive && $0.record.node != current.node }
            .shuffled(using: &generator).prefix(settings.indirectProbes)
        probe?.isIndirect = true
        probe?.nacksExpected = helpers.count
        for helper in helpers {
            let request = packed(
                .pingRequest(sequence: current.sequence, target: current.node, address: address),
                first: opinion(of: target))
            orders.append(.send(request, to: helper.record.addresses.peer))
        }
        orders.append(.exchange(.ping(sender: own.node, target: current.node), with: address))
    }

    private mutating func concludeProbe(now: Tick, _ orders: inout [SWIMDirective]) {
        guard let finished = probe else { return }
        probe = nil
        guard !finished.isAnswered else { return }
        // Meanwhile it refuted, or came back elsewhere: a newer word than this silence.
        guard members[finished.node]?.record.incarnation == finished.incarnation else { return }
        counters.probeFailures += 1
        // Missing nacks say that this node hears too little; with nobody to ask, or no time for it, it cannot tell.
        if !finished.isPortClosed { health.worsen(by: max(0, finished.nacksExpected - finished.nacks)) }
        accuse(finished.node, now: now, &orders)
    }
}
