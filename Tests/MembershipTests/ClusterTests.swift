import Membership
import Sealing
import Testing
import Vocabulary
import Wire

@Suite struct ClusterTests {
    @Test("nodes that know one seed all meet, whoever starts first", arguments: [2, 3, 8, 32])
    func join(count: Int) {
        var network = GossipNetwork(seed: UInt64(count))
        for _ in 0..<count { _ = network.add() }
        // The seed starts last, so that the others have to try again.
        for index in (0..<count).reversed() { network.boot(index, seeds: [0, 1]) }
        let took = network.run(milliseconds: 10_000) { $0.allAgree(alive: Array(0..<count)) }
        #expect(took != nil && took ?? .max <= 3_000)
        #expect(network.longestDatagram <= GossipDatagram.sealedByteCountMax)
    }

    @Test("a newcomer is known to all within two seconds")
    func newcomer() {
        var network = GossipNetwork.cluster(of: 5, seed: 1)
        let index = network.add()
        network.boot(index, seeds: [3])
        let took = network.run(milliseconds: 2_000) { $0.allAgree(alive: Array(0...5)) }
        #expect(took != nil)
    }

    @Test("a newcomer and its seed meet by datagrams alone, also when the seed has nothing to spread")
    func newcomerWithoutTCP() {
        var network = GossipNetwork.cluster(of: 3, seed: 2)
        network.run(milliseconds: 10_000)
        network.exchangeLossPercent = 100
        let index = network.add()
        network.boot(index, seeds: [1])
        network.run(milliseconds: 200)
        #expect(network.status(of: 1, at: index) == .alive)
        #expect(network.status(of: index, at: 1) == .alive)
    }

    @Test(
        "a crash is known to all within 3 s in half of the cases, and in all within 6 s",
        arguments: [3, 5, 16])
    func crash(count: Int) {
        var times: [UInt64] = []
        for seed in 0..<15 as Range<UInt64> {
            var network = GossipNetwork.cluster(of: count, seed: seed)
            #expect(network.allAgree(alive: Array(0..<count)))
            network.run(milliseconds: seed * 97)
            network.kill(count - 1)
            let took = network.run(milliseconds: 10_000) { network in
                (0..<count - 1).allSatisfy { network.status(of: count - 1, at: $0) == .dead }
            }
            times.append(took ?? .max)
            #expect(network.allAgree(alive: Array(0..<count - 1)))
        }
        times.sort()
        #expect(times[times.count / 2] <= 3_000, "\(times)")
        #expect(times.last ?? .max <= 6_000, "\(times)")
    }

    @Test("an hour with one datagram in five lost declares nobody dead")
    func loss() {
        var network = GossipNetwork.cluster(of: 5, seed: 20)
        network.datagramLossPercent = 20
        network.exchangeLossPercent = 20
        network.changes.removeAll()
        network.run(milliseconds: 3_600_000)
        #expect(network.changes.filter { $0.record.status == .dead }.isEmpty)
        // The loss did bite: without it the test would say nothing.
        #expect(network.nodes.compactMap { $0.machine?.counters.indirectProbes }.reduce(0, +) > 1_000)
        network.datagramLossPercent = 0
        network.run(milliseconds: 5_000)
        #expect(network.allAgree(alive: Array(0..<5)))
    }

    @Test("without TCP too, suspects object in time")
    func lossWithoutTCP() {
        var network = GossipNetwork.cluster(of: 5, seed: 21)
        network.datagramLossPercent = 20
        network.exchangeLossPercent = 100
        network.changes.removeAll()
        network.run(milliseconds: 1_200_000)
        let counters = network.nodes.compactMap { $0.machine?.counters }
        #expect(counters.map(\.suspicions).reduce(0, +) > 100)
        #expect(counters.map(\.refutations).reduce(0, +) > 20)
        #expect(network.changes.filter { $0.record.status == .dead }.isEmpty)
    }

    @Test(
        "a node restarted on another port is found, before and after it was declared dead",
        arguments: [500, 9_000])
    func restart(downMilliseconds: UInt64) {
        var network = GossipNetwork.cluster(of: 4, seed: downMilliseconds)
        network.kill(3)
        network.run(milliseconds: downMilliseconds)
        #expect(network.status(of: 3, at: 0) == (downMilliseconds > 5_000 ? .dead : .alive))
        network.boot(3, epoch: 2, port: 9_999, seeds: [1])
        let took = network.run(milliseconds: 2_000) { network in
            (0..<3).allSatisfy { observer in
                let record = network.nodes[observer].machine?.record(of: network.id(3))
                return record?.status == .alive && record?.addresses.peer == "10.0.0.1:9999"
            }
        }
        #expect(took != nil)
        network.changes.removeAll()
        network.run(milliseconds: 60_000)
        #expect(network.allAgree(alive: Array(0..<4)))
        #expect(network.changes.filter { $0.record.status == .dead }.isEmpty, "an old rumour came back")
    }

