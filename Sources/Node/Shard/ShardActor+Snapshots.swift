import Consensus
import NIOCore
import NIOPosix
import PeerTransport
import RocksStorage
import Storage
import Vocabulary
import Wire

extension ShardActor {
    private static let silenceMilliseconds: UInt64 = 10_000

    func beginSnapshot(_ order: SnapshotOrder) {
        guard let hosted = groups[order.group], let status = raft.status(of: order.group) else { return }
        let transfer = UInt64(index) << 48 | nextTransfer
        nextTransfer += 1
        var sender = SnapshotSender(
            transfer: transfer, group: order.group, to: order.to,
            source: store.snapshot(group: order.group, generation: hosted.generation), now: clock.tick())
        guard sender.source.applied == order.point.index else {
            return raft.snapshotSent(group: order.group, to: order.to.id, success: false)
        }
        let begin = SnapshotFrame.begin(
            transfer: transfer, group: order.group, from: status.replica, to: order.to.id, term: status.term,
            point: order.point)
        let frames = [begin] + sender.nextFrames(pace: &snapshotPace)
        snapshotsOut[transfer] = sender
        ports.transport.send(frames.map { .snapshot($0) }, to: order.to.node)
    }

    func receive(_ frame: SnapshotFrame, from node: NodeID) {
        switch frame {
        case .begin(let transfer, let group, let from, let to, let term, let point):
            begin(transfer, group: group, sender: from, to: to, term: term, point: point, from: node)
        case .chunk(let transfer, let number, let pairs):
            ingest(transfer, number: number, pairs: pairs, from: node)
        case .end(let transfer, let chunks, let digest):
            end(transfer, chunks: chunks, digest: digest, from: node)
        case .progress(let transfer, let received): progressed(transfer, received: received)
        case .finished(let transfer, let installed): finished(transfer, installed: installed)
        }
    }

    // MARK: Sending

    private func progressed(_ transfer: UInt64, received: UInt32) {
        guard var sender = snapshotsOut[transfer] else { return }
        sender.progressed(received, now: clock.tick())
        send(from: sender)
    }

    private func send(from sender: SnapshotSender) {
        var sender = sender
        let frames = sender.nextFrames(pace: &snapshotPace)
        snapshotsOut[sender.transfer] = sender
        ports.transport.send(frames.map { .snapshot($0) }, to: sender.to.node)
    }

    /// Goes on with what the pace held up.
    func resumeSnapshots(now: Tick) {
        guard !snapshotsOut.isEmpty else { return }
        snapshotPace.refill(now: now)
        for (_, sender) in snapshotsOut.sorted(by: { $0.key < $1.key }) where snapshotPace.isOpen {
            send(from: sender)
        }
    }

    private func finished(_ transfer: UInt64, installed: Bool) {
        guard let sender = snapshotsOut.removeValue(forKey: transfer) else { return }
        raft.snapshotSent(group: sender.group, to: sender.to.id, success: installed)
    }

    /// Gives up transfers whose other side has gone silent; Raft orders a new one.
    func expireSnapshots(now: Tick) {
        for (transfer, sender) in snapshotsOut.sorted(by: { $0.key < $1.key })
        where now.since(sender.lastHeard) > Self.silenceMilliseconds {
            finished(transfer, installed: false)
        }
        for receiver in snapshotsIn.values where receiver.isComplete {
            // The flush may take its time; the sender is to wait for it.
            let frame = SnapshotFrame.progress(transfer: receiver.transfer, received: receiver.received)
            ports.transport.send(.snapshot(frame), to: receiver.from)
        }
        for (group, receiver) in snapshotsIn.sorted(by: { $0.key < $1.key })
        where now.since(receiver.lastHeard) > Self.silenceMilliseconds && !receiver.isComplete {
            drop(group)
        }
    }

    // MARK: Receiving

