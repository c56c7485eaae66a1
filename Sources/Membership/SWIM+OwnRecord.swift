import Vocabulary
import Wire

extension SWIM {
    /// Says something new of this node: its number, once group 0 gave it one, or new addresses.
    package mutating func describe(number: UInt32? = nil, addresses: MemberAddresses? = nil) {
        var described = own
        if let number { described.number = number }
        if let addresses { described.addresses = addresses }
        guard described != own, described.isWithinBounds else { return }
        own = described
        announce(after: own.incarnation)
    }

    /// Says goodbye to everybody; afterwards this node answers, spreads what is queued and probes nobody.
    package mutating func leave(now: Tick) -> [SWIMDirective] {
        guard own.status != .left else { return [] }
        own.status = .left
        announce(after: own.incarnation)
        probe = nil
        return members.present.map { member in
            .send(packed(.gossip, first: [GossipUpdate(record: own)]), to: member.record.addresses.peer)
        }
    }

    /// Takes a position on what others say of this node (SWIM, section 4.2: only the node itself refutes).
    mutating func mergeOwn(_ record: MemberRecord, _ orders: inout [SWIMDirective]) {
        guard record.incarnation >= own.incarnation, record != own else { return }
        #if MUTANTS
        if Mutant.active == .noRefutation { return }
        #endif
        if record.incarnation.bootEpoch > own.incarnation.bootEpoch {
            // Two processes with one identity: the higher boot epoch is right, so this one does not argue.
            if successor?.incarnation.bootEpoch != record.incarnation.bootEpoch {
                successor = record
                orders.append(.superseded(by: record))
            }
            return
        }
        if record.status != .alive {
            counters.refutations += 1
            health.worsen(by: 1)
        }
        announce(after: record.incarnation)
    }

    /// Makes an incarnation newer than `incarnation` and spreads it.
    private mutating func announce(after incarnation: Incarnation) {
        own.incarnation = max(own.incarnation, incarnation).next
        broadcasts.push(GossipUpdate(record: own))
    }
}
