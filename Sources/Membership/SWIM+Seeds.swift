import Vocabulary
import Wire

/// How nodes find each other, at the start and after both sides of a partition gave each other up.
extension SWIM {
    /// Whether no other member is alive here.
    var isAlone: Bool { members.present.isEmpty }

    /// Pings the seeds where nobody known lives; while alone also asks one of them for its whole view.
    mutating func contactSeeds(now: Tick, _ orders: inout [SWIMDirective]) {
        seedPings.removeAll()
        for address in seeds {
            let resident = members.member(at: address)
            if resident?.record.status.isPresent == true { continue }
            pingSeed(address, resident, &orders)
        }
        if isAlone, let address = seeds.randomElement(using: &generator) {
            orders.append(.exchange(fullSyncRequest(now: now), with: address))
        }
        scheduleSeedContact(now: now)
    }

    /// The last other member was given up: looks for others soon, whatever was planned.
    mutating func hurrySeedContact(now: Tick) {
        aloneWaitMilliseconds = settings.aloneMilliseconds
        nextSeedContact = min(nextSeedContact, now + settings.aloneMilliseconds)
    }

    /// A seed answered: learns what it knows.
    mutating func seedAnswered(by node: NodeID, sequence: UInt32, now: Tick, _ orders: inout [SWIMDirective])
    {
        guard seedPings.remove(sequence) != nil, let member = members[node] else { return }
        orders.append(.exchange(fullSyncRequest(now: now), with: member.record.addresses.peer))
    }

    private mutating func pingSeed(_ address: String, _ resident: Member?, _ orders: inout [SWIMDirective]) {
        let sequence = takeSequence()
        seedPings.insert(sequence)
        // It may be a stranger, or somebody who does not know that he is held dead here.
        let first = [GossipUpdate(record: own)] + (resident.map(opinion) ?? [])
        orders.append(.send(packed(.ping(sequence: sequence, target: nil), first: first), to: address))
    }

    private mutating func scheduleSeedContact(now: Tick) {
        guard isAlone else {
            aloneWaitMilliseconds = settings.aloneMilliseconds
            nextSeedContact = now + settings.seedMilliseconds * 3 / 4 + jitter(settings.seedMilliseconds / 2)
            return
        }
        nextSeedContact = now + aloneWaitMilliseconds * 3 / 4 + jitter(aloneWaitMilliseconds / 2)
        aloneWaitMilliseconds = min(aloneWaitMilliseconds * 2, settings.aloneMaxMilliseconds)
    }
}