    private func begin(
        _ transfer: UInt64, group: GroupID, sender: ReplicaID, to: ReplicaID, term: Term,
        point: SnapshotPoint, from node: NodeID
    ) {
        let use = raft.status(of: group)?.use(of: point, to: to, term: term) ?? .nothing
        guard let hosted = groups[group], use == .installation, snapshotsIn[group]?.isComplete != true else {
            let frame = SnapshotFrame.finished(transfer: transfer, installed: use == .alreadyHere)
            return ports.transport.send(.snapshot(frame), to: node)
        }
        drop(group)
        // The same number of an earlier process of that node is another transfer.
        for (other, receiver) in snapshotsIn where receiver.transfer == transfer && receiver.from == node {
            drop(other)
        }
        let generation = hosted.generation + 1
        store.removeGeneration(group: group, generation: generation)
        snapshotsIn[group] = SnapshotReceiver(
            transfer: transfer, from: node, sender: sender, generation: generation, point: point, term: term,
            now: clock.tick())
    }

    private func receiving(_ transfer: UInt64, from node: NodeID) -> GroupID? {
        snapshotsIn.first { $0.value.transfer == transfer && $0.value.from == node && !$0.value.isComplete }?
            .key
    }

    private func ingest(_ transfer: UInt64, number: UInt32, pairs: [StatePair], from node: NodeID) {
        guard let group = receiving(transfer, from: node), var receiver = snapshotsIn[group] else { return }
        guard number == receiver.received else { return fail(group) }
        do {
            try store.ingest(pairs, group: group, generation: receiver.generation)
        } catch {
            ending.failed(error)
        }
        receiver.ingested(pairs, now: clock.tick())
        snapshotsIn[group] = receiver
        ports.transport.send(
            .snapshot(.progress(transfer: transfer, received: receiver.received)), to: node)
    }

    private func end(_ transfer: UInt64, chunks: UInt32, digest: StateDigest, from node: NodeID) {
        guard let group = receiving(transfer, from: node), var receiver = snapshotsIn[group] else { return }
        guard chunks == receiver.received, digest == receiver.digest else { return fail(group) }
        receiver.isComplete = true
        snapshotsIn[group] = receiver
        do {
            try store.write(
                StateChanges(digest: store.digest(group: group, generation: receiver.generation)),
                group: group, generation: receiver.generation, applied: receiver.point.index)
        } catch {
            ending.failed(error)
        }
        let mailbox = ports.shards[index]
        // Nothing refers to the new generation before it is on disk.
        flusher.flush { mailbox.post(.ingested(group, transfer: transfer)) }
    }

    func snapshotIsDurable(_ group: GroupID, transfer: UInt64) {
        guard let receiver = snapshotsIn[group], receiver.transfer == transfer, var hosted = groups[group]
        else { return }
        snapshotsIn[group] = nil
        let use = raft.status(of: group)?.use(of: receiver.point) ?? .nothing
        guard use == .installation else {
            store.removeGeneration(group: group, generation: receiver.generation)
            return answer(receiver, installed: use == .alreadyHere)
        }
        let old = hosted.generation
        hosted.generation = receiver.generation
        hosted.applied = receiver.point.index
        hosted.digest = store.digest(group: group, generation: receiver.generation)
        groups[group] = hosted
        raft.installSnapshot(group: group, generation: receiver.generation, point: receiver.point)
        if group == .metadata {
            ending.orUnreadable { () throws(DecodingFailure) in
                try metadataHost?.reload(from: store, generation: receiver.generation)
            }
        }
        retired.append(RetiredGeneration(group: group, generation: old))
        answer(receiver, installed: true)
    }

    private func answer(_ receiver: SnapshotReceiver, installed: Bool) {
        ports.transport.send(
            .snapshot(.finished(transfer: receiver.transfer, installed: installed)), to: receiver.from)
    }

    private func fail(_ group: GroupID) {
        guard let receiver = snapshotsIn[group] else { return }
        answer(receiver, installed: false)
        drop(group)
    }

    private func drop(_ group: GroupID) {
        guard let receiver = snapshotsIn.removeValue(forKey: group) else { return }
        store.removeGeneration(group: group, generation: receiver.generation)
    }
}
