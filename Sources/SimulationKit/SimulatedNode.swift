import Chat
import Consensus
import Membership
import Storage
import Vocabulary
import Wire

/// A replica's state beside its Raft machine.
struct SimulatedReplica {
    var generation: UInt32
    var applied: LogIndex
    /// Of every write since the first entry.
    var stateHash: UInt64
    var term: Term = .zero
    var isLeader = false
    /// The entry that opens the leader's term is applied here.
    var isTermOpen = false
    /// The chat side was told that this node leads.
    var isLeading = false
    /// Clients by the log index of their proposal.
    var waiting: [LogIndex: (term: Term, ticket: ClientTicket)] = [:]
}

/// What the identity file of a node says; written durably in one step.
struct SimulatedIdentity {
    var bootEpoch: UInt32 = 0
    /// The first start since another node let one in; `nil`: the last one was let in.
    var unseen: BootStamp?
    var cluster: ClusterID?
    var number: UInt32?
    var metadataReplica: ReplicaID?
    /// The last start of every other node that was let in.
    var boots = BootLedger()
}

/// A generation of a group's state that is not the current one any more.
struct RetiredGeneration {
    var group: GroupID
    var generation: UInt32
    /// The whole replica is gone, not only an older state of it.
    var isReplicaGone = false
    /// The log batch after which nothing refers to it.
    var after: UInt64?
}

/// A confirmed or waiting read.
enum SimulatedRead {
    /// `floor`: what was applied anywhere when it came (rule Q1).
    case client(ClientTicket, group: GroupID, floor: LogIndex)
    /// The chat side's own.
    case chat(group: GroupID, floor: LogIndex)

    var group: GroupID {
        switch self {
        case .client(_, let group, _), .chat(let group, _): group
        }
    }
    var floor: LogIndex {
        switch self {
        case .client(_, _, let floor), .chat(_, let floor): floor
        }
    }
}

/// One node: the machines that ship around a simulated disk and a simulated network. It lives as long as its
/// disk: a wiped host becomes a new node.
final class SimulatedNode {
    enum Life { case down, up, gone }

    let number: Int
    /// Where it is reached; a later node may live there.
    let host: Int
    let id: NodeID
    /// Milliseconds that its wall clock is wrong by.
    let skew: Int64

    // What a crash leaves.
    var identity = SimulatedIdentity()
    var disk: SimulatedDisk
    let store = InMemoryStateStore()
    /// Its disk is known to be damaged: it must refuse to start.
    var isDamaged = false
    /// Its disk is an older copy of itself: nobody may let it in.
    var isRolledBack = false
    /// It has been told that its state of a group is not that of the others.
    var hasDiverged = false

    var life = Life.down
    /// Counts starts: events of an earlier life are dropped.
    var boots = 0
    /// What arrived while the process was stopped.
    var pausedEvents: [SimulationEvent]?
    var syncFactor: UInt64 = 1
    var isStalled = false

    // What a process has in memory; `forget` empties it.
    var raft: MultiRaft
    var swim: SWIM?
    var replicas: [GroupID: SimulatedReplica] = [:]
    var buried: [GroupID: Set<ReplicaID>] = [:]
    /// The applied state of group 0.
    var metadata = ClusterMetadata()
    var coordinatorPending: Set<LogIndex> = []
    /// Nodes that wait for their admission, by the log index of the proposal.
    var admissions: [LogIndex: JoinRequest] = [:]
    var liveness: [NodeID: Coordinator.Liveness] = [:]
    var startedAt = Tick.zero
    /// The latest of every member that gossip has told of.
    var incarnations: [NodeID: Incarnation] = [:]
    var leaders = LeaderHints()
    /// Nodes that it dials.
    var peers: Set<Int> = []
    var retired: [RetiredGeneration] = []
    /// Groups whose former replica's state is being removed.
    var removing: Set<GroupID> = []
    var snapshotsOut: [UInt64: SnapshotSender] = [:]
    var snapshotsIn: [GroupID: SnapshotReceiver] = [:]
    var snapshotPace = SnapshotPace(bytesPerSecond: 1 << 20, now: .zero)
    var nextTransfer: UInt64 = 1
    var reads: [UInt64: SimulatedRead] = [:]
    /// Confirmed, but not applied that far.
    var readsAwaitingApply: [(token: UInt64, index: LogIndex)] = []
    var nextRead: UInt64 = 1
    var nextCall: UInt64 = 1
    var ticks: UInt64 = 0
    var isFlushing = false
    var chat = SimulatedChat()

    init(
        number: Int, host: Int, cluster: ClusterID, plan: FaultPlan, settings: RaftSettings,
        random: inout SeededGenerator
    ) {
        self.number = number
        self.host = host
        id = SimulatedNode.id(of: number)
        disk = SimulatedDisk(
            cluster: cluster, node: id, segmentBytes: plan.segmentBytes, purgeBytes: plan.purgeBytes)
        raft = MultiRaft(node: id, settings: settings, generator: random.split())
        skew = Int64.random(in: -5_000...5_000, using: &random)
    }

    static func id(of number: Int) -> NodeID { NodeID(high: 0, low: UInt64(number)) }
    static func number(of node: NodeID) -> Int { Int(node.raw.low) }
    static func address(of host: Int) -> String { "h\(host):1" }

    /// What the others know this start by.
    var stamp = BootStamp(epoch: 0, nonce: 0)
    var address: String { Self.address(of: host) }
    var isUp: Bool { life == .up }
    var isRunning: Bool { life == .up && pausedEvents == nil }

    /// Group 0's name for it.
    var name: String { "node\(number)" }

    /// The process is new: nothing in memory.
    func forget(settings: RaftSettings, random: inout SeededGenerator) {
        raft = MultiRaft(node: id, settings: settings, generator: random.split())
        swim = nil
        replicas = [:]
        buried = [:]
        metadata = ClusterMetadata()
        coordinatorPending = []
        admissions = [:]
        liveness = [id: Coordinator.Liveness(isAlive: true, since: .zero)]
        incarnations = [:]
        leaders = LeaderHints()
        peers = []
        retired = []
        removing = []
        snapshotsOut = [:]
        snapshotsIn = [:]
        nextTransfer = random.next() >> 20 | 1
        reads = [:]
        readsAwaitingApply = []
        ticks = 0
        isFlushing = false
        chat = SimulatedChat()
        syncFactor = 1
        isStalled = false
    }

    /// Drops what the state store has persisted from the logs (rule R2). True when something went.
    func compact(kept: UInt64) -> Bool {
        var hasCompacted = false
        for (group, replica) in replicas.sorted(by: { $0.key < $1.key }) {
            guard let status = raft.status(of: group) else { continue }
            let persisted = store.persistedApplied(group: group, generation: replica.generation)
            guard persisted.raw > kept, persisted.raw - kept >= status.firstIndex.raw else { continue }
            raft.compact(group: group, through: LogIndex(persisted.raw - kept))
            hasCompacted = true
        }
        return hasCompacted
    }
}
