import Vocabulary
import Wire

// The leader's side of replication (thesis, sections 3.5 and 10.2.1).
extension RaftGroup {
    /// - Returns: where the command will be, if this leadership lasts.
    mutating func propose(
        _ command: [UInt8], _ effects: inout RaftEffects
    ) -> Result<ProposalPosition, ProposalRefusal> {
        guard role == .leader else { return .failure(.notLeader(hint: leader?.node)) }
        guard transfer == nil else { return .failure(.transferring) }
        guard uncommittedBytes == 0 || uncommittedBytes + command.count <= settings.uncommittedBytesMax,
            log.lastIndex.distance(after: commit) < settings.uncommittedProposalsMax
        else { return .failure(.overloaded) }
        uncommittedBytes += command.count
        let entry = LogEntry(index: log.lastIndex.next, term: term, payload: .command(command))
        appendToLog(entry, &effects)
        return .success(ProposalPosition(index: entry.index, term: term))
    }

    // MARK: Sending

    mutating func sendAppends(_ effects: inout RaftEffects) {
        for place in progress.indices { sendAppends(at: place, &effects) }
        announcesCommit = false
    }

    private mutating func sendAppends(at place: Int, _ effects: inout RaftEffects) {
        switch progress[place].state {
        case .snapshot: return
        case .probe(let isPaused):
            if !isPaused { sendProbe(at: place, &effects) }
        case .replicate:
            while progress[place].next <= log.lastIndex, hasRoom(progress[place].inflight) {
                if isCatchingUp(progress[place]), progress[place].inflight.count > 0 { break }
                guard sendPage(at: place, &effects) else { return }
            }
            if announcesCommit && progress[place].sentCommit < commit {
                sendEmptyAppend(at: place, &effects)
            }
        }
    }

    private func isCatchingUp(_ follower: FollowerProgress) -> Bool {
        log.lastIndex.distance(after: follower.next) > settings.catchUpThreshold
    }

    /// Its log is to begin at the beginning, as far as is known, and making the state again would take long: once it
    /// has answered so, the state is sent.
    private func wouldReplayLong(_ follower: FollowerProgress) -> Bool {
        follower.next.previous == .zero && delivered.distance(after: .zero) > settings.replayEntriesMax
    }

    private func hasRoom(_ window: InflightWindow) -> Bool {
        window.count < settings.inflightMessagesMax && window.bytes < settings.inflightBytesMax
    }

    /// One message, then silence until it is answered or `tick` lets another go. To a follower that does not
    /// answer at all it carries nothing, nor to one that may turn out to have nothing.
    private mutating func sendProbe(at place: Int, _ effects: inout RaftEffects) {
        let isSilent = effects.now.since(progress[place].lastContact) > settings.electionMinMilliseconds
        if isSilent {
            progress[place].next = max(progress[place].next, log.firstIndex)
            sendEmptyAppend(at: place, &effects)
        } else if !progress[place].hasAnswered, wouldReplayLong(progress[place]) {
            sendEmptyAppend(at: place, &effects)
        } else if !sendPage(at: place, &effects) {
            return
        }
        progress[place].state = .probe(isPaused: true)
    }

    private mutating func sendEmptyAppend(at place: Int, _ effects: inout RaftEffects) {
        let next = progress[place].next
        guard let previousTerm = log.term(at: next.previous) else { return }
        let previous = LogPosition(index: next.previous, term: previousTerm)
        sendAppend(previous, [], at: place, &effects)
    }

    /// Sends what follows `next`. False when only a snapshot can help (thesis, section 5.3).
    private mutating func sendPage(at place: Int, _ effects: inout RaftEffects) -> Bool {
        let next = progress[place].next
        guard let previousTerm = log.term(at: next.previous), !wouldReplayLong(progress[place]) else {
            orderSnapshot(at: place, &effects)
            return false
        }
        let entriesMax =
            isCatchingUp(progress[place]) ? settings.catchUpEntriesMax : settings.appendEntriesMax
        let page = log.page(from: next, entriesMax: entriesMax, bytesMax: settings.appendBytesMax)
        sendAppend(LogPosition(index: next.previous, term: previousTerm), page.entries, at: place, &effects)
        if let last = page.entries.last, progress[place].state == .replicate {
            if progress[place].inflight.count == 0 { progress[place].lastAdvance = effects.now }
            progress[place].next = last.index.next
            progress[place].inflight.add(last: last.index, bytes: page.bytes)
        }
        return true
    }

