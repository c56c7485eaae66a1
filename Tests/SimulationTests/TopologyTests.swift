import Consensus
import Testing
import Vocabulary
import Wire

/// Three voters, every one of the 64 topologies of directed links, every leader to begin with: wherever two voters
/// reach each other both ways there is a leader, it commits, and it is not deposed again (research 1.2, rule L2).
struct TopologyTests {
    @Test(arguments: 0..<64)
    func aLeaderCommitsWhereverTwoVotersReachEachOther(links: Int) {
        for leader in 0..<3 {
            var cluster = LinkedVoters()
            cluster.run(milliseconds: 6_000)
            cluster.handOver(to: leader)
            cluster.run(milliseconds: 3_000)
            #expect(cluster.leader == leader)
            cluster.links = links
            // An old leader steps down after a second, voters campaign after two, and a vote may be split.
            cluster.run(milliseconds: 10_000)
            guard cluster.hasPair else { continue }
            guard let now = cluster.leader else {
                Issue.record("links \(links), first leader \(leader): nobody leads")
                continue
            }
            let term = cluster.term(of: now)
            cluster.propose(on: now)
            cluster.run(milliseconds: 4_000)
            #expect(
                cluster.committed.contains(now), "links \(links), first leader \(leader): nothing commits")
            #expect(cluster.leader == now && cluster.term(of: now) == term, "the leader does not last")
        }
    }
}

/// Three replicas of one group, with links that carry everything at once or nothing, and disks that are instant.
private struct LinkedVoters {
    private static let group = GroupID(1)
    private var nodes: [MultiRaft] = []
    private var now = Tick.zero
    /// Bit 3 * from + to without the diagonal, in the order 01 02 10 12 20 21.
    var links = 63
    private(set) var committed: Set<Int> = []
    private var isWatching = false

    init() {
        let voters = (0..<3).map { Replica(node: Self.id($0), id: ReplicaID(UInt64($0) + 1)) }
        for place in 0..<3 {
            var raft = MultiRaft(
                node: Self.id(place), settings: RaftSettings(),
                generator: SeededGenerator(seed: UInt64(place) + 1))
            raft.create(
                group: Self.group, replica: voters[place].id, configuration: Configuration(voters: voters),
                now: now)
            nodes.append(raft)
        }
    }

    private static func id(_ place: Int) -> NodeID { NodeID(high: 0, low: UInt64(place)) }

    private func isOpen(_ from: Int, _ to: Int) -> Bool {
        let bit = from * 2 + (to > from ? to - 1 : to)
        return links >> bit & 1 == 1
    }

    var hasPair: Bool {
        [(0, 1), (0, 2), (1, 2)].contains { isOpen($0.0, $0.1) && isOpen($0.1, $0.0) }
    }

    func term(of place: Int) -> Term { nodes[place].status(of: Self.group)?.term ?? .zero }

    /// The leader of the highest term.
    var leader: Int? {
        (0..<3).filter { nodes[$0].isLeader(of: Self.group) }.max { term(of: $0) < term(of: $1) }
    }

    mutating func handOver(to place: Int) {
        guard let leader, leader != place else { return }
        _ = nodes[leader].transferLeadership(group: Self.group, to: Self.id(place))
        settle()
    }

    mutating func propose(on place: Int) {
        committed = []
        isWatching = true
        _ = nodes[place].propose(group: Self.group, command: [1])
        settle()
    }

    mutating func run(milliseconds: Int) {
        for _ in 0..<(milliseconds / 20) {
            now = now + 20
            for place in 0..<3 { nodes[place].tick(now: now, walAge: 0) }
            settle()
        }
    }

    /// Carries everything until nobody says anything more.
    private mutating func settle() {
        var isBusy = true
        while isBusy {
            isBusy = false
            for place in 0..<3 {
                let output = nodes[place].takeOutput()
                if output.isEmpty { continue }
                isBusy = true
                deliver(output, from: place)
            }
        }
    }

    private mutating func deliver(_ output: RaftOutput, from place: Int) {
        if output.sequence > 0 { nodes[place].persisted(through: output.sequence) }
        let sender = Self.id(place)
        for (node, messages) in output.messages {
            let to = Int(node.raw.low)
            if isOpen(place, to) { nodes[to].receive(messages, from: sender, now: now) }
        }
        for (node, beat) in output.heartbeats {
            let to = Int(node.raw.low)
            if isOpen(place, to) { nodes[to].receive(beat, from: sender, now: now) }
        }
        for (node, ack) in output.heartbeatAcks {
            let to = Int(node.raw.low)
            if isOpen(place, to) { nodes[to].receive(ack, from: sender, now: now) }
        }
        for (group, entries) in output.committed {
            nodes[place].applied(group: group, through: entries.last?.index ?? .zero)
            if isWatching, entries.contains(where: { $0.payload == .command([1]) }) {
                committed.insert(place)
            }
        }
    }
}
