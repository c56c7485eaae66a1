import Vocabulary
import Wire

@testable import Consensus

/// Nodes 1, 2, 3, ... with one group, a network that delivers at once unless a link is cut, and disks that
/// write at once unless they are stalled. Time moves only by `advance`.
struct RaftTestCluster {
    static let group = GroupID(7)

    struct Member {
        var raft: MultiRaft
        /// What the disk holds for certain, and what it was handed since.
        var durable: [LogItem] = []
        var pending: [(sequence: UInt64, items: [LogItem])] = []
        var applied: [LogEntry] = []
        var reads: [UInt64: LogIndex?] = [:]
        var failed: [FailedProposals] = []
        var snapshots: [SnapshotOrder] = []
        var changes: [LeadershipChange] = []
        var divergences: [StateDivergence] = []
        var lostLogs: [LostLog] = []
        var disputes: [StateDispute] = []
        var isUp = true
        var isDiskStalled = false
        var walAge: UInt64 = 0
    }

    enum Frame {
        case messages([RaftMessage])
        case heartbeat(PairHeartbeat)
        case ack(PairHeartbeatAck)
    }

    var members: [Int: Member] = [:]
    var now = Tick(1_000)
    var cut: Set<[Int]> = []
    /// Every message that was delivered, in order.
    var delivered: [(from: Int, to: Int, message: RaftMessage)] = []
    var settings = Self.settings

    /// Followers apply at once, so that a test sees what they have.
    static var settings: RaftSettings {
        var settings = RaftSettings()
        settings.applyMilliseconds = 0
        return settings
    }

    static func node(_ number: Int) -> NodeID { NodeID(high: 0, low: UInt64(number)) }
    static func replica(_ number: Int) -> Replica {
        Replica(node: node(number), id: ReplicaID(UInt64(number) * 10))
    }
    static func number(of node: NodeID) -> Int { Int(node.raw.low) }
    static func configuration(_ voters: [Int], learners: [Int] = []) -> Configuration {
        Configuration(voters: voters.map(replica), learners: learners.map(replica))
    }

    init(voters: [Int], others: [Int] = [], seed: UInt64 = 1, settings: RaftSettings = Self.settings) {
        self.settings = settings
        for number in (voters + others).sorted() {
            var raft = MultiRaft(
                node: Self.node(number), settings: settings,
                generator: SeededGenerator(seed: seed &* 1_000 + UInt64(number)))
            raft.create(
                group: Self.group, replica: Self.replica(number).id,
                configuration: voters.contains(number) ? Self.configuration(voters) : .empty, now: now)
            members[number] = Member(raft: raft)
        }
        settle()
    }

    var group: GroupID { Self.group }
    var numbers: [Int] { members.keys.sorted() }
    var up: [Int] { numbers.filter { members[$0]?.isUp == true } }

    func status(_ number: Int) -> RaftStatus {
        guard let status = members[number]?.raft.status(of: group) else {
            preconditionFailure("node \(number) has no replica")
        }
        return status
    }

    var leaders: [Int] { up.filter { status($0).isLeader } }
    func commands(_ number: Int) -> [UInt8] {
        (members[number]?.applied ?? []).compactMap { entry in
            if case .command(let bytes) = entry.payload { return bytes.first }
            return nil
        }
    }

    // MARK: Acting

    /// Calls a node's machine, then lets everything come to rest.
    @discardableResult
    mutating func on<R>(_ number: Int, _ body: (inout MultiRaft) -> R) -> R {
        guard var raft = members[number]?.raft else { preconditionFailure("no node \(number)") }
        let result = body(&raft)
        members[number]?.raft = raft
        settle()
        return result
    }

    @discardableResult
    mutating func propose(_ byte: UInt8, on number: Int) -> Result<ProposalPosition, ProposalRefusal> {
        let group = group
        return on(number) { $0.propose(group: group, command: [byte]) }
    }

    mutating func advance(_ milliseconds: UInt64) {
        let end = now + milliseconds
        while now < end {
            now = now + 20
            for number in up {
                let walAge = members[number]?.walAge ?? 0
                let now = now
                members[number]?.raft.tick(now: now, walAge: walAge)
            }
            settle()
        }
    }

    /// Makes `number` the leader, by its own campaign.
    mutating func elect(_ number: Int) {
        for _ in 0..<40 where leaders != [number] {
            if let leader = leaders.first {
                let node = Self.node(number)
                let group = group
                on(leader) { _ = $0.transferLeadership(group: group, to: node) }
            }
            advance(200)
        }
        precondition(leaders == [number], "node \(number) does not become the leader: \(leaders)")
        advance(200)
    }

    mutating func isolate(_ number: Int) {
        for other in numbers where other != number { cut.formUnion([[number, other], [other, number]]) }
    }

    mutating func heal() { cut = [] }

    mutating func stallDisk(_ number: Int) { members[number]?.isDiskStalled = true }

    mutating func resumeDisk(_ number: Int) {
        members[number]?.isDiskStalled = false
        settle()
    }

    /// The node stops; what its disk has not confirmed is lost.
    mutating func crash(_ number: Int) { members[number]?.isUp = false }

    /// The node starts again from its disk. What it has applied is in its state store.
    mutating func restart(_ number: Int) {
        guard var member = members[number] else { return }
        member.pending = []
        member.isUp = true
        member.isDiskStalled = false
        let recovered = Self.fold(member.durable)
        member.raft = MultiRaft(
            node: Self.node(number), settings: settings,
            generator: SeededGenerator(seed: now.raw &+ UInt64(number)))
        member.raft.restore(recovered, applied: member.applied.last?.index ?? .zero, now: now)
        members[number] = member
        settle()
    }

