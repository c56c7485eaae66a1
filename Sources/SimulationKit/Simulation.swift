import Chat
import Consensus
import Vocabulary
import Wire

/// What happens in a simulation, each at its virtual time.
enum SimulationEvent {
    case tick(node: Int, boot: Int)
    case gossip(node: Int, boot: Int)
    /// A frame between two nodes; with the epoch of its link when it travels on one.
    case frame(SimulatedFrame, from: Int, to: Int, epoch: Int?)
    /// A frame to whoever lives on a host.
    case post(SimulatedFrame, fromHost: Int, toHost: Int)
    case linkEnds(SimulatedNetwork.Link)
    /// What was cut a while ago: links over it are given up.
    case silence([SimulatedNetwork.Link])
    case synced(node: Int, boot: Int)
    case flushed(node: Int, boot: Int)
    case ingested(node: Int, boot: Int, group: GroupID, transfer: UInt64)
    case removed(node: Int, boot: Int, group: GroupID)
    case tryJoin(node: Int, boot: Int)
    /// A node with an older copy of its disk asks the others whether they take it.
    case tryComingBack(node: Int, boot: Int)
    case boot(node: Int)
    /// A scripted crash.
    case crash(node: Int)
    case resume(node: Int)
    case diskRecovers(node: Int, boot: Int)
    case mend([SimulatedNetwork.Link])
    case settle(host: Int)
    case oblige(NodeID, MemberState)
    case fault
    case upkeep
    case standstillMiddle
    case standstillEnd
    case request(ClientRequest, ClientTicket, host: Int)
    case answer(ClientAnswer, ClientTicket)
    case attempt(client: Int, attempt: Int)
    case timeout(client: Int, attempt: Int)
    case chat(ChatEvent)
}

/// One simulated cluster: one thread, a virtual clock, and chance from one seed. The same seed does the same.
final class Simulation {
    /// Virtual microseconds.
    var now: UInt64 = 0
    var events = EventQueue<SimulationEvent>()
    var random: SeededGenerator
    let plan: FaultPlan
    var settings: RaftSettings { plan.raft }
    let coordinator: Coordinator
    let cluster: ClusterID
    var network: SimulatedNetwork
    /// Every node that ever was, by number; `hosts` says which one lives where.
    var nodes: [SimulatedNode] = []
    var hosts: [Int: Int] = [:]
    let hostOfAddress: [String: Int]
    var clients: [SimulatedClient] = []
    let checker = InvariantChecker()
    var scenario: Scenario?
    var faults: [FaultKind: Int] = [:]
    /// What an operator wants of members, until group 0 has it.
    var obligations: [NodeID: MemberState] = [:]
    /// The node whose disk is lost and whose replicas are not rebuilt yet: one at a time.
    var lost: NodeID?
    var states: PlantedStates
    /// After it nothing fails any more: first a standstill, then the end.
    let faultsEnd: UInt64
    var areFaultsOn = true
    var standstill: Standstill?
    /// Everything works, and clients finish what they have begun.
    var isEnding = false
    var trace: Trace
    var fingerprint: UInt64 = 0
    var eventCount = 0
    var readsAnswered = 0
    let chat: ChatSide

    init(plan: FaultPlan, random: SeededGenerator, seed: UInt64, milliseconds: UInt64, isTraced: Bool) {
        self.random = random
        self.plan = plan
        network = SimulatedNetwork(plan: plan, random: self.random.split())
        faultsEnd = milliseconds * 1_000
        trace = Trace(isOn: isTraced)
        states = PlantedStates(random: SeededGenerator(seed: plan.statesSeed))
        coordinator = Coordinator(replaceAfterMilliseconds: plan.replaceAfterMilliseconds)
        cluster = ClusterID(high: 1, low: seed)
        chat = ChatSide(plan: plan.chat, random: self.random.split())
        checker.chat = chat.checker
        hostOfAddress = Dictionary(
            uniqueKeysWithValues: (1...plan.hosts).map { (SimulatedNode.address(of: $0), $0) })
        for number in 0..<plan.clients {
            clients.append(SimulatedClient(number: number, random: self.random.split()))
        }
    }

    var tick: Tick { Tick(now / 1_000) }
    func node(_ number: Int) -> SimulatedNode { nodes[number - 1] }
    func node(_ id: NodeID) -> SimulatedNode { nodes[SimulatedNode.number(of: id) - 1] }
    /// Every group, group 0 first.
    var groups: [GroupID] { (0...UInt32(plan.partitions)).map { GroupID($0) } }

