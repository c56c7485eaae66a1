import Membership
import Testing
import Vocabulary
import Wire

/// One machine against a script: what it says, and what it takes for true.
@Suite struct SWIMTests {
    @Test("dynamic suspicion falls with independent confirmations only")
    func suspicionTiming() {
        // Six others besides the suspect, so that three confirmations count.
        for (confirmations, milliseconds) in [(0, 4_000), (1, 2_500), (2, 1_624), (3, 1_000)]
            as [(Int, UInt64)]
        {
            var machine = Self.machine(knowing: 8)
            let start = Tick(1_000)
            _ = machine.hear([Self.update(2, .suspect, accuser: 3)], at: start)
            for accuser in 0..<confirmations {
                let orders = machine.hear([Self.update(2, .suspect, accuser: 4 + accuser)], at: start + 10)
                #expect(orders.isEmpty)
                // The same accuser again is no confirmation.
                _ = machine.hear([Self.update(2, .suspect, accuser: 4 + accuser)], at: start + 10)
            }
            _ = machine.tick(now: start + (milliseconds - 1))
            #expect(machine.record(of: id(2))?.status == .suspect, "\(confirmations)")
            let orders = machine.tick(now: start + milliseconds)
            #expect(machine.record(of: id(2))?.status == .dead, "\(confirmations)")
            #expect(orders.changes == [Change(id(2), .dead, was: .suspect)])
        }
    }

    @Test("with nobody to confirm a suspect has the longest time")
    func suspicionOfTheOnlyOther() {
        var machine = Self.machine(knowing: 1)
        _ = machine.hear([Self.update(2, .suspect, accuser: 2)], at: Tick(0))
        _ = machine.tick(now: Tick(3_999))
        #expect(machine.record(of: id(2))?.status == .suspect)
        _ = machine.tick(now: Tick(4_000))
        #expect(machine.record(of: id(2))?.status == .dead)
    }

    @Test("a node objects to being suspected with a higher incarnation, and says so first in its ack")
    func refutation() {
        var machine = Self.machine(knowing: 2)
        let before = machine.own.incarnation
        let accusation = Self.update(1, .suspect, accuser: 2, incarnation: before)
        let orders = machine.hear([accusation], body: .ping(sequence: 5, target: id(1)), at: Tick(10))
        #expect(machine.own.incarnation == before.next)
        #expect(machine.counters.refutations == 1)
        guard case .send(let ack, let to)? = orders.first else {
            Issue.record("no ack in \(orders)")
            return
        }
        #expect(to == "address2:1")
        #expect(ack.body == .ack(sequence: 5, subject: id(1)))
        #expect(ack.updates.first?.record == machine.own)
        // The old accusation is no longer worth an answer.
        _ = machine.hear([accusation], at: Tick(20))
        #expect(machine.own.incarnation == before.next)
    }

