import Consensus
import Vocabulary
import Wire

/// Between the faults and the healing: nothing changes any more, but some paths stay cut, in one direction or
/// both. Whoever has a connected majority must have a leader that commits, and keep it (rule L2).
struct Standstill {
    static let length: UInt64 = 16_000_000
    static let settling: UInt64 = 10_000_000

    struct Expectation {
        var group: GroupID
        /// Of the leader, and the highest of anybody: who was cut off in the middle of a hand-over may be at a term
        /// that nobody else has heard of, and has not deposed anybody by that.
        var term: Term
        var highest: Term
        var committed: Int
    }

    var expectations: [Expectation] = []
}

extension Simulation {
    func beginStandstill() {
        standstill = Standstill()
        takeStatesOut()
        network.calm()
        reviveAll()
        let percent = Double.random(in: 0...50, using: &random)
        let links = someLinks(percent: percent)
        note("standstill without \(links.map { "\($0.from)>\($0.to)" }.joined(separator: " "))")
        network.cut(links)
        silenceLinks(links)
        schedule(.standstillMiddle, after: Standstill.settling)
        schedule(.standstillEnd, after: Standstill.length)
    }

    /// Every process runs and every disk is quick.
    func reviveAll() {
        for node in nodes where node.life != .gone {
            if node.isUp { diskRecovers(node) }
            if node.life == .down { schedule(.boot(node: node.number), after: 0) }
            if node.pausedEvents != nil { schedule(.resume(node: node.number), after: 0) }
        }
    }

    /// By now there must be a leader wherever there can be one; each is given something to commit.
    func standstillMiddle() {
        for group in groups where isMajorityConnected(group) {
            if let partition = group.partition, checker.metadata.assignment(of: partition)?.move != nil {
                continue
            }
            let leaders = nodes.filter { $0.isRunning && $0.raft.isLeader(of: group) }
            guard let leader = leaders.max(by: { term(of: group, $0) < term(of: group, $1) }) else {
                return checker.fail("group \(group) has a connected majority and no leader (L1)")
            }
            standstill?.expectations.append(
                Standstill.Expectation(
                    group: group, term: term(of: group, leader),
                    highest: nodes.filter { $0.isRunning }.map { term(of: group, $0) }.max() ?? .zero,
                    committed: checker.committedCount(group)))
            let command =
                group == .metadata
                ? MetadataCommand.raiseFeatureLevel(1).encoded() : Command.encode([.lastSeen([])])
            _ = leader.raft.propose(group: group, command: command)
            pump(leader)
        }
    }

    func standstillEnd() {
        for expected in standstill?.expectations ?? [] {
            let group = expected.group
            if checker.committedCount(group) <= expected.committed {
                checker.fail("group \(group) has a connected majority and commits nothing (L1)")
            }
            let others = nodes.filter { $0.isRunning }
            if let other = others.first(where: { term(of: group, $0) > expected.highest }) {
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

    /// True when more than half of the voters all reach each other. Groups of more than three are left out:
    /// there are topologies in which no Raft elects a stable leader among five.
    private func isMajorityConnected(_ group: GroupID) -> Bool {
        guard let configuration = checker.configuration(of: group), !configuration.isJoint,
            configuration.voters.count <= 3
        else { return false }
        let voters = configuration.voters.map { node($0.node) }
        let running = voters.filter { $0.isRunning }
        // A change that is in somebody's log may be the one that counts.
        let isSettled = nodes.filter { $0.isRunning }.allSatisfy { node in
            node.raft.status(of: group).map { $0.configuration == configuration } ?? true
        }
        guard isSettled else { return false }
        switch voters.count {
        case 1: return running.count == 1
        default:
            return running.contains { one in
                running.contains {
                    one.number < $0.number && network.areConnected(one.host, $0.host)
                }
            }
        }
    }
}
