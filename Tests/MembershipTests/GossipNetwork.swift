import Membership
import Sealing
import Vocabulary
import Wire

/// Some machines on one simulated network: seeded loss and delay, real bytes and real seals, virtual time.
struct GossipNetwork {
    /// A node: its machine, or `nil` while its process is down.
    struct Node {
        var machine: SWIM?
        var cluster: ClusterID
        var sealer: GossipSealer
        var address: String
    }

    /// Something that reaches a node later.
    private struct Delivery {
        var due: Tick
        var order: Int
        var to: String
        var content: Content
    }

    private enum Content {
        case datagram([UInt8], from: String)
        case request(GossipExchange, of: ClusterID, from: String)
        case answer(GossipExchange)
    }

    var now: Tick = .zero
    var nodes: [Node] = []
    /// Chance in 100 that a datagram is lost, and that a TCP exchange fails.
    var datagramLossPercent = 0.0
    var exchangeLossPercent = 0.0
    /// Pairs of addresses between which nothing passes.
    var isCut: (String, String) -> Bool = { _, _ in false }

    /// What the nodes were told, by node index: (when, whom, new status, old status).
    var changes: [(at: Tick, node: Int, record: MemberRecord, was: MemberStatus?)] = []
    var alarms = 0
    var datagrams = 0
    var datagramsRefused = 0
    var longestDatagram = 0

    private var deliveries: [Delivery] = []
    /// Processes that stand still (SIGSTOP): what is sent to them waits.
    private var paused: Set<Int> = []
    private var held: [Delivery] = []
    private var nextOrder = 0
    private var chance: SeededGenerator
    private let settings: SWIMSettings

    init(seed: UInt64, settings: SWIMSettings = SWIMSettings()) {
        chance = SeededGenerator(seed: seed)
        self.settings = settings
    }

    /// Adds a node that is not started; returns its index.
    mutating func add(cluster: ClusterID = ClusterID(high: 7, low: 7)) -> Int {
        guard let key = GossipKey([UInt8](repeating: 9, count: 32)) else { preconditionFailure("32 bytes") }
        let sealer = GossipSealer(cluster: cluster, keyRing: GossipKeyRing(key))
        nodes.append(Node(machine: nil, cluster: cluster, sealer: sealer, address: ""))
        return nodes.count - 1
    }

    /// Boots a node with an empty memory.
    mutating func boot(_ index: Int, epoch: UInt32 = 1, port: Int? = nil, seeds: [Int]) {
        let address = "10.0.0.1:\(port ?? 8_000 + index)"
        let record = MemberRecord(
            node: id(index), name: "node\(index)", incarnation: Incarnation(bootEpoch: epoch),
            addresses: MemberAddresses(client: "c\(index):1", peer: address, admin: "a\(index):1"),
            version: "1.0.0", zone: "z")
        var machine = SWIM(
            own: record, seeds: seeds.map { "10.0.0.1:\(8_000 + $0)" }, settings: settings,
            seed: chance.next())
        let orders = machine.start(now: now)
        nodes[index].machine = machine
        nodes[index].address = address
        carryOut(orders, of: index)
    }

    /// Boots `count` nodes that know the first one, and lets them meet.
    static func cluster(of count: Int, seed: UInt64, settings: SWIMSettings = SWIMSettings()) -> GossipNetwork
    {
        var network = GossipNetwork(seed: seed, settings: settings)
        for _ in 0..<count { network.boot(network.add(), seeds: [0]) }
        network.run(milliseconds: 5_000)
        return network
    }

    mutating func kill(_ index: Int) { nodes[index].machine = nil }

    mutating func pause(_ index: Int) { paused.insert(index) }

    /// What arrived meanwhile is there at once, before the clock of the node goes on.
    mutating func resume(_ index: Int) {
        paused.remove(index)
        deliveries += held
        held = []
        deliver(upTo: now)
    }

    /// Tells a machine something from outside and carries out its orders.
    mutating func tell(_ index: Int, _ fact: (inout SWIM, Tick) -> [SWIMDirective]) {
        guard var machine = nodes[index].machine else { return }
        let orders = fact(&machine, now)
        nodes[index].machine = machine
        carryOut(orders, of: index)
    }

