import Chat
import Consensus
import Vocabulary
import Wire

/// What happens in a simulation, each at its virtual time.
enum SimulationEvent {
    case tick(node: Int)
    case frame(SimulatedFrame, from: Int, to: Int)
    case synced(node: Int, life: Int)
    case snapshotTimeout(node: Int, life: Int, group: GroupID, to: ReplicaID)
    case restart(node: Int)
    case resume(node: Int)
    case endOfSlowDisk(node: Int)
    case mend([SimulatedNetwork.Link])
    case suspicion(node: Int, of: Int, Bool)
    case fault
    case upkeep
    case standstillMiddle
    case standstillEnd
    case request(ClientRequest, ClientTicket, node: Int)
    case answer(ClientAnswer, ClientTicket)
    case attempt(client: Int, attempt: Int)
    case timeout(client: Int, attempt: Int)
}

/// One simulated cluster: one thread, a virtual clock, and chance from one seed. The same seed does the same.
final class Simulation {
    /// Virtual microseconds.
    var now: UInt64 = 0
    var events = EventQueue<SimulationEvent>()
    var random: SeededGenerator
    let plan: FaultPlan
    let settings = RaftSettings()
    var network: SimulatedNetwork
    var nodes: [SimulatedNode] = []
    var clients: [SimulatedClient] = []
    var mover = ReplicaMover()
    let checker = InvariantChecker()
    var faults: [FaultKind: Int] = [:]
    /// After it nothing fails any more: first a standstill, then the end.
    let faultsEnd: UInt64
    var areFaultsOn = true
    var standstill: Standstill?
    /// Everything works, and clients finish what they have begun.
    var isEnding = false
    var trace: Trace
    var fingerprint: UInt64 = 0
    var readsAnswered = 0

    init(seed: UInt64, milliseconds: UInt64, isTraced: Bool) {
        random = SeededGenerator(seed: seed)
        plan = FaultPlan(&random)
        network = SimulatedNetwork(plan: plan, random: random.split())
        faultsEnd = milliseconds * 1_000
        trace = Trace(isOn: isTraced)
        let cluster = ClusterID(high: 1, low: seed)
        for number in 1...plan.nodes {
            nodes.append(
                SimulatedNode(number: number, cluster: cluster, settings: settings, random: &random))
        }
        for number in 0..<plan.clients {
            clients.append(SimulatedClient(number: number, random: random.split()))
        }
        for group in 0..<plan.groups {
            let members = Array((1...plan.nodes).shuffled(using: &random).prefix(3))
            mover.assign(GroupID(PartitionID(UInt32(group))), nodes: members)
        }
    }

    var tick: Tick { Tick(now / 1_000) }
    func node(_ number: Int) -> SimulatedNode { nodes[number - 1] }

    /// Runs to the end; stops at the first violation.
    func run() {
        for node in nodes {
            mover.reconcile(node, checker: checker, now: tick)
            schedule(.tick(node: node.number), after: UInt64.random(in: 0...20_000, using: &random))
        }
        for client in clients {
            schedule(.attempt(client: client.number, attempt: 0), after: 1_000_000)
        }
        schedule(.fault, after: 2_000_000)
        schedule(.upkeep, after: 100_000)
        while checker.violations.isEmpty, !isConverged, let (time, event) = events.next() {
            now = time
            perform(event)
            if areFaultsOn && now > faultsEnd {
                areFaultsOn = false
                beginStandstill()
            }
            if now > faultsEnd + 80_000_000 { checker.fail("not converged: \(whatIsMissing() ?? "nothing")") }
        }
        if checker.violations.isEmpty { checkEnd() }
    }

    func schedule(_ event: SimulationEvent, after microseconds: UInt64) {
        events.add(event, at: now + microseconds)
    }

    func count(_ kind: FaultKind, _ number: Int = 1) { faults[kind, default: 0] += number }

    func note(_ text: @autoclosure () -> String) { trace.add(now, text()) }

    private func perform(_ event: SimulationEvent) {
        switch event {
        case .tick(let number):
            schedule(event, after: 20_000)
            onNode(number, event) { node in
                node.raft.tick(now: tick, walAge: node.disk.age(at: now) / 1_000)
            }
        case .frame(let frame, let from, let to): onNode(to, event) { receive(frame, from: from, on: $0) }
        case .synced(let number, let life):
            guard node(number).life == life else { return }
            onNode(number, event) { synced($0) }
        case .snapshotTimeout(let number, let life, let group, let to):
            guard node(number).life == life else { return }
            onNode(number, event) { $0.raft.snapshotSent(group: group, to: to, success: false) }
        case .request(let request, let ticket, let number):
            onNode(number, event) { serve(request, ticket, on: $0) }
        case .restart(let number): restart(node(number))
        case .resume(let number): resume(node(number))
        case .endOfSlowDisk(let number): node(number).syncFactor = 1
        case .mend(let links): if areFaultsOn { network.mend(links) }
        case .suspicion(let number, let suspect, let isSuspect):
            onNode(number, event) { $0.raft.suspect(node: SimulatedNode.id(of: suspect), isSuspect) }
        case .fault: strike()
        case .upkeep: upkeep()
        case .standstillMiddle: standstillMiddle()
        case .standstillEnd: standstillEnd()
        case .answer(let answer, let ticket): receive(answer, ticket)
        case .attempt(let client, let attempt): self.attempt(client, attempt)
        case .timeout(let client, let attempt): timedOut(client, attempt)
        }
    }

    /// Runs on a node that is up; a stopped process gets its events when it goes on.
    private func onNode(_ number: Int, _ event: SimulationEvent, _ body: (SimulatedNode) -> Void) {
        let node = node(number)
        guard node.isUp else { return }
        if node.pausedEvents != nil {
            if case .tick = event { return }
            node.pausedEvents?.append(event)
            return
        }
        body(node)
        pump(node)
    }

    private func resume(_ node: SimulatedNode) {
        guard let waiting = node.pausedEvents else { return }
        note("node \(node.number) goes on")
        node.pausedEvents = nil
        for event in waiting { schedule(event, after: 0) }
    }
}

/// The last steps of a run, kept only when somebody will read them.
struct Trace {
    static let linesMax = 400
    let isOn: Bool
    private(set) var lines: [String] = []

    init(isOn: Bool) { self.isOn = isOn }

    mutating func add(_ microseconds: UInt64, _ text: @autoclosure () -> String) {
        guard isOn else { return }
        if lines.count >= 2 * Self.linesMax { lines.removeFirst(Self.linesMax) }
        let fraction = String(microseconds % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        lines.append("\(microseconds / 1_000_000).\(zeros)\(fraction) \(text())")
    }
}
