import Consensus
import NIOPosix
import PeerTransport
import RocksStorage
import Storage
import Vocabulary
import Wire

extension ShardActor {
    /// Hands on what the machines put out, until they put out nothing more.
    func pump() {
        isPumpScheduled = false
        var frames: [NodeID: [PeerFrame]] = [:]
        while true {
            let output = raft.takeOutput()
            if output.isEmpty { break }
            persist(output)
            for (node, messages) in output.messages {
                frames[node, default: []] += RaftFrames.split(messages)
            }
            for (node, heartbeat) in output.heartbeats {
                frames[node, default: []].append(.heartbeat(tagged(heartbeat)))
            }
            for (node, ack) in output.heartbeatAcks {
                if let whole = ports.heartbeats.combine(ack, to: node) {
                    frames[node, default: []].append(.heartbeatAck(whole))
                }
            }
            for change in output.leadership { leadershipChanged(change) }
            for (group, entries) in output.committed { apply(entries, group: group) }
            for failed in output.failedProposals { proposalsFailed(failed) }
            for read in output.reads { serve(read) }
            for order in output.snapshots { beginSnapshot(order) }
            for dispute in output.disputes { disputed(dispute) }
            for divergence in output.divergences { diverged(divergence) }
            for lost in output.lostLogs { lostEntries(lost) }
        }
        for (node, frames) in frames { ports.transport.send(frames, to: node) }
        flushLeaderOutputs()
    }

    /// A completion comes on the log's thread and only posts.
    private func persist(_ output: RaftOutput) {
        guard !output.persist.isEmpty else { return }
        let sequence = output.sequence
        for place in retired.indices where retired[place].after == nil { retired[place].after = sequence }
        let mailbox = ports.shards[index]
        log.append(output.persist) { mailbox.post(.persisted(sequence: sequence)) }
    }

    func persisted(through sequence: UInt64) {
        raft.persisted(through: sequence)
        guard !retired.isEmpty else { return }
        let gone = retired.filter { ($0.after ?? .max) <= sequence }
        retired.removeAll { ($0.after ?? .max) <= sequence }
        for old in gone { forget(old) }
    }

    /// Removes a generation. That of a replica that is gone comes back after a crash unless the store was flushed,
    /// and would then stand above the log of a new replica: so nothing is created before that.
    private func forget(_ old: RetiredGeneration) {
        store.removeGeneration(group: old.group, generation: old.generation)
        guard old.isReplicaGone else { return }
        removing.insert(old.group)
        let mailbox = ports.shards[index]
        flusher.flush(.patient) { mailbox.post(.removed(old.group)) }
    }

    func removed(_ group: GroupID) {
        removing.remove(group)
        reconcile()
    }

    /// Rounds carry the shard in their lower bits, so that an acknowledgement finds its way back.
    private func tagged(_ heartbeat: PairHeartbeat) -> PairHeartbeat {
        var heartbeat = heartbeat
        heartbeat.round = HeartbeatRound.tag(heartbeat.round, shard: index)
        return heartbeat
    }
}

/// The shard of a heartbeat round: each shard of a node counts rounds of its own.
enum HeartbeatRound {
    private static let bits: UInt64 = 8

    static func tag(_ round: UInt64, shard: Int) -> UInt64 { round << bits | UInt64(shard) }
    static func shard(of tagged: UInt64) -> Int { Int(tagged & ((1 << bits) - 1)) }
    static func round(of tagged: UInt64) -> UInt64 { tagged >> bits }
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

/// Cuts a turn's messages into frames of a size that peers take.
enum RaftFrames {
    private static let bytesMax = 2 << 20

    static func split(_ messages: [RaftMessage]) -> [PeerFrame] {
        var frames: [PeerFrame] = []
        var part: [RaftMessage] = []
        var bytes = 0
        for message in messages {
            let size = message.approximateBytes
            if !part.isEmpty && bytes + size > bytesMax {
                frames.append(.raft(part))
                part = []
                bytes = 0
            }
            part.append(message)
            bytes += size
        }
        if !part.isEmpty { frames.append(.raft(part)) }
        return frames
    }
}

extension RaftMessage {
    fileprivate var approximateBytes: Int {
        guard case .append(_, let entries, _) = body else { return 64 }
        return entries.reduce(64) { total, entry in
            if case .command(let bytes) = entry.payload { total + bytes.count + 32 } else { total + 256 }
        }
    }
}