    @Test("dead is about one boot: an older boot's rumour is ignored, a newer boot is back")
    func bootEpochs() {
        var machine = Self.machine(knowing: 3)
        let second = Incarnation(bootEpoch: 2)
        #expect(machine.hear([Self.update(2, .alive, incarnation: second)], at: Tick(1)).changes.count == 1)
        let late = Incarnation(Incarnation(bootEpoch: 1).raw + 0xFFFF)
        #expect(machine.hear([Self.update(2, .dead, incarnation: late)], at: Tick(2)).isEmpty)
        #expect(machine.record(of: id(2))?.status == .alive)
        #expect(
            machine.hear([Self.update(2, .dead, incarnation: second)], at: Tick(3)).changes
                == [Change(id(2), .dead, was: .alive)])
        #expect(machine.hear([Self.update(2, .alive, incarnation: second)], at: Tick(4)).isEmpty)
        #expect(
            machine.hear([Self.update(2, .alive, incarnation: Incarnation(bootEpoch: 3))], at: Tick(5))
                .changes
                == [Change(id(2), .alive, was: .dead)])
        #expect(machine.counters.falseAlarms == 0)
    }

    @Test("at equal incarnations suspect beats alive, dead beats suspect, left beats dead")
    func precedence() {
        for (known, told) in MemberStatus.allCases.flatMap({ a in MemberStatus.allCases.map { (a, $0) } }) {
            var machine = Self.machine(knowing: 3)
            _ = machine.hear([Self.update(9, known, accuser: 3)], at: Tick(1))
            _ = machine.hear([Self.update(9, told, accuser: 3)], at: Tick(2))
            #expect(machine.record(of: id(9))?.status == max(known, told))
        }
    }

    @Test(
        "a second process with this identity and a higher boot epoch raises one alarm and is not argued with")
    func superseded() {
        var machine = Self.machine(knowing: 2)
        let before = machine.own
        let twin = Self.update(1, .alive, incarnation: Incarnation(bootEpoch: 9))
        #expect(machine.hear([twin], at: Tick(1)) == [.superseded(by: twin.record)])
        #expect(machine.hear([twin], at: Tick(2)).isEmpty)
        #expect(machine.own == before)
    }

    @Test("a silent member is asked for directly, then through others and over TCP, then suspected")
    func probe() {
        var machine = Self.machine(knowing: 5)
        var sent: [(Tick, SWIMDirective)] = []
        for step in 0..<40 as Range<UInt64> {
            let now = Tick(step * 50)
            for order in machine.tick(now: now) { sent.append((now, order)) }
            if machine.counters.suspicions > 0 { break }
        }
        guard
            let (pinged, target) = sent.lazy.compactMap({ now, order -> (Tick, NodeID)? in
                guard case .send(let datagram, _) = order, case .ping(_, let target?) = datagram.body else {
                    return nil
                }
                return (now, target)
            }).first
        else {
            Issue.record("no ping")
            return
        }
        let helpers = sent.filter { now, order in
            guard case .send(let datagram, _) = order, case .pingRequest(_, target, _) = datagram.body else {
                return false
            }
            return now == pinged + 200
        }
        #expect(helpers.count == 3)
        #expect(
            sent.contains { $0.1 == .exchange(.ping(sender: id(1), target: target), with: address(target)) })
        #expect(machine.record(of: target)?.status == .suspect)
        // Three nacks were due and none came: this node trusts itself less.
        #expect(machine.localHealthMultiplier == 4)
    }

    @Test("a member whose link breaks is probed at once, and is suspect one probe later")
    func brokenLink() {
        var machine = Self.machine(knowing: 6)
        let orders = machine.linkBroken(to: id(4), now: Tick(10))
        #expect(orders.pings.map(\.target) == [id(4)])
        #expect(machine.linkBroken(to: id(4), now: Tick(20)).isEmpty, "it is asked already")
        var later: [SWIMDirective] = []
        for now in stride(from: 50, through: 500, by: 50) as StrideThrough<UInt64> {
            later += machine.tick(now: Tick(now))
            #expect(machine.record(of: id(4))?.status == .alive)
        }
        later += machine.tick(now: Tick(550))
        #expect(later.changes == [Change(id(4), .suspect, was: .alive)])
    }

    @Test("where the port is closed too, the time of a direct ack is enough")
    func closedPort() {
        for isBroken in [true, false] {
            var machine = Self.machine(knowing: 1)
            var orders: [SWIMDirective] = []
            var pinged: UInt64 = 10
            if isBroken {
                orders += machine.linkBroken(to: id(2), now: Tick(pinged))
            } else {
                // In its turn.
                while orders.pings.isEmpty {
                    pinged += 10
                    orders += machine.tick(now: Tick(pinged))
                }
            }
            #expect(orders.pings.map(\.target) == [id(2)])
            #expect(machine.portRefused(by: id(2), now: Tick(pinged + 100)).changes.isEmpty)
            #expect(machine.tick(now: Tick(pinged + 190)).changes.isEmpty)
            let changes = machine.tick(now: Tick(pinged + 200)).changes
            #expect(changes == (isBroken ? [Change(id(2), .suspect, was: .alive)] : []))
        }
    }

    @Test("of two that die together the second waits for the first one's ack only")
    func closedPorts() {
        var machine = Self.machine(knowing: 6)
        var orders =
            machine.linkBroken(to: id(4), now: Tick(10)) + machine.linkBroken(to: id(5), now: Tick(10))
        for member in [4, 5] { orders += machine.portRefused(by: id(member), now: Tick(110)) }
        for now in stride(from: 150, through: 450, by: 50) as StrideThrough<UInt64> {
            orders += machine.tick(now: Tick(now))
        }
        #expect(orders.changes == [4, 5].map { Change(id($0), .suspect, was: .alive) })
        #expect(machine.localHealthMultiplier == 1)
    }

    @Test("a port that is found closed when others were asked already says nothing of this node's own health")
    func closedPortLate() {
        var machine = Self.machine(knowing: 6)
        var orders = machine.linkBroken(to: id(4), now: Tick(10))
        for now in stride(from: 50, through: 250, by: 50) as StrideThrough<UInt64> {
            orders += machine.tick(now: Tick(now))
        }
        #expect(machine.counters.indirectProbes == 1)
        orders += machine.portRefused(by: id(4), now: Tick(300))
        #expect(orders.changes == [Change(id(4), .suspect, was: .alive)])
        #expect(machine.localHealthMultiplier == 1)
    }

    @Test("a closed port is no death: an ack counts")
    func closedPortOfTheLiving() {
        var machine = Self.machine(knowing: 1)
        for ping in machine.linkBroken(to: id(2), now: Tick(10)).pings {
            let ack = GossipDatagram(
                sender: id(2), body: .ack(sequence: ping.sequence, subject: id(2)))
            _ = machine.datagramReceived(ack, from: address(id(2)), now: Tick(20))
        }
        #expect(machine.portRefused(by: id(2), now: Tick(110)).isEmpty)
        for now in stride(from: 150, through: 400, by: 50) as StrideThrough<UInt64> {
            #expect(machine.tick(now: Tick(now)).changes.isEmpty)
        }
    }

    @Test("a link that keeps breaking is worth one probe a round, and a probe in flight is waited for")
    func flappingLink() {
        var machine = Self.machine(knowing: 6)
        var probed: [NodeID] = []
        for step in 1...200 as ClosedRange<UInt64> {
            let now = Tick(step * 50)
            let orders = machine.linkBroken(to: id(4), now: now) + machine.tick(now: now)
            for ping in orders.pings {
                probed.append(ping.target)
                #expect(machine.linkBroken(to: id(5), now: now).pings.isEmpty, "one probe at a time")
                let ack = GossipDatagram(
                    sender: ping.target, body: .ack(sequence: ping.sequence, subject: ping.target))
                _ = machine.datagramReceived(ack, from: address(ping.target), now: now)
            }
        }
        let counts = Dictionary(grouping: probed) { $0 }.mapValues(\.count)
        let others = (2...7).map(id).filter { $0 != id(4) }.map { counts[$0] ?? 0 }
        #expect((counts[id(4)] ?? 0) <= 2 * (others.min() ?? 0) + 2, "\(counts)")
        #expect(machine.counters.suspicions == 0)
    }

    @Test("silence of an old incarnation is not held against a new one")
    func probeOvertaken() {
        var machine = Self.machine(knowing: 1)
        for step in 1..<40 as Range<UInt64> {
            _ = machine.tick(now: Tick(step * 50))
            guard machine.counters.probes == 1 else { continue }
            let back = Self.update(2, .alive, incarnation: Incarnation(bootEpoch: 2))
            _ = machine.hear([back], at: Tick(step * 50))
        }
        #expect(machine.counters.probes > 2)
        // Only the later probes, of the new incarnation, count.
        #expect(machine.counters.probeFailures == machine.counters.probes - 2)
    }

    @Test("nacks keep the local health, an answer over TCP keeps the member")
    func nacksAndTCP() {
        for isAnsweredOverTCP in [false, true] {
            var machine = Self.machine(knowing: 5)
            for step in 0..<40 as Range<UInt64> where machine.counters.probes < 2 {
                for order in machine.tick(now: Tick(step * 50)) {
                    switch order {
                    case .send(let datagram, let to):
                        guard case .pingRequest(let sequence, _, _) = datagram.body else { continue }
                        _ = machine.datagramReceived(
                            GossipDatagram(sender: id(3), body: .nack(sequence: sequence)), from: to,
                            now: Tick(step * 50))
                    case .exchange(.ping(_, let target), _):
                        guard isAnsweredOverTCP, let record = machine.record(of: target) else { continue }
                        _ = machine.exchangeAnswered(.alive(subject: record), now: Tick(step * 50))
                    default: continue
                    }
                }
            }
            #expect(machine.localHealthMultiplier == 1)
            #expect(machine.counters.suspicions == (isAnsweredOverTCP ? 0 : 1))
        }
    }

    @Test("a helper passes an ack on, and says nack when it hears nothing")
    func relay() {
        var machine = Self.machine(knowing: 3)
        let request = GossipBody.pingRequest(sequence: 77, target: id(3), address: "address3:1")
        let orders = machine.hear([], body: request, at: Tick(0))
        guard case .send(let ping, "address3:1")? = orders.first, case .ping(let sequence, id(3)?) = ping.body
        else {
            Issue.record("no ping in \(orders)")
            return
        }
        let nacks = machine.tick(now: Tick(160)).bodies(to: "address2:1")
        #expect(nacks == [.nack(sequence: 77)])
        let late = GossipDatagram(sender: id(3), body: .ack(sequence: sequence, subject: id(3)))
        let acks = machine.datagramReceived(late, from: "address3:1", now: Tick(300)).bodies(to: "address2:1")
        #expect(acks == [.ack(sequence: 77, subject: id(3))])
        #expect(machine.datagramReceived(late, from: "address3:1", now: Tick(301)).isEmpty)
    }

    @Test("a ping for another node that lived at this address is not answered")
    func pingForAnother() {
        var machine = Self.machine(knowing: 2)
        #expect(machine.hear([], body: .ping(sequence: 1, target: id(50)), at: Tick(1)).isEmpty)
        #expect(machine.exchangeReceived(.ping(sender: id(2), target: id(50)), now: Tick(1)).answer == nil)
    }

    @Test("dead in a full view becomes suspect, so that it can object; strangers are believed dead")
    func fullView() {
        var machine = Self.machine(knowing: 3)
        let view = [
            Self.update(2, .dead).record, Self.update(20, .dead).record, Self.update(21, .alive).record,
        ]
        let outcome = machine.exchangeReceived(.fullSync(sender: id(3), members: view), now: Tick(5))
        #expect(machine.record(of: id(2))?.status == .suspect)
        #expect(machine.record(of: id(20))?.status == .dead)
        #expect(machine.record(of: id(21))?.status == .alive)
        #expect(
            outcome.answer
                == .fullSync(
                    sender: id(1), members: [machine.own] + machine.records.filter { $0.node != id(1) }))
    }

    @Test("every datagram fits, however much is queued and however long the texts are")
    func datagramSize() {
        var machine = Self.machine(knowing: 1)
        for index in 2..<60 {
            var update = Self.update(index, .suspect, accuser: 3, incarnation: Incarnation(1 << 63))
            update.record.name = String(repeating: "n", count: MemberRecord.nameByteCountMax)
            update.record.zone = String(repeating: "z", count: MemberRecord.zoneByteCountMax)
            update.record.version = String(repeating: "v", count: MemberRecord.versionByteCountMax)
            let long = String(repeating: "a", count: index < 30 ? MemberRecord.addressByteCountMax : 60)
            update.record.addresses = MemberAddresses(client: long, peer: long, admin: long)
            _ = machine.hear([update], at: Tick(0))
        }
        var sizes: [Int] = []
        var ridden = 0
        for step in 0..<60 as Range<UInt64> {
            for case .send(let datagram, _) in machine.tick(now: Tick(step * 50)) {
                sizes.append(datagram.encoded().count)
                ridden += datagram.updates.count
            }
        }
        #expect(sizes.max() ?? .max <= GossipDatagram.byteCountMax)
        #expect(ridden > 50)
    }

    static func update(
        _ index: Int, _ status: MemberStatus, accuser: Int? = nil,
        incarnation: Incarnation = Incarnation(bootEpoch: 1)
    ) -> GossipUpdate {
        let record = MemberRecord(
            node: id(index), name: "node\(index)", status: status, incarnation: incarnation,
            addresses: MemberAddresses(client: "", peer: address(id(index)), admin: ""))
        return GossipUpdate(record: record, accuser: accuser.map(id))
    }

    /// A started machine of node 1 that knows nodes 2, 3, ... `others + 1`.
    static func machine(knowing others: Int) -> SWIM {
        var machine = SWIM(own: update(1, .alive).record, seeds: [], seed: 1)
        _ = machine.start(now: .zero)
        for index in 2..<others + 2 { _ = machine.hear([update(index, .alive)], at: .zero) }
        return machine
    }
}

