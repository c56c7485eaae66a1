import Vocabulary
import Wire

extension SWIM {
    /// A datagram came from `address`, which is where answers go: an address that works is better than one
    /// told.
    package mutating func datagramReceived(
        _ datagram: GossipDatagram, from address: String, now: Tick
    ) -> [SWIMDirective] {
        guard isStarted, datagram.sender != own.node else { return [] }
        var orders: [SWIMDirective] = []
        for update in datagram.updates { merge(update, from: datagram.sender, now: now, &orders) }
        switch datagram.body {
        case .ping(let sequence, let target):
            guard target == nil || target == own.node else { break }
            acknowledge(sequence, to: datagram.sender, at: address, &orders)
        case .ack(let sequence, let subject):
            probeAnswered(by: subject, sequence: sequence, now: now, &orders)
            relayAck(of: subject, sequence: sequence, &orders)
            seedAnswered(by: subject, sequence: sequence, now: now, &orders)
        case .pingRequest(let sequence, let target, let targetAddress):
            if target == own.node {
                acknowledge(sequence, to: datagram.sender, at: address, &orders)
            } else {
                relay(target, at: targetAddress, for: address, sequence: sequence, now: now, &orders)
            }
        case .nack(let sequence):
            nackReceived(sequence: sequence)
        case .gossip:
            break
        }
        return orders
    }

    /// Answers a ping with this node's own word first, which ends a suspicion of the asker at once; then with
    /// what the asker should know of itself.
    private mutating func acknowledge(
        _ sequence: UInt32, to sender: NodeID, at address: String, _ orders: inout [SWIMDirective]
    ) {
        let first = [GossipUpdate(record: own)] + (members[sender].map(opinion) ?? [])
        let ack = packed(.ack(sequence: sequence, subject: own.node), first: first)
        orders.append(.send(ack, to: address))
    }
}