    /// Lets time pass in steps of 50 ms, delivering in between.
    mutating func run(milliseconds: UInt64) {
        _ = run(milliseconds: milliseconds) { _ in false }
    }

    /// Lets time pass until `done`, at most so long; returns how long it took.
    mutating func run(milliseconds: UInt64, until done: (GossipNetwork) -> Bool) -> UInt64? {
        let start = now
        while now.since(start) < milliseconds {
            let step = now + 50
            deliver(upTo: step)
            now = step
            for index in nodes.indices where !paused.contains(index) { tell(index) { $0.tick(now: $1) } }
            if done(self) { return now.since(start) }
        }
        return nil
    }

    func id(_ index: Int) -> NodeID { NodeID(high: 1, low: UInt64(index + 1)) }

    /// What `observer` thinks of `subject`.
    func status(of subject: Int, at observer: Int) -> MemberStatus? {
        nodes[observer].machine?.record(of: id(subject))?.status
    }

    /// Whether every running node holds exactly `indices` alive.
    func allAgree(alive indices: [Int]) -> Bool {
        let expected = indices.map(id).sorted()
        return nodes.allSatisfy { node in
            guard let machine = node.machine else { return true }
            return machine.records.filter { $0.status == .alive }.map(\.node) == expected
        }
    }

    private mutating func carryOut(_ orders: [SWIMDirective], of index: Int) {
        let from = nodes[index].address
        for order in orders {
            switch order {
            case .send(let datagram, let to): send(datagram, from: index, to: to)
            case .exchange(let request, let to):
                if chance.chance(percent: exchangeLossPercent) { continue }
                post(.request(request, of: nodes[index].cluster, from: from), from, to)
            case .memberChanged(let record, let was): changes.append((now, index, record, was))
            case .superseded: alarms += 1
            case .roundTrip: break
            }
        }
    }

    private mutating func send(_ datagram: GossipDatagram, from index: Int, to: String) {
        let nonce = (0..<GossipSealer.nonceByteCount).map { _ in
            UInt8.random(in: .min ... .max, using: &chance)
        }
        let sealed = nodes[index].sealer.seal(datagram.encoded(), nonce: nonce)
        datagrams += 1
        longestDatagram = max(longestDatagram, sealed.count)
        if chance.chance(percent: datagramLossPercent) { return }
        post(.datagram(sealed, from: nodes[index].address), nodes[index].address, to)
    }

    private mutating func post(_ content: Content, _ from: String, _ to: String) {
        if isCut(from, to) { return }
        let delay = 1 + chance.next(upperBound: UInt64(10))
        deliveries.append(Delivery(due: now + delay, order: nextOrder, to: to, content: content))
        nextOrder += 1
    }

    private mutating func deliver(upTo end: Tick) {
        while let next = deliveries.indices.min(by: {
            (deliveries[$0].due, deliveries[$0].order) < (deliveries[$1].due, deliveries[$1].order)
        }), deliveries[next].due <= end {
            let delivery = deliveries.remove(at: next)
            now = max(now, delivery.due)
            guard
                let index = nodes.firstIndex(where: { $0.address == delivery.to && $0.machine != nil })
            else { continue }
            if paused.contains(index) {
                held.append(delivery)
                continue
            }
            receive(delivery.content, at: index)
        }
    }

    private mutating func receive(_ content: Content, at index: Int) {
        switch content {
        case .datagram(let sealed, let from):
            guard let bytes = try? nodes[index].sealer.open(sealed),
                let datagram = try? GossipDatagram(decoding: bytes)
            else {
                datagramsRefused += 1
                return
            }
            tell(index) { $0.datagramReceived(datagram, from: from, now: $1) }
        case .request(let request, let cluster, let from):
            // The handshake of the peer links refuses another cluster (rule M5).
            guard cluster == nodes[index].cluster else { return }
            var answer: GossipExchange?
            tell(index) {
                let outcome = $0.exchangeReceived(request, now: $1)
                answer = outcome.answer
                return outcome.orders
            }
            if let answer { post(.answer(answer), nodes[index].address, from) }
        case .answer(let answer):
            tell(index) { $0.exchangeAnswered(answer, now: $1) }
        }
    }
}