private func id(_ index: Int) -> NodeID { NodeID(high: 0, low: UInt64(index)) }
private func address(_ node: NodeID) -> String { "address\(node.raw.low):1" }

private struct Change: Equatable {
    var node: NodeID
    var status: MemberStatus
    var was: MemberStatus?

    init(_ node: NodeID, _ status: MemberStatus, was: MemberStatus?) {
        self.node = node
        self.status = status
        self.was = was
    }
}

extension SWIM {
    /// Receives from node 2.
    fileprivate mutating func hear(
        _ updates: [GossipUpdate], body: GossipBody = .gossip, at now: Tick
    ) -> [SWIMDirective] {
        let sender = NodeID(high: 0, low: 2)
        return datagramReceived(
            GossipDatagram(sender: sender, body: body, updates: updates), from: "address2:1", now: now)
    }
}

extension [SWIMDirective] {
    fileprivate var pings: [(target: NodeID, sequence: UInt32)] {
        compactMap {
            guard case .send(let datagram, _) = $0, case .ping(let sequence, let target?) = datagram.body
            else {
                return nil
            }
            return (target, sequence)
        }
    }

    fileprivate var changes: [Change] {
        compactMap {
            guard case .memberChanged(let record, let was) = $0 else { return nil }
            return Change(record.node, record.status, was: was)
        }
    }

    fileprivate func bodies(to address: String) -> [GossipBody] {
        compactMap {
            guard case .send(let datagram, address) = $0, datagram.body != .gossip else { return nil }
            return datagram.body
        }
    }
}
