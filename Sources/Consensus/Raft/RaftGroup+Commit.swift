import Vocabulary
import Wire

// Commitment and apply (thesis, sections 3.5, 3.6.2 and 10.2.1; rules D3, D4).
extension RaftGroup {
    /// Counts who has what. An entry of an earlier term is committed only by one of this term after it.
    mutating func advanceCommit(now: Tick, _ effects: inout RaftEffects) {
        guard role == .leader else { return }
        let own = countedDurable
        let reached = LogIndex(
            configuration.quorumValue { id in
                id == replica ? own.raw : progress.first { $0.replica.id == id }?.matched.raw ?? 0
            })
        #if MUTANTS
        let isOfThisTerm = Mutant.active == .commitOldTerm || log.term(at: reached) == term
        #else
        let isOfThisTerm = log.term(at: reached) == term
        #endif
        guard reached > commit, isOfThisTerm else { return }
        raiseCommit(to: reached)
        committed(now: now, &effects)
    }

    /// What this replica counts of its own log: what is on its disk (rule D3).
    private var countedDurable: LogIndex {
        #if MUTANTS
        if Mutant.active == .leaderCountsUnsynced { return log.lastIndex }
        #endif
        return durable
    }

    mutating func raiseCommit(to index: LogIndex) {
        guard index > commit else { return }
        let isConfiguration = commit < log.configurationIndex && log.configurationIndex <= index
        // Group 0 is read on every node, and a configuration is waited for: both are told at once.
        announcesCommit = announcesCommit || group == .metadata || isConfiguration
        commit = index
        needsFlush = true
    }

    private mutating func committed(now: Tick, _ effects: inout RaftEffects) {
        releaseReads(&effects)
        guard commit >= termStart, log.configurationIndex <= commit else { return }
        if configuration.isJoint {
            leaveJoint(now: now, &effects)
        } else if !isVoter {
            stepDownRemoved(now: now, &effects)
        }
    }

    /// Hands out what is committed and durable here (rule D4): a state machine ahead of its own log would
    /// keep what a crash takes from the log.
    mutating func deliver(_ effects: inout RaftEffects) {
        #if MUTANTS
        let limit = Mutant.active == .applyBeyondDurable ? commit : min(commit, durable)
        #else
        let limit = min(commit, durable)
        #endif
        guard limit > delivered else { return }
        guard isDeliveryDue(through: limit) else {
            gatheringSince = gatheringSince ?? effects.now
            return
        }
        gatheringSince = nil
        mayGather = true
        let entries = log.slice(from: delivered.next, through: limit)
        delivered = limit
        if role == .leader {
            for entry in entries { uncommittedBytes -= min(uncommittedBytes, entry.commandBytes) }
        }
        effects.output.committed.append((group, entries))
    }

    /// Clients wait for a leader's state, and for nobody else's.
    private func isDeliveryDue(through limit: LogIndex) -> Bool {
        role == .leader || group == .metadata || !mayGather || settings.applyMilliseconds == 0
            || limit.distance(after: delivered) >= settings.applyEntriesMax
    }

    /// Hands out what is held up, or would be, at the end of the turn; false when there is nothing.
    mutating func applyNow() -> Bool {
        guard min(commit, durable) > delivered else { return false }
        mayGather = false
        needsFlush = true
        return true
    }

    // MARK: The disk

    /// A batch is durable: everything up to `last` in it, if that entry is still the one in the log. Matching
    /// by index alone would take the old write for a new entry at the same place.
    mutating func persisted(_ last: LogPosition?, now: Tick, _ effects: inout RaftEffects) {
        if let last, last.index > durable, holds(last) {
            durable = min(last.index, log.lastIndex)
            needsFlush = true
        }
        if role == .candidate && hardStateSequence <= effects.persistedSequence {
            countOwnVote(now: now, &effects)
        }
        advanceCommit(now: now, &effects)
    }

    private func holds(_ position: LogPosition) -> Bool {
        #if MUTANTS
        if Mutant.active == .fsyncByIndex { return true }
        #endif
        return log.term(at: position.index) == position.term
    }

    // MARK: Compaction and snapshots (thesis, chapter 5)

    /// Drops the log up to `index`, but not what a follower needs after the snapshot it is being sent.
    mutating func compact(through index: LogIndex, _ effects: inout RaftEffects) {
        var limit = min(index, min(applied, durable))
        #if MUTANTS
        if Mutant.active == .compactUnpersisted { limit = min(applied, durable) }
        #endif
        for case .snapshot(let pending) in progress.map(\.state) { limit = min(limit, pending) }
        guard limit > log.point.index else { return }
        log.compact(through: limit)
        effects.persist(.compacted(group: group, replica: replica, point: log.point), replica: replica)
    }

    /// The state at `point` is in the state store, durable, as `generation` (rule R5).
    mutating func install(
        generation newGeneration: UInt32, point: SnapshotPoint, now: Tick, _ effects: inout RaftEffects
    ) {
        guard point.index > delivered else { return }
        flushToLog(&effects)
        log.install(point)
        generation = newGeneration
        #if MUTANTS
        if Mutant.active != .snapshotNotRecorded {
            effects.persist(
                .snapshotApplied(group: group, replica: replica, generation: generation, point: point),
                replica: replica)
        }
        #else
        effects.persist(
            .snapshotApplied(group: group, replica: replica, generation: generation, point: point),
            replica: replica)
        #endif
        lastSequence = effects.nextSequence
        // The record empties the log on disk, so what agrees with it is written again in the same batch.
        if log.lastIndex > point.index { persistFrom = log.firstIndex }
        durable = min(max(durable, point.index), log.lastIndex)
        commit = max(commit, point.index)
        applied = point.index
        delivered = point.index
        gatheringSince = nil
        mayGather = true
        marks = StateMarks()
        timerStart = now
        needsFlush = true
        if let leader, role != .leader {
            send(.appendResponse(.matched(point.index)), to: leader, after: lastSequence, &effects)
        }
    }

    /// Writes the whole durable state again, so that older segments may go.
    mutating func restate(_ effects: inout RaftEffects) {
        flushToLog(&effects)
        let state = RecoveredReplica(
            group: group, replica: replica, hardState: HardState(term: term, vote: vote),
            generation: generation, point: log.point, entries: log.entries)
        effects.persist(.restated(state), replica: replica)
    }
}

extension LogEntry {
    fileprivate var commandBytes: Int {
        if case .command(let bytes) = payload { return bytes.count }
        return 0
    }
}
