import Chat
import Consensus
import Placement
import Storage
import Vocabulary
import Wire

extension Simulation {
    /// Carries out what the machines order, until they order nothing more.
    func pump(_ node: SimulatedNode) {
        var frames: [NodeID: [PeerFrame]] = [:]
        repeat {
            while checker.violations.isEmpty, node.isUp, !node.hasDiverged {
                let output = node.raft.takeOutput()
                if output.isEmpty { break }
                perform(output, of: node, frames: &frames)
            }
        } while !node.hasDiverged && flushChat(node)
        // The process ends before it says anything more.
        if node.hasDiverged { return lose(node) }
        for (other, frames) in frames.sorted(by: { $0.key < $1.key }) {
            send(frames, from: node, to: other)
        }
        writeLog(of: node)
    }

    private func writeLog(of node: SimulatedNode) {
        guard !node.isStalled, node.disk.beginWrite() else { return }
        let delay = UInt64.random(in: 200...4_000, using: &random) * node.syncFactor
        schedule(.synced(node: node.number, boot: node.boots), after: delay)
    }

    private func perform(
        _ output: RaftOutput, of node: SimulatedNode, frames: inout [NodeID: [PeerFrame]]
    ) {
        if !output.persist.isEmpty {
            for item in output.persist {
                checker.persisting(item)
                if case .compacted(let group, let replica, let point) = item {
                    let generation = node.replicas[group]?.generation ?? 0
                    checker.compacted(
                        group: group, replica: replica, to: point.index,
                        persisted: node.store.persistedApplied(group: group, generation: generation))
                }
            }
            let sequence = output.sequence
            for place in node.retired.indices where node.retired[place].after == nil {
                node.retired[place].after = sequence
            }
            node.disk.append(output.persist, sequence: sequence, at: now)
        }
        for (to, messages) in output.messages {
            for message in messages {
                checker.sent(message)
                note("\(node.number) -> \(SimulatedNode.number(of: to)) \(message.summary)")
            }
            frames[to, default: []].append(.raft(messages))
        }
        for (to, beat) in output.heartbeats { frames[to, default: []].append(.heartbeat(beat)) }
        for (to, ack) in output.heartbeatAcks { frames[to, default: []].append(.heartbeatAck(ack)) }
        for change in output.leadership { changed(change, on: node) }
        for (group, entries) in output.committed {
            note("\(node.number) applies \(group): \(entries.count) to \(entries.last?.index ?? .zero)")
            apply(entries, group: group, on: node)
        }
        for failed in output.failedProposals where failed.group == .metadata { forgetProposals(on: node) }
        for read in output.reads { serve(read, on: node) }
        for order in output.snapshots { beginSnapshot(order, on: node) }
        for dispute in output.disputes { disputed(dispute, on: node) }
        for divergence in output.divergences { diverged(divergence, on: node) }
        for lost in output.lostLogs { checker.fail("node \(node.number): \(lost) (I9)") }
    }

    func synced(_ node: SimulatedNode) {
        guard let write = node.disk.completeSync() else { return }
        for item in write.items { checker.persisted(item) }
        node.raft.persisted(through: write.sequence)
        forgetRetired(through: write.sequence, on: node)
        for group in write.pinned where node.replicas[group] != nil {
            count(.restatements)
            node.raft.restate(group: group)
        }
    }

    func flushStore(of node: SimulatedNode) {
        do { try node.store.flush() } catch { checker.fail("\(error)") }
    }

    // MARK: Time

    /// Every 20 ms, as `ShardActor.tick`.
    func tick(_ node: SimulatedNode) {
        node.ticks += 1
        node.raft.tick(now: tick, walAge: node.disk.age(at: now) / 1_000)
        tickChat(node)
        resumeSnapshots(of: node)
        if node.ticks % 5 == 0 {
            driveConfigurations(of: node)
            coordinate(node)
            dial(node)
            checker.observe(node.raft, groups: node.replicas.keys)
            if random.chance(percent: 4) && !node.isFlushing { beginFlush(of: node) }
        }
        guard node.ticks % 50 == 0 else { return }
        expireSnapshots(on: node)
        balanceLeaders(of: node)
        announceAll(of: node)
    }

