import Consensus
import Storage
import Vocabulary
import Wire

/// Snapshots in chunks, as `ShardActor` sends and installs them (rule R5).
extension Simulation {
    private static let silenceMilliseconds: UInt64 = 10_000

    func beginSnapshot(_ order: SnapshotOrder, on node: SimulatedNode) {
        guard let replica = node.replicas[order.group], let status = node.raft.status(of: order.group) else {
            return
        }
        let transfer = node.nextTransfer
        node.nextTransfer += 1
        let source = node.store.snapshot(group: order.group, generation: replica.generation)
        // A state that was sent on before it was compared would be the receiver's too: that is not simulated.
        guard source.applied == order.point.index, !hasDiverged(order.group, on: node) else {
            return node.raft.snapshotSent(group: order.group, to: order.to.id, success: false)
        }
        var sender = SnapshotSender(
            transfer: transfer, group: order.group, to: order.to, source: source,
            chunkBytes: plan.chunkBytes, now: tick)
        let begin = SnapshotFrame.begin(
            transfer: transfer, group: order.group, from: status.replica, to: order.to.id, term: status.term,
            point: order.point)
        note("\(node.number) sends a snapshot of \(order.group) at \(order.point.index) to \(order.to)")
        let frames = [begin] + sender.nextFrames(pace: &node.snapshotPace)
        node.snapshotsOut[transfer] = sender
        send(frames.map { .snapshot($0) }, from: node, to: order.to.node)
    }

    func receive(_ frame: SnapshotFrame, from sender: NodeID, on node: SimulatedNode) {
        switch frame {
        case .begin(let transfer, let group, let from, let to, let term, let point):
            begin(transfer, group, from: from, to: to, term: term, point: point, sender: sender, on: node)
        case .chunk(let transfer, let number, let pairs):
            ingest(transfer, number: number, pairs: pairs, from: sender, on: node)
        case .end(let transfer, let chunks, let digest):
            end(transfer, chunks: chunks, digest: digest, from: sender, on: node)
        case .progress(let transfer, let received):
            guard var out = node.snapshotsOut[transfer] else { return }
            out.progressed(received, now: tick)
            send(from: out, on: node)
        case .finished(let transfer, let installed): finished(transfer, installed: installed, on: node)
        }
    }

    private func send(from sender: SnapshotSender, on node: SimulatedNode) {
        var sender = sender
        let frames = sender.nextFrames(pace: &node.snapshotPace)
        node.snapshotsOut[sender.transfer] = sender
        send(frames.map { .snapshot($0) }, from: node, to: sender.to.node)
    }

    /// Goes on with what the pace held up.
    func resumeSnapshots(of node: SimulatedNode) {
        guard !node.snapshotsOut.isEmpty else { return }
        node.snapshotPace.refill(now: tick)
        for (_, sender) in node.snapshotsOut.sorted(by: { $0.key < $1.key }) where node.snapshotPace.isOpen {
            send(from: sender, on: node)
        }
    }

    private func finished(_ transfer: UInt64, installed: Bool, on node: SimulatedNode) {
        guard let sender = node.snapshotsOut.removeValue(forKey: transfer) else { return }
        node.raft.snapshotSent(group: sender.group, to: sender.to.id, success: installed)
    }

    func expireSnapshots(on node: SimulatedNode) {
        for (transfer, sender) in node.snapshotsOut.sorted(by: { $0.key < $1.key })
        where tick.since(sender.lastHeard) > Self.silenceMilliseconds {
            finished(transfer, installed: false, on: node)
        }
        for (group, receiver) in node.snapshotsIn.sorted(by: { $0.key < $1.key }) {
            if receiver.isComplete {
                answer(
                    receiver, .progress(transfer: receiver.transfer, received: receiver.received), on: node)
            } else if tick.since(receiver.lastHeard) > Self.silenceMilliseconds {
                drop(group, on: node)
            }
        }
    }

    // MARK: Receiving