    @Test("a whole cluster that moves to other ports but one meets again")
    func allRestart() {
        var network = GossipNetwork.cluster(of: 4, seed: 44)
        for index in 0..<4 { network.kill(index) }
        network.run(milliseconds: 1_000)
        for index in 0..<4 {
            network.boot(index, epoch: 2, port: index == 0 ? nil : 9_000 + index, seeds: [0])
        }
        #expect(network.run(milliseconds: 10_000) { $0.allAgree(alive: Array(0..<4)) } != nil)
    }

    @Test("two halves that gave each other up meet again through the seeds")
    func partition() {
        var network = GossipNetwork.cluster(of: 6, seed: 6)
        let minority = ["10.0.0.1:8000", "10.0.0.1:8001"]
        network.isCut = { minority.contains($0) != minority.contains($1) }
        // Longer than gossip to the dead goes on.
        network.run(milliseconds: 90_000)
        #expect(network.status(of: 0, at: 5) == .dead)
        #expect(network.status(of: 5, at: 0) == .dead)
        #expect(network.status(of: 1, at: 0) == .alive)
        network.isCut = { _, _ in false }
        let took = network.run(milliseconds: 30_000) { $0.allAgree(alive: Array(0..<6)) }
        #expect(took != nil)
    }

    @Test(
        "of a node that stands still half of every second nobody healthy is ever declared dead",
        arguments: [0, 20])
    func pauses(lossPercent: Int) {
        var network = GossipNetwork.cluster(of: 5, seed: 77)
        network.datagramLossPercent = Double(lossPercent)
        network.exchangeLossPercent = Double(lossPercent)
        network.changes.removeAll()
        for _ in 0..<3_600 {
            network.pause(4)
            network.run(milliseconds: 500)
            network.resume(4)
            network.run(milliseconds: 500)
        }
        // With losses on top the slow one itself may be given up for a moment; the healthy never are.
        let deaths = network.changes.filter {
            $0.record.status == .dead && (lossPercent == 0 || $0.record.node != network.id(4))
        }
        #expect(deaths.isEmpty, "\(deaths)")
        // The pauses did bite: the slow one was suspected or missed answers itself.
        let counters = network.nodes.compactMap { $0.machine?.counters }
        #expect(counters.map(\.indirectProbes).reduce(0, +) > 1_000)
        network.run(milliseconds: 10_000)
        #expect(network.allAgree(alive: Array(0..<5)))
    }

    @Test("one who leaves is known as left at once and is not suspected")
    func leave() {
        var network = GossipNetwork.cluster(of: 4, seed: 3)
        network.tell(2) { $0.leave(now: $1) }
        network.run(milliseconds: 300)
        for observer in [0, 1, 3] { #expect(network.status(of: 2, at: observer) == .left) }
        network.kill(2)
        network.changes.removeAll()
        network.run(milliseconds: 30_000)
        #expect(network.changes.isEmpty)
        network.boot(2, epoch: 2, seeds: [0])
        #expect(network.run(milliseconds: 3_000) { $0.allAgree(alive: Array(0..<4)) } != nil)
    }

    @Test("two clusters with one key on one network never merge")
    func twoClusters() {
        var network = GossipNetwork(seed: 2)
        for index in 0..<4 {
            _ = network.add(cluster: ClusterID(high: index < 2 ? 1 : 2, low: 0))
            network.boot(index, seeds: [0, 1, 2, 3])
        }
        network.run(milliseconds: 120_000)
        for observer in 0..<4 {
            for subject in 0..<4 {
                let isSame = (observer < 2) == (subject < 2)
                #expect(network.status(of: subject, at: observer) == (isSame ? .alive : nil))
            }
        }
        #expect(network.datagramsRefused > 0)
    }

    @Test("a number and new addresses reach everybody")
    func describe() {
        var network = GossipNetwork.cluster(of: 3, seed: 8)
        network.tell(1) { machine, _ in
            machine.describe(number: 42)
            return []
        }
        network.run(milliseconds: 1_000)
        for observer in 0..<3 {
            #expect(network.nodes[observer].machine?.record(of: network.id(1))?.number == 42)
        }
    }

    @Test("a quiet cluster is nearly silent, and its false alarms are none")
    func quiet() {
        var network = GossipNetwork.cluster(of: 5, seed: 9)
        network.run(milliseconds: 10_000)
        network.datagrams = 0
        network.changes.removeAll()
        network.run(milliseconds: 60_000)
        // Two probes a second and their answers, for each node, and the pings of nobody else.
        #expect(network.datagrams <= 5 * 2 * 2 * 60 + 50)
        #expect(network.changes.isEmpty)
        #expect(network.nodes.compactMap { $0.machine?.localHealthMultiplier } == [1, 1, 1, 1, 1])
    }
}
