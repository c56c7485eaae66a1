import Vocabulary
import Wire

/// Whole views over TCP (push-pull), and the probe over TCP.
extension SWIM {
    /// A peer's request; the answer goes back on the same exchange. `nil` when there is nothing to answer.
    package mutating func exchangeReceived(
        _ request: GossipExchange, now: Tick
    ) -> (answer: GossipExchange?, orders: [SWIMDirective]) {
        var orders: [SWIMDirective] = []
        switch request {
        case .fullSync(let sender, let members):
            guard sender != own.node else { return (nil, []) }
            mergeView(members, of: sender, now: now, &orders)
            return (fullSyncRequest(now: now), orders)
        case .ping(_, let target):
            return (target == own.node ? .alive(subject: own) : nil, [])
        case .alive:
            return (nil, [])
        }
    }

    /// The answer to an `exchange` order. A failed exchange needs no word: nothing depends on it.
    package mutating func exchangeAnswered(_ answer: GossipExchange, now: Tick) -> [SWIMDirective] {
        var orders: [SWIMDirective] = []
        switch answer {
        case .fullSync(let sender, let members):
            guard sender != own.node else { return [] }
            mergeView(members, of: sender, now: now, &orders)
        case .alive(let subject):
            merge(GossipUpdate(record: subject), from: subject.node, now: now, &orders)
            probeAnswered(by: subject.node, sequence: nil, now: now, &orders)
        case .ping:
            break
        }
        return orders
    }

    mutating func beginFullSync(now: Tick, _ orders: inout [SWIMDirective]) {
        nextFullSync = now + settings.fullSyncMilliseconds * 3 / 4 + jitter(settings.fullSyncMilliseconds / 2)
        bury(now: now)
        let alive = members.all.filter { $0.record.status == .alive }
        guard let partner = alive.randomElement(using: &generator) else { return }
        orders.append(.exchange(fullSyncRequest(now: now), with: partner.record.addresses.peer))
    }

    /// This node's view. Old tombstones stay out of it, or two nodes would keep one alive between them for
    /// ever.
    func fullSyncRequest(now: Tick) -> GossipExchange {
        let told = members.all.filter {
            $0.record.status.isPresent || now.since($0.since) < settings.tombstoneMilliseconds / 2
        }
        let view = [own] + told.map(\.record).prefix(GossipExchange.memberCountMax - 1)
        return .fullSync(sender: own.node, members: view)
    }

    private mutating func mergeView(
        _ view: [MemberRecord], of sender: NodeID, now: Tick, _ orders: inout [SWIMDirective]
    ) {
        for record in view {
            // No accuser is named: a view repeats what others found and confirms no suspicion.
            var update = GossipUpdate(record: record)
            if record.status == .dead, members[record.node]?.record.status.isPresent == true {
                // After a partition the other side holds many dead who are well: let them object first.
                update.record.status = .suspect
            }
            merge(update, from: sender, now: now, &orders)
        }
    }
}
