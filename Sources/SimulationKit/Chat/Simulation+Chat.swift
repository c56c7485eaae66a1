import Chat
import Consensus
import Storage
import Vocabulary
import Wire

// The chat side of a simulated node: what the leaders of partitions run beside the replicated state, sessions,
// devices. The rest of the simulation calls these at the moments at which a real shard does.

/// What a process has of the chat side in memory; a start begins with a new one.
struct SimulatedChat {
    var shell: ChatShell?
}

/// Events of the chat side.
enum ChatEvent {
    /// A device's socket reaches its node.
    case connect(UInt64, cursor: String?)
    case toNode(UInt64, UpFrame)
    case toDevice(UInt64, DeviceBound)
    /// The node, or the device, notices that the socket is gone.
    case nodeSideClosed(UInt64, node: Int, boot: Int)
    case deviceSideClosed(UInt64)
    case act(device: Int)
    case watch(device: Int)
    case providerSaid(ProviderCall, PushJobResult.Ending, node: Int, boot: Int)
}

/// What a device sends up its connection, or beside it over REST.
enum UpFrame {
    case text([UInt8])
    case writable(Bool)
    case call(Operation, ticket: UInt64)
}

/// The clients of a simulation and the ways to them.
final class ChatSide {
    let plan: ChatPlan
    let checker = ChatChecker()
    var devices: [SimulatedDevice] = []
    var connections: [UInt64: DeviceConnection] = [:]
    var lastConnection: UInt64 = 0
    var lastTicket: UInt64 = 0
    var groups: [ConversationID] = []
    /// Every device that is not late has been in step once: from here on nothing is acknowledged before a device
    /// is registered that must have it all.
    var isWarm = false
    /// A script decides what devices do, instead of chance.
    var isScripted = false
    /// Who ends its account.
    var erasing: UserID?
    /// How often in a row the provider has not taken what a device was to be told of a conversation.
    var refusals: [ChatLedger.Standing.Position: Int] = [:]
    var random: SeededGenerator
    /// Chance of what devices do about presence; `nil` where they do nothing.
    var presence: SeededGenerator?
    var lastTurn: Simulation.LastTurn = .none

    init(plan: ChatPlan, random: SeededGenerator) {
        self.plan = plan
        presence = plan.presence
        self.random = random
        for (number, device) in plan.devices.enumerated() {
            let viewer = ChatChecker.Viewer(
                number: number, user: device.user, device: device.device, isLate: device.isLate)
            devices.append(
                SimulatedDevice(number: number, viewer: viewer, random: self.random.split()))
        }
    }
}

/// A node's replicas, for its chat side.
final class SimulatedChatHost: ChatHost {
    private unowned let simulation: Simulation
    private unowned let node: SimulatedNode

    init(_ simulation: Simulation, _ node: SimulatedNode) {
        self.simulation = simulation
        self.node = node
    }

    var leaders: LeaderHints { node.leaders }

    func propose(_ command: Command, group: GroupID) -> Result<Void, ProposalRefusal> {
        node.raft.propose(group: group, command: Command.encode([command])).map { _ in }
    }

    func confirmRead(_ group: GroupID) -> UInt64? { simulation.confirmRead(group, on: node) }

    func applied(_ group: GroupID) -> LogIndex { node.replicas[group]?.applied ?? .zero }

    func reader(of group: GroupID) -> ChatReader<InMemoryStateStore.View> {
        ChatReader(node.store.view(group: group, generation: node.replicas[group]?.generation ?? 0))
    }
}

extension Simulation {
    /// The cluster is about to be formed: devices come soon.
    func beginChat() {
        guard !chat.isScripted else { return }
        for device in chat.devices {
            let pause = UInt64.random(in: 500_000...1_500_000, using: &chat.random)
            schedule(.chat(.act(device: device.number)), after: device.viewer.isLate ? 6 * pause : pause)
        }
        beginPresence()
    }

    func perform(_ event: ChatEvent) {
        switch event {
        case .connect(let id, let cursor): connected(id, cursor: cursor)
        case .toNode(let id, let frame):
            guard let connection = chat.connections[id], !connection.isCut else { return }
            onNode(connection.node, .chat(event), boot: connection.boot) { node in
                step(node) { take(frame, id, $0) }
            }
        case .toDevice(let id, let frame): receive(frame, on: id)
        case .nodeSideClosed(let id, let number, let boot):
            onNode(number, .chat(event), boot: boot) { node in step(node) { $0.disconnected(id) } }
        case .deviceSideClosed(let id): deviceLost(id)
        case .act(let device): act(device)
        case .watch(let device): watch(device)
        case .providerSaid(let call, let ending, let number, let boot):
            onNode(number, .chat(event), boot: boot) { providerSaid(ending, to: call, on: $0) }
        }
    }

    private func take(_ frame: UpFrame, _ connection: UInt64, _ shell: ChatShell) {
        switch frame {
        case .text(let text): shell.received(text, on: connection)
        case .writable(let isWritable): shell.writabilityChanged(isWritable, on: connection)
        case .call(let operation, let ticket): shell.call(operation, ticket: ticket, on: connection)
        }
    }

