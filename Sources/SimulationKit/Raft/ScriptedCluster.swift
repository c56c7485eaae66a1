import Consensus
import Storage
import Vocabulary
import Wire

/// The replicas of one group between a network and disks that a script holds in its hands, judged by the checker that
/// judges whole clusters. What leaves arrives at once unless its path is cut or the script stops it, and disks write
/// at once unless they are held; time moves only by `run`.
final class ScriptedCluster {
    /// Group 0: what its entries mean is not looked at here.
    static let group = GroupID.metadata

    private struct Member {
        var raft: MultiRaft
        var disk: SimulatedDisk
        var applied: LogIndex = .zero
        var stateHash: UInt64 = 0
        var isUp = true
        var isDiskHeld = false
    }

    let checker = InvariantChecker()
    private var members: [Int: Member] = [:]
    private var random: SeededGenerator
    private let settings: RaftSettings
    private(set) var now = Tick(1_000)
    private(set) var messages = 0
    /// Paths that carry nothing: from, to.
    var cut: Set<[Int]> = []
    /// Whether a message may arrive.
    var lets: (RaftMessage, _ from: Int, _ to: Int) -> Bool = { _, _, _ in true }

    /// - Parameter others: replicas with an empty log, which no configuration names yet.
    init(voters: [Int], others: [Int] = [], seed: UInt64, settings: RaftSettings = RaftSettings()) {
        random = SeededGenerator(seed: seed)
        self.settings = settings
        for number in voters + others {
            let configuration = voters.contains(number) ? Self.configuration(voters) : .empty
            var member = Member(raft: newRaft(number), disk: Self.newDisk(number))
            checker.creating(
                group: Self.group, replica: Self.replica(number).id, configuration: configuration)
            member.raft.create(
                group: Self.group, replica: Self.replica(number).id, configuration: configuration, now: now)
            members[number] = member
        }
        settle()
    }

    static func node(_ number: Int) -> NodeID { NodeID(high: 0, low: UInt64(number)) }
    static func replica(_ number: Int) -> Replica {
        Replica(node: node(number), id: ReplicaID(UInt64(number)))
    }
    static func configuration(_ voters: [Int]) -> Configuration { Configuration(voters: voters.map(replica)) }

    private func newRaft(_ number: Int) -> MultiRaft {
        MultiRaft(node: Self.node(number), settings: settings, generator: random.split())
    }

    private static func newDisk(_ number: Int) -> SimulatedDisk {
        SimulatedDisk(cluster: ClusterID(high: 1, low: 1), node: node(number))
    }

    // MARK: What there is

    private var up: [Int] { members.keys.sorted().filter { members[$0]?.isUp == true } }

    func status(_ number: Int) -> RaftStatus? { members[number]?.raft.status(of: Self.group) }
    func term(_ number: Int) -> Term { status(number)?.term ?? .zero }
    func last(_ number: Int) -> LogIndex { status(number)?.lastIndex ?? .zero }
    func leads(_ number: Int) -> Bool { members[number]?.isUp == true && status(number)?.isLeader == true }

    // MARK: Acting

    /// Time passes until something is so, at most so long; whether it came to be.
    @discardableResult
    func run(_ milliseconds: UInt64, until isDone: () -> Bool = { false }) -> Bool {
        let end = now + milliseconds
        while now < end, !isDone(), checker.violations.isEmpty {
            now = now + 20
            for number in up { members[number]?.raft.tick(now: now, walAge: 0) }
            settle()
            for number in up {
                if let raft = members[number]?.raft { checker.observe(raft, groups: [Self.group]) }
            }
        }
        return isDone()
    }

    @discardableResult
    func on<R>(_ number: Int, _ body: (inout MultiRaft) -> R) -> R? {
        guard var raft = members[number]?.raft else { return nil }
        let result = body(&raft)
        members[number]?.raft = raft
        settle()
        return result
    }

    func propose(_ byte: UInt8, on number: Int) {
        on(number) { _ = $0.propose(group: Self.group, command: [byte]) }
    }

