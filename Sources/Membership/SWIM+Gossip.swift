import Vocabulary
import Wire

extension SWIM {
    /// Sends what is queued to a few members (SWIM, section 4.1, on a timer of its own as in memberlist).
    mutating func gossip(now: Tick, _ orders: inout [SWIMDirective]) {
        nextGossip = now + settings.gossipMilliseconds
        guard !broadcasts.isEmpty else { return }
        for target in gossipTargets(now: now) {
            let datagram = packed(.gossip, first: opinion(of: target))
            if datagram.updates.isEmpty { break }
            orders.append(.send(datagram, to: target.record.addresses.peer))
        }
    }

    /// A datagram with `first` updates, then as many waiting ones as fit.
    mutating func packed(_ body: GossipBody, first: [GossipUpdate] = []) -> GossipDatagram {
        var datagram = GossipDatagram(sender: own.node, body: body)
        var room = GossipDatagram.byteCountMax - datagram.encoded().count
        for update in first {
            let byteCount = update.byteCount
            if byteCount > room { continue }
            room -= byteCount
            datagram.updates.append(update)
        }
        let present = members.present.count + 1
        // ceil(log2(present + 1)), at least 1.
        let rounds = Int.bitWidth - present.leadingZeroBitCount
        datagram.updates += broadcasts.take(
            room: room, limit: settings.retransmitMultiplier * rounds, except: first.map(\.record.node))
        return datagram
    }

    /// What a node must hear first: that it is suspected or held dead here (Lifeguard's buddy system, section
    /// IV-C).
    func opinion(of member: Member) -> [GossipUpdate] {
        switch member.record.status {
        case .alive, .left: []
        case .suspect, .dead: [GossipUpdate(record: member.record, accuser: member.suspicion?.firstAccuser)]
        }
    }

    private mutating func gossipTargets(now: Tick) -> ArraySlice<Member> {
        let reachable = members.all.filter {
            $0.record.status.isPresent || now.since($0.since) < settings.gossipToTheDeadMilliseconds
        }
        return reachable.shuffled(using: &generator).prefix(settings.gossipFanout)
    }
}