    private func beginFlush(of node: SimulatedNode) {
        node.isFlushing = true
        flushStore(of: node)
        schedule(
            .flushed(node: node.number, boot: node.boots),
            after: UInt64.random(in: 100...50_000, using: &random))
    }

    func flushed(_ node: SimulatedNode) {
        node.isFlushing = false
        if node.compact(kept: plan.entriesKept) { count(.compactions) }
    }

    // MARK: Life

    /// The process begins, with what the disk kept.
    func boot(_ node: SimulatedNode) {
        guard node.life == .down else { return }
        note("node \(node.number) starts")
        node.life = .up
        node.boots += 1
        node.identity.bootEpoch += 1
        // `boots` is never set back.
        node.stamp = BootStamp(
            epoch: node.identity.bootEpoch, nonce: UInt64(node.boots), unseen: node.identity.unseen)
        node.identity.unseen = node.stamp
        node.forget(settings: settings, random: &random)
        node.startedAt = tick
        if node.isRolledBack { return askToComeBack(node) }
        node.snapshotPace = SnapshotPace(bytesPerSecond: plan.moveBytesPerSecond, now: tick)
        schedule(
            .tick(node: node.number, boot: node.boots), after: UInt64.random(in: 0...20_000, using: &random))
        if node.identity.metadataReplica != nil {
            start(node)
        } else {
            tryJoin(node)
        }
    }

    /// A node of the cluster reads its log and begins to speak.
    func start(_ node: SimulatedNode) {
        node.store.crash()
        guard recover(node) else { return }
        loadMetadata(on: node)
        if node.replicas[.metadata] == nil, let replica = node.identity.metadataReplica {
            host(.metadata, replica: replica, configuration: .empty, on: node)
        }
        if node.metadata.formation != nil { adopt(on: node) }
        startGossip(on: node)
        pump(node)
    }

    /// False when the node may not start: its log is damaged (rule D6).
    private func recover(_ node: SimulatedNode) -> Bool {
        let fold: RecoveryFold
        do {
            fold = try node.disk.recover()
        } catch {
            guard node.isDamaged else {
                checker.fail("node \(node.number) finds its log damaged: \(error)")
                return false
            }
            note("node \(node.number) refuses to start: \(error)")
            lose(node)
            return false
        }
        if node.isDamaged {
            checker.fail("node \(node.number) starts with a damaged log (rule D6)")
            return false
        }
        node.buried = fold.buried
        for (group, recovered) in fold.replicas.sorted(by: { $0.key < $1.key }) {
            let applied = node.store.applied(group: group, generation: recovered.generation)
            checker.restarted(recovered, lastIndex: recovered.lastIndex, applied: applied)
            guard checker.violations.isEmpty else { return false }
            node.raft.restore(recovered, applied: applied, now: tick)
            node.replicas[group] = SimulatedReplica(
                generation: recovered.generation, applied: applied,
                stateHash: checker.stateHash(group: group, at: applied))
        }
        let orphans = node.store.generations().filter { fold.replicas[$0.group]?.generation != $0.generation }
        for (group, generation) in orphans {
            node.store.removeGeneration(group: group, generation: generation)
        }
        if !orphans.isEmpty { flushStore(of: node) }
        return true
    }

    /// The process ends.
    func stop(_ node: SimulatedNode, isPowerLoss: Bool) {
        guard node.isUp else { return }
        note("node \(node.number) stops\(isPowerLoss ? " with its power" : "")")
        chatEnds(on: node)
        node.life = .down
        node.pausedEvents = nil
        node.swim = nil
        dropLinks(of: node)
        let loss = node.disk.crash(isPowerLoss: isPowerLoss, &random)
        if loss.hasLost { count(.lostWrites) }
        if loss.isTorn { count(.tornWrites) }
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
