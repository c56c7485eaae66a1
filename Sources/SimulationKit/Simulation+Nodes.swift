import Chat
import Consensus
import Placement
import Storage
import Vocabulary
import Wire

extension Simulation {
    /// Carries out what the machines order, until they order nothing more.
    func pump(_ node: SimulatedNode) {
        while checker.violations.isEmpty {
            let output = node.raft.takeOutput()
            if output.isEmpty { break }
            perform(output, of: node)
        }
        if node.disk.beginWrite() {
            let delay = UInt64.random(in: 200...4_000, using: &random) * node.syncFactor
            schedule(.synced(node: node.number, life: node.life), after: delay)
        }
    }

    private func perform(_ output: RaftOutput, of node: SimulatedNode) {
        if !output.persist.isEmpty {
            for item in output.persist { checker.persisting(item) }
            node.disk.append(output.persist, sequence: output.sequence, at: now)
        }
        for (to, messages) in output.messages {
            for message in messages {
                checker.sent(message)
                note("\(node.number) -> \(SimulatedNode.number(of: to)) \(message.summary)")
            }
            send(.raft(messages), from: node, to: to)
        }
        for (to, beat) in output.heartbeats { send(.heartbeat(beat), from: node, to: to) }
        for (to, ack) in output.heartbeatAcks { send(.heartbeatAck(ack), from: node, to: to) }
        for change in output.leadership { changed(change, on: node) }
        for (group, entries) in output.committed {
            note("\(node.number) applies \(group): \(entries.count) to \(entries.last?.index ?? .zero)")
            for (ticket, answer) in node.apply(entries, group: group, checker: checker) {
                reply(answer, ticket)
            }
            fingerprint = XXH64.hash(
                [UInt8(node.number), UInt8(truncatingIfNeeded: group.raw)],
                seed: fingerprint ^ (node.replicas[group]?.stateHash ?? 0))
        }
        for read in output.reads {
            if let (ticket, answer) = node.serve(read) { reply(answer, ticket) }
        }
        for order in output.snapshots { sendSnapshot(order, from: node) }
    }

    private func changed(_ change: LeadershipChange, on node: SimulatedNode) {
        note("\(node.number) is \(change.role.rawValue) of group \(change.group) in term \(change.term)")
        guard change.isLeader, let status = node.raft.status(of: change.group) else {
            for (ticket, answer) in node.interruptWaiting(change.group) { reply(answer, ticket) }
            return
        }
        checker.elected(status.replica, group: change.group, term: change.term) {
            node.raft.entryTerm(of: change.group, at: $0)
        }
    }

    func synced(_ node: SimulatedNode) {
        guard let write = node.disk.completeSync() else { return }
        for item in write.items {
            checker.persisted(item)
            if case .replicaBuried(let group, _) = item { node.buried(group) }
        }
        node.raft.persisted(through: write.sequence)
    }

    // MARK: Frames

    func send(_ frame: SimulatedFrame, from node: SimulatedNode, to other: NodeID) {
        let to = SimulatedNode.number(of: other)
        let frame = plan.usesCodec ? passed(frame) : frame
        for delay in network.delays(from: node.number, to: to) {
            schedule(.frame(frame, from: node.number, to: to), after: delay)
        }
    }

    /// The frame as it comes out of its codec.
    private func passed(_ frame: SimulatedFrame) -> SimulatedFrame {
        var writer = ByteWriter()
        do {
            switch frame {
            case .raft(let messages):
                writer.list(messages) { $0.raftMessage($1) }
                var reader = ByteReader(writer.bytes)
                return .raft(try reader.list { r throws(DecodingFailure) in try r.raftMessage() })
            case .heartbeat(let beat):
                writer.pairHeartbeat(beat)
                var reader = ByteReader(writer.bytes)
                return .heartbeat(try reader.pairHeartbeat())
            case .heartbeatAck(let ack):
                writer.pairHeartbeatAck(ack)
                var reader = ByteReader(writer.bytes)
                return .heartbeatAck(try reader.pairHeartbeatAck())
            case .snapshot, .snapshotAnswer: return frame
            }
        } catch {
            checker.fail("a frame does not pass its codec: \(error)")
            return frame
        }
    }

    func receive(_ frame: SimulatedFrame, from number: Int, on node: SimulatedNode) {
        let sender = SimulatedNode.id(of: number)
        switch frame {
        case .raft(let messages): node.raft.receive(messages, from: sender, now: tick)
        case .heartbeat(let beat): node.raft.receive(beat, from: sender, now: tick)
        case .heartbeatAck(let ack): node.raft.receive(ack, from: sender, now: tick)
        case .snapshot(let parcel):
            let isInstalled = node.install(parcel, checker: checker)
            note("\(node.number) installs a snapshot of \(parcel.group): \(isInstalled)")
            if isInstalled { count(.snapshots) }
            send(
                .snapshotAnswer(group: parcel.group, to: parcel.to, installed: isInstalled), from: node,
                to: sender)
        case .snapshotAnswer(let group, let to, let installed):
            node.raft.snapshotSent(group: group, to: to, success: installed)
        }
    }

    private func sendSnapshot(_ order: SnapshotOrder, from node: SimulatedNode) {
        guard let parcel = node.parcel(order, checker: checker) else { return }
        send(.snapshot(parcel), from: node, to: order.to.node)
        schedule(
            .snapshotTimeout(node: node.number, life: node.life, group: order.group, to: order.to.id),
            after: 2_000_000)
    }
}

extension RaftMessage {
    /// For a trace: who says what, without the entries.
    fileprivate var summary: String {
        let what: String =
            switch body {
            case .append(let previous, let entries, let commit):
                "append \(entries.count) after \(previous.index)@\(previous.term) commit \(commit)"
            default: "\(body)"
            }
        return "g\(group) r\(from)>r\(to) t\(term) \(what)"
    }
}
