import Vocabulary
import Wire

/// What travels between simulated nodes.
enum SimulatedFrame {
    case raft([RaftMessage])
    case heartbeat(PairHeartbeat)
    case heartbeatAck(PairHeartbeatAck)
    case snapshot(SnapshotParcel)
    case snapshotAnswer(group: GroupID, to: ReplicaID, installed: Bool)
}

/// A whole snapshot in one frame.
struct SnapshotParcel {
    var group: GroupID
    var to: ReplicaID
    var term: Term
    var point: SnapshotPoint
    var pairs: [StatePair]
    var stateHash: UInt64
}

/// Decides for every frame whether and when it arrives. Frames may be lost, doubled and overtaken.
struct SimulatedNetwork {
    private var random: SeededGenerator
    private let plan: FaultPlan
    /// Directed links that carry nothing.
    private(set) var cut: Set<Link> = []
    private(set) var framesSent = 0
    private(set) var framesLost = 0
    private(set) var framesDoubled = 0
    private var isCalm = false

    struct Link: Hashable {
        var from: Int
        var to: Int
    }

    init(plan: FaultPlan, random: SeededGenerator) {
        self.plan = plan
        self.random = random
    }

    /// Microseconds after which a frame arrives; none when it is lost, two when it is doubled.
    mutating func delays(from: Int, to: Int) -> [UInt64] {
        framesSent += 1
        if cut.contains(Link(from: from, to: to)) { return [] }
        if !isCalm && random.chance(percent: plan.lossPercent) {
            framesLost += 1
            return []
        }
        if !isCalm && random.chance(percent: plan.duplicatePercent) {
            framesDoubled += 1
            return [delay(), delay()]
        }
        return [delay()]
    }

    private mutating func delay() -> UInt64 {
        if !isCalm && random.chance(percent: plan.slowPercent) {
            return UInt64.random(in: 2_000...120_000, using: &random)
        }
        return UInt64.random(in: 100...1_500, using: &random)
    }

    mutating func cut(_ links: [Link]) { cut.formUnion(links) }
    mutating func mend(_ links: [Link]) { cut.subtract(links) }

    func areConnected(_ one: Int, _ other: Int) -> Bool {
        !cut.contains(Link(from: one, to: other)) && !cut.contains(Link(from: other, to: one))
    }

    /// From here on links are quick and lose nothing, unless they are cut.
    mutating func calm() {
        cut = []
        isCalm = true
    }
}