    /// Hands one fact to the chat side of a node; `flushChat` carries out what it orders.
    func step(_ node: SimulatedNode, _ body: (ChatShell) -> Void) {
        guard node.isUp else { return }
        let shell = shell(of: node)
        shell.now = Moment(tick: tick, wall: Timestamp(Int64(tick.raw) + 1_700_000_000_000 + node.skew))
        body(shell)
    }

    private func shell(of node: SimulatedNode) -> ChatShell {
        if let shell = node.chat.shell { return shell }
        let shell = ChatShell(
            node: node.id, host: SimulatedChatHost(self, node), partitionCount: plan.partitions,
            plan: chat.plan, bootEpoch: node.boots, now: tick)
        node.chat.shell = shell
        return shell
    }

    // MARK: From the node

    func startLeading(_ group: GroupID, term: Term, on node: SimulatedNode) {
        step(node) { $0.startLeading(group, term: term) }
    }

    func stopLeading(_ group: GroupID, on node: SimulatedNode) { step(node) { $0.stopLeading(group) } }

    /// Outcomes of entries that were just applied on the leader of the group.
    func chatApplied(_ outcomes: [CommandOutcome], group: GroupID, on node: SimulatedNode) {
        step(node) { $0.applied(outcomes, group: group) }
        scenario?.chatApplied(self, node, group, outcomes)
    }

    /// A frame of the chat side came over a link: `request`, `response`, `fanout`, `fanoutAcks`, `push`.
    func receive(chat frame: PeerFrame, from sender: NodeID, on node: SimulatedNode) {
        step(node) { $0.receive(frame, from: sender) }
    }

    /// A read that the chat side registered with `confirmRead` may be served; not confirmed: leadership was lost.
    func serveChatRead(_ token: UInt64, isConfirmed: Bool, on node: SimulatedNode) {
        step(node) { $0.confirmed(token, isLeader: isConfirmed) }
    }

    /// Another node leads the group now, as `node.leaders` says.
    func leaderChanged(of group: GroupID, on node: SimulatedNode) {
        step(node) { $0.leaderChanged(of: group) }
    }

    func linkOpened(to other: NodeID, on node: SimulatedNode) { step(node) { $0.linkOpened(to: other) } }
    func linkClosed(to other: NodeID, on node: SimulatedNode) { step(node) { $0.linkClosed(to: other) } }

    /// Every 20 ms.
    func tickChat(_ node: SimulatedNode) { step(node) { $0.tick(every: 20) } }

    /// The last step of a turn: what leaders and sessions have to send. True when the machines may have ordered
    /// more.
    func flushChat(_ node: SimulatedNode) -> Bool {
        guard node.isUp, let shell = node.chat.shell else { return false }
        step(node) { _ in }
        let isBusy = shell.settle()
        let frames = shell.frames
        shell.frames.removeAll(keepingCapacity: true)
        for (to, frame) in frames where scenario?.chatSends(self, node, frame, to) ?? true {
            send(frame, from: node, to: to)
        }
        let down = shell.toDevices
        shell.toDevices.removeAll(keepingCapacity: true)
        for (id, frame) in down { send(frame, down: id) }
        let calls = shell.toProvider
        shell.toProvider.removeAll(keepingCapacity: true)
        for call in calls { ask(call, from: node) }
        return isBusy
    }

    /// Before the process ends, whatever the reason: its sockets are gone.
    func chatEnds(on node: SimulatedNode) {
        for (id, connection) in chat.connections.sorted(by: { $0.key < $1.key })
        where connection.node == node.number {
            cut(id)
        }
    }

    // MARK: The end

    /// What the chat side still lacks at the end: L2, L4, and every screen as the log.
    func whatIsMissingInChat() -> String? {
        for device in chat.devices where !device.isGone {
            let name = "\(device.viewer.user)/\(device.viewer.device)"
            if chat.checker.ledger.isErased(device.viewer.user) {
                return "\(name) is connected, and its account is no more"
            }
            if !device.isSynced { return "\(name) is not in step" }
            if !device.sends.isEmpty { return "\(name) waits for \(device.sends[0].id)" }
            if let lacks = chat.checker.lacks(device.viewer) { return "\(name) \(lacks)" }
            if let lacks = chat.checker.lacksRow(device.viewer) { return "\(name) \(lacks)" }
            guard let rows = device.rows else { return "\(name) has no list" }
            if let differs = chat.checker.differs(rows, of: device.viewer.user) {
                return "\(name): \(differs)"
            }
        }
        if let differs = chat.checker.privacyDiffers() { return differs }
        if let missing = chat.checker.wasNotTold() { return missing }
        if let left = chat.checker.ledger.remembers() { return left }
        for node in nodes where node.isUp {
            for (group, partition) in node.chat.shell?.led.sorted(by: { $0.key < $1.key }) ?? [] {
                if partition.machines.conversations.outstandingCount > 0 {
                    return "node \(node.number) still drives fan-out of \(group)"
                }
                if partition.machines.users.hasCopies {
                    return "node \(node.number) still tells conversations of \(group)'s users"
                }
            }
        }
        return nil
    }

    /// Everything else is checked as it happens, and by `whatIsMissingInChat`.
    func checkChatAtEnd() { checkErasures() }
}
