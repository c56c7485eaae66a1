import Consensus
import Vocabulary
import Wire

/// Between the faults and the healing: nothing changes any more, but some links stay cut, in one direction or
/// both. Whoever has a connected majority must have a leader that commits, and keep it (rule L2).
struct Standstill {
    static let length: UInt64 = 16_000_000
    static let settling: UInt64 = 10_000_000

    struct Expectation {
        var group: GroupID
        var term: Term
        var committed: Int
    }

    var isChecked = false
    var expectations: [Expectation] = []
}

extension Simulation {
    func beginStandstill() {
        standstill = Standstill()
        network.calm()
        reviveAll()
        let percent = Double.random(in: 0...50, using: &random)
        var links: [SimulatedNetwork.Link] = []
        for from in nodes.map(\.number) {
            for to in nodes.map(\.number) where from != to && random.chance(percent: percent) {
                links.append(SimulatedNetwork.Link(from: from, to: to))
            }
        }
        note("standstill without \(links.map { "\($0.from)>\($0.to)" }.joined(separator: " "))")
        network.cut(links)
        schedule(.standstillMiddle, after: Standstill.settling)
        schedule(.standstillEnd, after: Standstill.length)
    }

    /// By now there must be a leader wherever there can be one; each is given something to commit.
    func standstillMiddle() {
        for group in mover.groups where mover.assignments[group]?.target == nil {
            let hosts = nodes.filter { $0.raft.status(of: group) != nil }
            let leaders = hosts.filter { $0.raft.isLeader(of: group) }
            guard isMajorityConnected(group) else { continue }
            guard let leader = leaders.max(by: { term(of: group, $0) < term(of: group, $1) }) else {
                return checker.fail("group \(group) has a connected majority and no leader")
            }
            standstill?.expectations.append(
                Standstill.Expectation(
                    group: group, term: term(of: group, leader), committed: checker.committedCount(group)))
            _ = leader.raft.propose(group: group, command: Command.encode([.lastSeen([])]))
            pump(leader)
        }
    }

    func standstillEnd() {
        for expected in standstill?.expectations ?? [] {
            let group = expected.group
            if checker.committedCount(group) <= expected.committed {
                checker.fail("group \(group) has a connected majority and commits nothing")
            }
            if let other = nodes.first(where: { term(of: group, $0) > expected.term }) {
                checker.fail(
                    "group \(group): node \(other.number) goes to term \(term(of: group, other)), "
                        + "though a leader of term \(expected.term) has a connected majority")
            }
        }
        standstill = nil
        beginEnding()
    }

    private func term(of group: GroupID, _ node: SimulatedNode) -> Term {
        node.raft.status(of: group)?.term ?? .zero
    }

    /// True when more than half of the voters all reach each other.
    private func isMajorityConnected(_ group: GroupID) -> Bool {
        let voters = (mover.assignments[group]?.voters ?? []).map { SimulatedNode.number(of: $0.node) }
        guard nodes.allSatisfy({ $0.isUp && $0.pausedEvents == nil }) else { return false }
        return voters.indices.contains { one in
            voters.indices.contains { other in one < other && network.areConnected(voters[one], voters[other])
            }
        }
    }
}