    static func fold(_ items: [LogItem]) -> RecoveredReplica {
        var known = RecoveredReplica(group: group, replica: .none)
        for item in items {
            switch item {
            case .replicaCreated(_, let replica, let configuration):
                let point = SnapshotPoint(index: .zero, term: .zero, configuration: configuration)
                known = RecoveredReplica(group: group, replica: replica, point: point)
            case .entries(_, _, let entries):
                guard let first = entries.first else { continue }
                known.entries.removeAll { $0.index >= first.index }
                known.entries += entries
            case .hardState(_, _, let state): known.hardState = state
            case .truncatedSuffix(_, _, let from): known.entries.removeAll { $0.index >= from }
            case .compacted(_, _, let point):
                known.entries.removeAll { $0.index <= point.index }
                known.point = point
            case .snapshotApplied(_, _, let generation, let point):
                known.generation = generation
                known.point = point
                known.entries = []
            case .replicaBuried: break
            case .restated(let replica): known = replica
            }
        }
        return known
    }

    // MARK: Coming to rest

    mutating func settle() {
        var isMoving = true
        while isMoving {
            isMoving = false
            for number in up {
                if confirmDisk(number) { isMoving = true }
                guard let output = members[number]?.raft.takeOutput(), !output.isEmpty else { continue }
                isMoving = true
                take(output, of: number)
            }
        }
    }

    private mutating func confirmDisk(_ number: Int) -> Bool {
        guard let member = members[number], !member.isDiskStalled, let last = member.pending.last else {
            return false
        }
        members[number]?.durable += member.pending.flatMap(\.items)
        members[number]?.pending = []
        members[number]?.raft.persisted(through: last.sequence)
        return true
    }

    private mutating func take(_ output: RaftOutput, of number: Int) {
        if !output.persist.isEmpty {
            members[number]?.pending.append((output.sequence, output.persist))
        }
        members[number]?.changes += output.leadership
        for (group, entries) in output.committed {
            members[number]?.applied += entries
            if let last = entries.last { members[number]?.raft.applied(group: group, through: last.index) }
        }
        members[number]?.failed += output.failedProposals
        members[number]?.snapshots += output.snapshots
        members[number]?.divergences += output.divergences
        members[number]?.lostLogs += output.lostLogs
        members[number]?.disputes += output.disputes
        for read in output.reads { members[number]?.reads[read.token] = .some(read.index) }
        for (node, messages) in output.messages { deliver(.messages(messages), from: number, to: node) }
        for (node, beat) in output.heartbeats { deliver(.heartbeat(beat), from: number, to: node) }
        for (node, ack) in output.heartbeatAcks { deliver(.ack(ack), from: number, to: node) }
    }

    mutating func deliver(_ frame: Frame, from: Int, to node: NodeID) {
        let to = Self.number(of: node)
        guard members[to]?.isUp == true, !cut.contains([from, to]) else { return }
        let sender = Self.node(from)
        switch frame {
        case .messages(let messages):
            for message in messages { delivered.append((from, to, message)) }
            members[to]?.raft.receive(messages, from: sender, now: now)
        case .heartbeat(let beat): members[to]?.raft.receive(beat, from: sender, now: now)
        case .ack(let ack): members[to]?.raft.receive(ack, from: sender, now: now)
        }
    }

    /// A message as another node would send it.
    mutating func inject(_ body: RaftMessage.Body, term: UInt64, from: Int, to: Int, toID: ReplicaID? = nil) {
        let message = RaftMessage(
            group: group, from: Self.replica(from).id, to: toID ?? Self.replica(to).id, term: Term(term),
            body: body)
        let sender = Self.node(from)
        let now = now
        on(to) { $0.receive([message], from: sender, now: now) }
    }

    /// The answers that reached `number` from `from`.
    func answers(from: Int, to: Int) -> [RaftMessage.Body] {
        delivered.filter { $0.from == from && $0.to == to }.map(\.message.body)
    }
}

/// Node 1 of three voters as the leader, with the other two played by the test.
enum LoneLeader {
    typealias Cluster = RaftTestCluster
    static let now = Tick(3_000)

    /// Just elected at tick 3,000, in the term after its log's; the entry that opens it is in no output yet.
    static func elected(log: [LogEntry] = []) -> MultiRaft {
        var raft = MultiRaft(
            node: Cluster.node(1), settings: RaftSettings(), generator: SeededGenerator(seed: 5))
        let point = SnapshotPoint(
            index: .zero, term: .zero, configuration: Cluster.configuration([1, 2, 3]))
        raft.restore(
            RecoveredReplica(
                group: Cluster.group, replica: Cluster.replica(1).id,
                hardState: HardState(term: log.last?.term ?? .zero), point: point, entries: log),
            applied: .zero, now: .zero)
        raft.tick(now: now, walAge: 0)
        _ = raft.takeOutput()
        answer(.preVoteResponse(isGranted: true), to: &raft)
        raft.persisted(through: raft.takeOutput().sequence)
        answer(.voteResponse(isGranted: true), to: &raft)
        precondition(raft.isLeader(of: Cluster.group))
        return raft
    }

    /// What node 2 says, in the term after the log's.
    static func answer(_ body: RaftMessage.Body, to raft: inout MultiRaft) {
        let term = raft.status(of: Cluster.group)?.term ?? .zero
        let isPreVote = body == .preVoteResponse(isGranted: true)
        let message = RaftMessage(
            group: Cluster.group, from: Cluster.replica(2).id, to: Cluster.replica(1).id,
            term: isPreVote ? term.next : term, body: body)
        raft.receive([message], from: Cluster.node(2), now: now)
    }
}
