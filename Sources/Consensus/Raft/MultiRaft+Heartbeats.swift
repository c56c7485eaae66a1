import Vocabulary
import Wire

// One heartbeat for all groups from this node to a peer (rule L1), and the rounds that confirm reads (rule
// Q1).

/// The heartbeat rounds to one peer.
struct PeerRounds: Sendable {
    /// A round that is not acknowledged yet.
    struct Round: Sendable {
        var number: UInt64
        var lines: [Line]
    }

    /// What an acknowledgement of the round confirms of one group.
    struct Line: Sendable {
        var group: GroupID
        var follower: ReplicaID
        var term: Term
        /// Reads up to this one had arrived when the round started.
        var readSequence: UInt64
    }

    static let waitingMax = 16
    var next: UInt64 = 1
    /// Oldest first; an acknowledgement of a later round makes the earlier ones void.
    var waiting: [Round] = []

    mutating func start(_ lines: [Line]) -> UInt64 {
        if waiting.count == Self.waitingMax { waiting.removeFirst() }
        waiting.append(Round(number: next, lines: lines))
        next += 1
        return next - 1
    }

    mutating func take(_ number: UInt64) -> Round? {
        guard let place = waiting.firstIndex(where: { $0.number == number }) else { return nil }
        let round = waiting[place]
        waiting.removeFirst(place + 1)
        return round
    }
}

extension MultiRaft {
    /// A peer's heartbeat; answered in the next output.
    package mutating func receive(_ heartbeat: PairHeartbeat, from node: NodeID, now: Tick) {
        effects.now = now
        if heartbeat.isDiskLow { lowDisks.insert(node) } else { lowDisks.remove(node) }
        var rejects: [PairHeartbeatAck.Reject] = []
        var reports: [PairHeartbeatAck.Report] = []
        for entry in heartbeat.entries {
            var told: Term? = .zero
            if let slot = slot(of: entry.group) {
                told = update(slot) { group, effects in
                    group.receivedHeartbeat(
                        entry, walAge: heartbeat.walAgeMilliseconds, from: node, now: now, &effects)
                }
            }
            guard let told else {
                if let mark = lastMark(of: entry.group, through: entry.reportThrough) {
                    reports.append(PairHeartbeatAck.Report(group: entry.group, to: entry.to, mark: mark))
                }
                continue
            }
            rejects.append(
                PairHeartbeatAck.Reject(group: entry.group, from: entry.from, to: entry.to, term: told))
        }
        effects.output.heartbeatAcks.append(
            (node, PairHeartbeatAck(round: heartbeat.round, rejects: rejects, reports: reports)))
    }

    private func lastMark(of group: GroupID, through index: LogIndex) -> StateMark? {
        guard index > .zero, let slot = slot(of: group) else { return nil }
        return groups[slot].marks.latest(through: index)
    }

    /// A peer's answer to a round.
    package mutating func receive(_ ack: PairHeartbeatAck, from node: NodeID, now: Tick) {
        effects.now = now
        guard let round = peers[node]?.take(ack.round) else { return }
        var rejected: [GroupID: PairHeartbeatAck.Reject] = [:]
        for reject in ack.rejects { rejected[reject.group] = reject }
        var reported: [GroupID: PairHeartbeatAck.Report] = [:]
        for report in ack.reports { reported[report.group] = report }
        for line in round.lines {
            guard let slot = slot(of: line.group) else { continue }
            if let reject = rejected[line.group] {
                guard reject.to == line.follower else { continue }
                update(slot) { group, effects in
                    guard reject.term > group.term else { return }
                    group.becomeFollower(term: reject.term, leader: nil, now: now, &effects)
                }
            } else {
                update(slot) { group, effects in
                    group.heartbeatConfirmed(
                        by: line.follower, term: line.term, readSequence: line.readSequence, now: now,
                        &effects)
                    guard let report = reported[line.group], report.to == line.follower else { return }
                    group.stateReported(report.mark, by: line.follower, term: line.term, &effects)
                }
            }
        }
        if !readGroups.isEmpty { readsNeedRound = true }
    }

    // MARK: Starting rounds

    /// The regular beat: every group led here, to every follower.
    mutating func beat(now: Tick) {
        if let lastBeat, now.since(lastBeat) < settings.heartbeatMilliseconds { return }
        lastBeat = now
        let led = groups.indices.filter { groups[$0].role == .leader && !groups[$0].isBuried }
        start(entries(of: led, forReads: false))
    }

    /// A read waits: its groups' voters are asked at once, unless a round to them is in flight; the next one
    /// then starts when that is answered, or with the beat.
    mutating func startReadRounds() {
        readsNeedRound = false
        for group in readGroups {
            guard let slot = slot(of: group), !groups[slot].reads.isEmpty else {
                readGroups.remove(group)
                continue
            }
        }
        guard !readGroups.isEmpty else { return }
        let waiting = readGroups.sorted().compactMap { slot(of: $0) }
        start(entries(of: waiting, forReads: true).filter { peers[$0.key]?.waiting.isEmpty ?? true })
    }

    private func entries(
        of slots: [Int], forReads: Bool
    ) -> [NodeID: [(entry: PairHeartbeat.Entry, readSequence: UInt64)]] {
        var entries: [NodeID: [(entry: PairHeartbeat.Entry, readSequence: UInt64)]] = [:]
        for slot in slots {
            let readSequence = groups[slot].readSequence
            groups[slot].heartbeats(forReads: forReads) { node, entry in
                entries[node, default: []].append((entry, readSequence))
            }
        }
        return entries
    }

    private mutating func start(
        _ entries: [NodeID: [(entry: PairHeartbeat.Entry, readSequence: UInt64)]]
    ) {
        for (node, lines) in entries.sorted(by: { $0.key < $1.key }) {
            let round = peers[node, default: PeerRounds()].start(
                lines.map { line in
                    PeerRounds.Line(
                        group: line.entry.group, follower: line.entry.to, term: line.entry.term,
                        readSequence: line.readSequence)
                })
            effects.output.heartbeats.append(
                (
                    node,
                    PairHeartbeat(
                        round: round, walAgeMilliseconds: walAge, isDiskLow: isDiskLow,
                        entries: lines.map { $0.entry })
                ))
        }
    }
}
