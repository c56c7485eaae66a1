import Vocabulary
import Wire

/// Data directories that are copied, and disks that are set back to an older copy of themselves (rule M4).
extension Simulation {
    /// Whether every other node has let in this start of the node, so that no crash makes it forget.
    private func isKnownToAll(_ node: SimulatedNode) -> Bool {
        nodes.allSatisfy { other in
            other.life == .gone || other.number == node.number
                || other.identity.boots.stamps[node.id] == node.stamp
        }
    }

    /// A second process starts with the node's identity, from a copy of its directory.
    ///
    /// It asks the others before it says anything (`IdentityCheck`), so it never comes further than this.
    func startCopy(of node: SimulatedNode) {
        guard node.isRunning, node.swim != nil else { return }
        // Made in the present life of the original, or before it.
        let isHot = random.chance(percent: 50)
        let stamp = BootStamp(epoch: node.stamp.epoch + (isHot ? 1 : 0), nonce: UInt64.max)
        for other in nodes where other.isRunning && other.number != node.number {
            let isHeard = network.isOpen(SimulatedNetwork.Link(from: node.number, to: other.number))
            guard isHeard || (!isHot && other.identity.boots.stamps[node.id] == node.stamp) else { continue }
            count(.clonedDisks)
            note("a copy of node \(node.number) asks node \(other.number)")
            if other.identity.boots.admit(node.id, stamp, isHeard: isHeard) == nil {
                return checker.fail("node \(other.number) lets a copy of node \(node.number) in (rule M4)")
            }
        }
    }

    /// The disk is set back to what it was at an earlier start. What the node acknowledged and voted since is
    /// forgotten: the disk counts as lost, and the node must never speak again.
    func rollBack() {
        let candidates = nodes.filter { node in
            node.isRunning && node.swim != nil && node.stamp.epoch > 1 && isKnownToAll(node)
                && mayLose(node)
        }
        guard let node = candidates.randomElement(using: &random) else { return }
        count(.rolledBackDisks)
        note("the disk of node \(node.number) is set back")
        stop(node, isPowerLoss: random.chance(percent: 50))
        node.isRolledBack = true
        node.identity.bootEpoch = UInt32.random(in: 0..<node.stamp.epoch, using: &random)
        node.identity.unseen = nil
        lost = node.id
        schedule(.boot(node: node.number), after: UInt64.random(in: 20_000...2_000_000, using: &random))
    }

    /// Until somebody answers who knows better; then it ends, and is replaced as one that has lost its disk.
    func askToComeBack(_ node: SimulatedNode) {
        let answering = nodes.filter {
            $0.isRunning && $0.swim != nil && $0.number != node.number
                && network.areConnected(node.host, $0.host)
        }
        for other in answering {
            // One that joined meanwhile cannot know.
            guard other.identity.boots.stamps[node.id] != nil else { continue }
            guard let refusal = other.identity.boots.admit(node.id, node.stamp, isHeard: false) else {
                return checker.fail(
                    "node \(other.number) lets node \(node.number) in, whose disk is of the past (rule M4)")
            }
            note("node \(node.number) is fenced off by node \(other.number): \(refusal)")
            return lose(node)
        }
        schedule(.tryComingBack(node: node.number, boot: node.boots), after: 200_000)
    }
}