    func change(to voters: [Int], on number: Int) {
        on(number) {
            _ = $0.changeConfiguration(group: Self.group, to: voters.map(Self.replica), learners: [])
        }
    }

    /// Only these take part from now on: the paths of everybody else are cut.
    func connect(_ numbers: [Int]) {
        cut = []
        for one in members.keys {
            for other in members.keys where !numbers.contains(one) || !numbers.contains(other) {
                cut.insert([one, other])
            }
        }
    }

    func heal() {
        cut = []
        lets = { _, _, _ in true }
    }

    /// What its disk has not confirmed is lost.
    func crash(_ number: Int) {
        members[number]?.isUp = false
        _ = members[number]?.disk.crash(isPowerLoss: true, &random)
    }

    func restart(_ number: Int) {
        guard var member = members[number], !member.isUp else { return }
        member.isUp = true
        member.raft = newRaft(number)
        do {
            guard let recovered = try member.disk.recover().replicas[Self.group] else {
                return checker.fail("node \(number) has lost its replica")
            }
            checker.restarted(recovered, lastIndex: recovered.lastIndex, applied: member.applied)
            member.raft.restore(recovered, applied: member.applied, now: now)
        } catch {
            return checker.fail("node \(number) finds its log damaged: \(error)")
        }
        members[number] = member
        settle()
    }

    // MARK: Coming to rest

    private func settle() {
        var isMoving = true
        while isMoving, checker.violations.isEmpty {
            isMoving = false
            for number in up {
                if sync(number) { isMoving = true }
                guard let output = members[number]?.raft.takeOutput(), !output.isEmpty else { continue }
                isMoving = true
                carryOut(output, of: number)
            }
        }
    }

    private func sync(_ number: Int) -> Bool {
        guard members[number]?.isDiskHeld == false, members[number]?.disk.beginWrite() == true,
            let written = members[number]?.disk.completeSync()
        else { return false }
        for item in written.items { checker.persisted(item) }
        members[number]?.raft.persisted(through: written.sequence)
        return true
    }

    private func carryOut(_ output: RaftOutput, of number: Int) {
        for item in output.persist { checker.persisting(item) }
        if !output.persist.isEmpty {
            members[number]?.disk.append(output.persist, sequence: output.sequence, at: now.raw * 1_000)
        }
        for (_, messages) in output.messages { for message in messages { checker.sent(message) } }
        for change in output.leadership where change.isLeader {
            let raft = members[number]?.raft
            checker.elected(
                Self.replica(number).id, group: Self.group, term: change.term,
                firstIndex: raft?.status(of: Self.group)?.firstIndex ?? .zero
            ) {
                raft?.entryTerm(of: Self.group, at: $0)
            }
        }
        for (_, entries) in output.committed { apply(entries, on: number) }
        for (node, messages) in output.messages {
            let to = Int(node.raw.low)
            for message in messages where lets(message, number, to) {
                arrive(number, to) { $0.receive([message], from: Self.node(number), now: $1) }
            }
        }
        for (node, beat) in output.heartbeats {
            arrive(number, Int(node.raw.low)) { $0.receive(beat, from: Self.node(number), now: $1) }
        }
        for (node, ack) in output.heartbeatAcks {
            arrive(number, Int(node.raw.low)) { $0.receive(ack, from: Self.node(number), now: $1) }
        }
    }

    private func arrive(_ from: Int, _ to: Int, _ body: (inout MultiRaft, Tick) -> Void) {
        guard members[to]?.isUp == true, !cut.contains([from, to]), var raft = members[to]?.raft else {
            return
        }
        messages += 1
        body(&raft, now)
        members[to]?.raft = raft
    }

    private func apply(_ entries: [LogEntry], on number: Int) {
        for entry in entries {
            let hash = (members[number]?.stateHash ?? 0) &* 31 &+ entry.term.raw
            members[number]?.stateHash = hash
            members[number]?.applied = entry.index
            checker.applied(
                entry, group: Self.group, replica: Self.replica(number).id, term: term(number),
                stateHash: hash, outcomes: [])
        }
        if let last = entries.last { members[number]?.raft.applied(group: Self.group, through: last.index) }
    }
}
