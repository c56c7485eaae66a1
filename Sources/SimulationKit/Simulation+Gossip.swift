import Consensus
import Membership
import Vocabulary
import Wire

/// The membership machine of every node, over datagrams that get lost, and what its word leads to.
extension Simulation {
    static let gossipTick: UInt64 = 50_000

    func startGossip(on node: SimulatedNode) {
        let record = MemberRecord(
            node: node.id, name: node.name, number: node.identity.number ?? 0,
            incarnation: Incarnation(bootEpoch: node.identity.bootEpoch),
            addresses: MemberAddresses(client: "", peer: node.address, admin: ""))
        let seeds = (1...plan.hosts).map { SimulatedNode.address(of: $0) }
        var swim = SWIM(own: record, seeds: seeds, seed: random.next())
        let orders = swim.start(now: tick)
        node.swim = swim
        carryOut(orders, of: node)
        schedule(.gossip(node: node.number, boot: node.boots), after: Self.gossipTick)
    }

    func tickGossip(_ node: SimulatedNode) {
        guard let orders = node.swim?.tick(now: tick) else { return }
        carryOut(orders, of: node)
    }

    func linkBroken(to other: NodeID, on node: SimulatedNode) {
        guard let orders = node.swim?.linkBroken(to: other, now: tick) else { return }
        carryOut(orders, of: node)
    }

    func portRefused(by other: NodeID, on node: SimulatedNode) {
        guard let orders = node.swim?.portRefused(by: other, now: tick) else { return }
        carryOut(orders, of: node)
    }

    private func carryOut(_ orders: [SWIMDirective], of node: SimulatedNode) {
        for order in orders {
            switch order {
            case .send(let datagram, let address):
                guard let host = hostOfAddress[address] else { continue }
                let frame = SimulatedFrame.datagram(plan.usesCodec ? passed(datagram) : datagram)
                post(frame, from: node, toHost: host)
            case .exchange(let request, let address):
                guard let host = hostOfAddress[address] else { continue }
                call(.exchange(request), from: node, toHost: host)
            case .memberChanged(let record, let was): changed(record, was: was, on: node)
            case .roundTrip: break
            case .superseded(let other):
                checker.fail("node \(node.number) is told of another process with its identity: \(other)")
            }
        }
    }

    private func passed(_ datagram: GossipDatagram) -> GossipDatagram {
        let bytes = datagram.encoded()
        if bytes.count > GossipDatagram.byteCountMax { checker.fail("a datagram has \(bytes.count) bytes") }
        do {
            return try GossipDatagram(decoding: bytes)
        } catch {
            checker.fail("a datagram does not pass its codec: \(error)")
            return datagram
        }
    }

    private func changed(_ record: MemberRecord, was: MemberStatus?, on node: SimulatedNode) {
        // SWIM, section 4.2: what is older never replaces what is newer, or a node that has refuted dies again.
        if let known = node.incarnations[record.node], record.incarnation < known {
            let other = SimulatedNode.number(of: record.node)
            checker.fail(
                "node \(node.number) goes back to \(record.incarnation) of \(other), it knew \(known)")
        }
        node.incarnations[record.node] = record.incarnation
        let isAlive = record.status.isPresent
        if node.liveness[record.node]?.isAlive != isAlive {
            node.liveness[record.node] = Coordinator.Liveness(isAlive: isAlive, since: tick)
        }
        let other = SimulatedNode.number(of: record.node)
        if isAlive { node.peers.insert(other) }
        if record.status == .left { node.peers.remove(other) }
        guard was != record.status else { return }
        note("\(node.number) holds \(other) \(record.status)")
        if record.status == .suspect { count(.suspicions) }
        if record.status == .dead { count(.deaths) }
        node.raft.suspect(node: record.node, record.status != .alive, now: tick)
    }

    // MARK: Receiving

    func receive(_ datagram: GossipDatagram, fromHost host: Int, on node: SimulatedNode) {
        guard
            let orders = node.swim?.datagramReceived(
                datagram, from: SimulatedNode.address(of: host), now: tick)
        else { return }
        carryOut(orders, of: node)
    }

    func receive(_ call: SimulatedCall, fromHost host: Int, on node: SimulatedNode) {
        switch call {
        case .exchange(let request):
            guard let (answer, orders) = node.swim?.exchangeReceived(request, now: tick) else { return }
            carryOut(orders, of: node)
            if let answer { self.call(.exchangeAnswer(answer), from: node, toHost: host) }
        case .exchangeAnswer(let answer):
            guard let orders = node.swim?.exchangeAnswered(answer, now: tick) else { return }
            carryOut(orders, of: node)
        case .join(let request, let asker): receive(join: request, asker: asker, on: node)
        case .joined(let answer, let asker): if asker == node.id { receive(joined: answer, on: node) }
        }
    }
}