    private func begin(
        _ transfer: UInt64, _ group: GroupID, from: ReplicaID, to: ReplicaID, term: Term,
        point: SnapshotPoint,
        sender: NodeID, on node: SimulatedNode
    ) {
        let use = node.raft.status(of: group)?.use(of: point, to: to, term: term) ?? .nothing
        guard let replica = node.replicas[group], use == .installation,
            node.snapshotsIn[group]?.isComplete != true
        else {
            let frame = SnapshotFrame.finished(transfer: transfer, installed: use == .alreadyHere)
            return send([.snapshot(frame)], from: node, to: sender)
        }
        drop(group, on: node)
        let same = node.snapshotsIn.filter { $0.value.transfer == transfer && $0.value.from == sender }
        for other in same.keys.sorted() { drop(other, on: node) }
        let generation = replica.generation + 1
        node.store.removeGeneration(group: group, generation: generation)
        node.snapshotsIn[group] = SnapshotReceiver(
            transfer: transfer, from: sender, sender: from, generation: generation, point: point, term: term,
            now: tick)
    }

    private func receiving(_ transfer: UInt64, from sender: NodeID, on node: SimulatedNode) -> GroupID? {
        node.snapshotsIn.first {
            $0.value.transfer == transfer && $0.value.from == sender && !$0.value.isComplete
        }?.key
    }

    private func ingest(
        _ transfer: UInt64, number: UInt32, pairs: [StatePair], from sender: NodeID, on node: SimulatedNode
    ) {
        guard let group = receiving(transfer, from: sender, on: node), var receiver = node.snapshotsIn[group]
        else { return }
        guard number == receiver.received else { return give(up: group, on: node) }
        do {
            try node.store.ingest(pairs, group: group, generation: receiver.generation)
        } catch {
            checker.fail("\(error)")
        }
        receiver.ingested(pairs, now: tick)
        node.snapshotsIn[group] = receiver
        answer(receiver, .progress(transfer: transfer, received: receiver.received), on: node)
    }

    private func end(
        _ transfer: UInt64, chunks: UInt32, digest: StateDigest, from sender: NodeID, on node: SimulatedNode
    ) {
        guard let group = receiving(transfer, from: sender, on: node), var receiver = node.snapshotsIn[group]
        else { return }
        guard chunks == receiver.received, digest == receiver.digest else { return give(up: group, on: node) }
        receiver.isComplete = true
        node.snapshotsIn[group] = receiver
        do {
            try node.store.write(
                StateChanges(digest: node.store.digest(group: group, generation: receiver.generation)),
                group: group, generation: receiver.generation, applied: receiver.point.index)
        } catch {
            checker.fail("\(error)")
        }
        // Nothing refers to the new generation before it is on disk.
        schedule(
            .ingested(node: node.number, boot: node.boots, group: group, transfer: transfer),
            after: UInt64.random(in: 1_000...60_000, using: &random))
    }

    func snapshotIsDurable(_ group: GroupID, transfer: UInt64, on node: SimulatedNode) {
        flushStore(of: node)
        guard let receiver = node.snapshotsIn[group], receiver.transfer == transfer,
            var replica = node.replicas[group]
        else { return }
        node.snapshotsIn[group] = nil
        let use = node.raft.status(of: group)?.use(of: receiver.point) ?? .nothing
        guard use == .installation else {
            node.store.removeGeneration(group: group, generation: receiver.generation)
            let frame = SnapshotFrame.finished(transfer: transfer, installed: use == .alreadyHere)
            return answer(receiver, frame, on: node)
        }
        let old = replica.generation
        replica.generation = receiver.generation
        replica.applied = receiver.point.index
        replica.stateHash = checker.stateHash(group: group, at: receiver.point.index)
        node.replicas[group] = replica
        node.raft.installSnapshot(group: group, generation: receiver.generation, point: receiver.point)
        count(.snapshots)
        note("\(node.number) installs a snapshot of \(group) at \(receiver.point.index)")
        if group == .metadata {
            loadMetadata(on: node)
            adopt(on: node)
        }
        node.retired.append(RetiredGeneration(group: group, generation: old))
        answer(receiver, .finished(transfer: transfer, installed: true), on: node)
    }

    private func answer(_ receiver: SnapshotReceiver, _ frame: SnapshotFrame, on node: SimulatedNode) {
        send([.snapshot(frame)], from: node, to: receiver.from)
    }

    private func give(up group: GroupID, on node: SimulatedNode) {
        guard let receiver = node.snapshotsIn[group] else { return }
        answer(receiver, .finished(transfer: receiver.transfer, installed: false), on: node)
        drop(group, on: node)
    }

    func drop(_ group: GroupID, on node: SimulatedNode) {
        guard let receiver = node.snapshotsIn.removeValue(forKey: group) else { return }
        node.store.removeGeneration(group: group, generation: receiver.generation)
    }
}