    /// Runs to the end; stops at the first violation.
    func run() {
        formCluster()
        beginChat()
        for client in clients {
            schedule(.attempt(client: client.number, attempt: 0), after: 1_000_000)
        }
        schedule(.fault, after: 4_000_000)
        schedule(.upkeep, after: 100_000)
        while checker.violations.isEmpty, !isConverged, let (time, event) = events.next() {
            now = time
            chat.checker.now = time
            eventCount += 1
            fingerprint = (fingerprint ^ time) &* 0x0000_0100_0000_01B3
            perform(event)
            if let wrong = chat.checker.violations.first { checker.fail(wrong) }
            if areFaultsOn && now > faultsEnd {
                areFaultsOn = false
                beginStandstill()
            }
            if now > faultsEnd + 150_000_000 {
                checker.fail("not converged: \(whatIsMissing() ?? "nothing")")
            }
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
        case .tick(let number, let boot):
            guard node(number).boots == boot, node(number).isUp else { return }
            schedule(event, after: 20_000)
            onNode(number, event) { tick($0) }
        case .gossip(let number, let boot):
            guard node(number).boots == boot, node(number).isUp else { return }
            schedule(event, after: Self.gossipTick)
            onNode(number, event) { tickGossip($0) }
        case .frame(let frame, let from, let to, let epoch):
            let link = SimulatedNetwork.Link(from: from, to: to)
            if let epoch, !network.isCurrent(link, epoch: epoch) { return }
            guard case .peer(let frame) = frame else { return }
            onNode(to, event) { if $0.swim != nil { receive(frame, from: from, on: $0) } }
        case .post(let frame, let from, let to):
            guard let number = hosts[to] else { return }
            onNode(number, event) { node in
                switch frame {
                case .datagram(let datagram): receive(datagram, fromHost: from, on: node)
                case .call(let call): receive(call, fromHost: from, on: node)
                case .peer: break
                }
            }
        case .synced(let number, let boot): onNode(number, event, boot: boot) { synced($0) }
        case .flushed(let number, let boot): onNode(number, event, boot: boot) { flushed($0) }
        case .ingested(let number, let boot, let group, let transfer):
            onNode(number, event, boot: boot) { snapshotIsDurable(group, transfer: transfer, on: $0) }
        case .removed(let number, let boot, let group):
            onNode(number, event, boot: boot) { removed(group, on: $0) }
        case .tryComingBack(let number, let boot):
            if node(number).boots == boot, node(number).isUp { askToComeBack(node(number)) }
        case .tryJoin(let number, let boot): onNode(number, event, boot: boot) { tryJoin($0) }
        case .request(let request, let ticket, let host):
            guard let number = hosts[host] else { return }
            onNode(number, event) { serve(request, ticket, on: $0) }
        case .diskRecovers(let number, let boot): onNode(number, event, boot: boot) { diskRecovers($0) }
        default: performOutside(event)
        }
    }

    /// What happens to the cluster rather than on one node.
    private func performOutside(_ event: SimulationEvent) {
        switch event {
        case .linkEnds(let link): linkEnds(link)
        case .silence(let links): endSilentLinks(links)
        case .boot(let number): boot(node(number))
        case .crash(let number): crash(node(number), isPowerLoss: true)
        case .resume(let number): resume(node(number))
        case .mend(let links): if areFaultsOn { network.mend(links) }
        case .settle(let host): settle(host)
        case .oblige(let node, let state): oblige(node, state)
        case .fault: strike()
        case .upkeep: upkeep()
        case .standstillMiddle: standstillMiddle()
        case .standstillEnd: standstillEnd()
        case .answer(let answer, let ticket): receive(answer, ticket)
        case .attempt(let client, let attempt): self.attempt(client, attempt)
        case .timeout(let client, let attempt): timedOut(client, attempt)
        case .chat(let event): perform(event)
        default: break
        }
    }

    /// Runs on a node that is up; a stopped process gets its events when it goes on.
    func onNode(
        _ number: Int, _ event: SimulationEvent, boot: Int? = nil, _ body: (SimulatedNode) -> Void
    ) {
        let node = node(number)
        guard node.isUp, boot == nil || boot == node.boots else { return }
        if node.pausedEvents != nil {
            switch event {
            case .tick, .gossip: return
            default: node.pausedEvents?.append(event)
            }
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

/// Something scripted that a named test does at the exact moment.
struct Scenario {
    /// A node has applied new metadata.
    var metadataChanged: (Simulation, SimulatedNode) -> Void = { _, _ in }
    /// A leader's chat machines have heard of committed commands; nothing of it has left the node.
    var chatApplied: (Simulation, SimulatedNode, GroupID, [CommandOutcome]) -> Void = { _, _, _, _ in }
    /// Whether a frame of the chat side leaves for a node.
    var chatSends: (Simulation, SimulatedNode, PeerFrame, NodeID) -> Bool = { _, _, _, _ in true }
    /// A replica's burial is on the disk of the node's log.
    var buried: (Simulation, SimulatedNode) -> Void = { _, _ in }
    /// A device was told a cursor.
    var cursorTold: (Simulation, Int) -> Void = { _, _ in }
}

/// The steps of a run, kept only when somebody will read them: the last ones.
struct Trace {
    static let linesMax = 200_000
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
