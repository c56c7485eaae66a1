import NIOConcurrencyHelpers
import Vocabulary
import Wire

/// Shares a heartbeat between the shards of this node, and gathers their acknowledgements into one: the sender's
/// round is confirmed only by all of its groups.
///
/// Rounds overlap: a shard that waits for its disk acknowledges an older round after others acknowledged a newer
/// one. So every round is remembered by its own number, and one that is not remembered is not confirmed.
final class HeartbeatSplitter: Sendable {
    /// A shard of another node: it counts rounds of its own.
    private struct Sender: Hashable {
        var node: NodeID
        var shard: Int
    }

    private struct Round {
        /// As it travels, with the sender's shard in it.
        var tagged: UInt64
        /// Shards of this node that have not acknowledged.
        var missing: Int
        var rejects: [PairHeartbeatAck.Reject] = []
        var reports: [PairHeartbeatAck.Report] = []
    }

    /// Rounds of one sender that may wait for acknowledgements; older ones are given up.
    static let roundsMax = 16

    /// In the order of their arrival.
    private let rounds = NIOLockedValueBox<[Sender: [Round]]>([:])

    /// The parts of a heartbeat, by the shard of this node that each is for.
    func split(_ heartbeat: PairHeartbeat, from node: NodeID, shards: Int) -> [(Int, PairHeartbeat)] {
        let home = HeartbeatRound.shard(of: heartbeat.round)
        var parts: [Int: PairHeartbeat] = [:]
        for entry in heartbeat.entries {
            let index = Int(entry.group.raw) % shards
            if parts[index] == nil {
                var part = heartbeat
                part.entries = []
                parts[index] = part
            }
            parts[index]?.entries.append(entry)
        }
        if parts.isEmpty { parts[home % shards] = heartbeat }
        remember(
            Round(tagged: heartbeat.round, missing: parts.count), of: Sender(node: node, shard: home))
        return parts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func remember(_ round: Round, of sender: Sender) {
        rounds.withLockedValue { rounds in
            var known = rounds[sender] ?? []
            known.removeAll { $0.tagged == round.tagged }
            known.append(round)
            if known.count > Self.roundsMax { known.removeFirst(known.count - Self.roundsMax) }
            rounds[sender] = known
        }
    }

    /// One shard's acknowledgement of its part.
    ///
    /// - Returns: the acknowledgement of the whole round with the last part; `nil` before, and for a round that
    ///   is not remembered.
    func combine(_ ack: PairHeartbeatAck, to node: NodeID) -> PairHeartbeatAck? {
        let sender = Sender(node: node, shard: HeartbeatRound.shard(of: ack.round))
        return rounds.withLockedValue { rounds in
            guard let place = rounds[sender]?.firstIndex(where: { $0.tagged == ack.round }),
                var round = rounds[sender]?[place]
            else { return nil }
            round.missing -= 1
            round.rejects += ack.rejects
            round.reports += ack.reports
            if round.missing > 0 {
                rounds[sender]?[place] = round
                return nil
            }
            rounds[sender]?.remove(at: place)
            return PairHeartbeatAck(round: ack.round, rejects: round.rejects, reports: round.reports)
        }
    }

    /// Drops a node's rounds: it dials anew and may count from the start again.
    func forget(_ node: NodeID) {
        rounds.withLockedValue { rounds in rounds = rounds.filter { $0.key.node != node } }
    }
}