    /// The leader may send before its own disk has the entries (thesis, section 10.2.1): its term is durable,
    /// and it counts itself only when they are.
    private mutating func sendAppend(
        _ previous: LogPosition, _ entries: [LogEntry], at place: Int, _ effects: inout RaftEffects
    ) {
        progress[place].lastSent = effects.now
        progress[place].sentCommit = commit
        send(
            .append(previous: previous, entries: entries, commit: commit), to: progress[place].replica,
            after: hardStateSequence, &effects)
    }

    private mutating func orderSnapshot(at place: Int, _ effects: inout RaftEffects) {
        guard let point = log.snapshotPoint(at: delivered) else { return }
        guard !isDisputed(now: effects.now) else {
            progress[place].state = .probe(isPaused: true)
            progress[place].lastSent = effects.now
            return
        }
        progress[place].state = .snapshot(point.index)
        progress[place].lastSent = effects.now
        effects.output.snapshots.append(
            SnapshotOrder(group: group, to: progress[place].replica, point: point))
    }

    /// The shell's word on a snapshot; replication goes on after it when the follower acknowledges.
    mutating func snapshotSent(to id: ReplicaID, success: Bool, now: Tick) {
        guard role == .leader, let place = progress.firstIndex(where: { $0.replica.id == id }),
            case .snapshot(let pending) = progress[place].state
        else { return }
        progress[place].becomeProbe()
        if success {
            progress[place].next = max(progress[place].next, pending.next)
        } else {
            progress[place].state = .probe(isPaused: true)
            progress[place].lastSent = now
        }
        needsFlush = true
    }

    // MARK: Answers

    mutating func receivedAppendResponse(
        _ result: RaftMessage.AppendResult, from id: ReplicaID, now: Tick, _ effects: inout RaftEffects
    ) {
        guard role == .leader, let place = progress.firstIndex(where: { $0.replica.id == id }) else { return }
        progress[place].answered(now: now)
        switch result {
        case .matched(let index):
            guard index <= log.lastIndex else { return }
            let isNews = progress[place].acknowledge(index, logStart: log.firstIndex, now: now)
            if isNews { advanceCommit(now: now, &effects) }
            orderTransferIfReady(&effects)
            needsFlush = needsFlush || (role == .leader && log.lastIndex > index)
        case .rejected(let previous, let hint):
            let match = hint.index < log.point.index ? hint : log.possibleMatch(notAfter: hint)
            if progress[place].reject(previous: previous, possibleMatch: match.index) { needsFlush = true }
        }
    }

    /// Called often: lets go again what has stood still for too long.
    mutating func retryAppends(now: Tick, _ effects: inout RaftEffects) {
        for place in progress.indices where progress[place].matched < log.lastIndex {
            let waited = now.since(progress[place].lastSent)
            switch progress[place].state {
            case .snapshot: continue
            case .probe(let isPaused):
                guard isPaused, waited >= 2 * settings.heartbeatMilliseconds else { continue }
                progress[place].state = .probe(isPaused: false)
                needsFlush = true
            case .replicate:
                let isSilent = now.since(progress[place].lastContact) > settings.electionMinMilliseconds
                // What comes before the next entry is compacted: an empty message could not say what it follows.
                if isSilent || log.term(at: progress[place].next.previous) == nil {
                    progress[place].becomeProbe()
                    needsFlush = true
                } else if now.since(progress[place].lastAdvance) >= 2 * settings.heartbeatMilliseconds,
                    waited >= 2 * settings.heartbeatMilliseconds
                {
                    // Rejected if something before it was lost, and then sent again.
                    sendEmptyAppend(at: place, &effects)
                }
            }
        }
    }

    /// Progress for everyone in the configuration, and for nobody else.
    mutating func alignProgress(now: Tick) {
        let others = configuration.everyone.filter { $0.id != replica }
        progress = others.map { other in
            progress.first { $0.replica == other }
                ?? FollowerProgress(replica: other, next: max(termStart, log.firstIndex), now: now)
        }
    }
}
