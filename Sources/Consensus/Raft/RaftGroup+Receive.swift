import Vocabulary
import Wire

// The rules for every message (thesis, figure 3.1 "all servers"), then one case each.
extension RaftGroup {
    /// - Parameter isSuspect: gossip suspects the leader that this replica follows.
    mutating func receive(
        _ message: RaftMessage, from node: NodeID, isSuspect: Bool, now: Tick, _ effects: inout RaftEffects
    ) {
        // Rule M3: what was meant for another incarnation is not for this one.
        guard message.to == replica || Self.takesAll, !isDiverged else { return }
        switch message.body {
        case .preVote(let last):
            receivedPreVote(message, last: last, from: node, isSuspect: isSuspect, now: now, &effects)
        case .vote(let last, let isTransfer):
            receivedVote(
                message, last: last, isTransfer: isTransfer, from: node, isSuspect: isSuspect, now: now,
                &effects)
        case .preVoteResponse(true):
            receivedVoteResponse(message, isGranted: true, isPreVote: true, now: now, &effects)
        case .append(let previous, let entries, let commit):
            receivedAppend(
                message, previous: previous, entries: entries, commit: commit,
                from: Replica(node: node, id: message.from), now: now, &effects)
        default:
            guard followTerm(of: message, now: now, &effects) else { return }
            receivedAtTerm(message, now: now, &effects)
        }
    }

    private static var takesAll: Bool {
        #if MUTANTS
        return Mutant.active == .staleReplicaAccepted
        #else
        return false
        #endif
    }

    /// Steps down for a higher term. False when the message's term is over.
    private mutating func followTerm(
        of message: RaftMessage, now: Tick, _ effects: inout RaftEffects
    ) -> Bool {
        if message.term > term {
            becomeFollower(term: message.term, leader: nil, now: now, &effects)
        }
        return message.term == term
    }

    private mutating func receivedAtTerm(
        _ message: RaftMessage, now: Tick, _ effects: inout RaftEffects
    ) {
        switch message.body {
        case .preVoteResponse(let isGranted):
            receivedVoteResponse(message, isGranted: isGranted, isPreVote: true, now: now, &effects)
        case .voteResponse(let isGranted):
            receivedVoteResponse(message, isGranted: isGranted, isPreVote: false, now: now, &effects)
        case .appendResponse(let result):
            receivedAppendResponse(result, from: message.from, now: now, &effects)
        case .timeoutNow:
            if role == .follower && leader?.id == message.from {
                campaign(isTransfer: true, now: now, &effects)
            }
        case .preVote, .vote, .append: break
        }
    }

    // MARK: The follower's log (thesis, section 3.5)

    private mutating func receivedAppend(
        _ message: RaftMessage, previous: LogPosition, entries: [LogEntry], commit leaderCommit: LogIndex,
        from sender: Replica, now: Tick, _ effects: inout RaftEffects
    ) {
        if message.term < term {
            // Tells a leader of a former term that it is one, and lets a stuck replica of a higher term be
            // heard.
            return reject(previous, to: sender, &effects)
        }
        // Two leaders in one term cannot be; a message that claims it is not worth believing.
        guard role != .leader || message.term > term, Self.areConsecutive(entries, after: previous) else {
            return
        }
        if message.term > term || role != .follower {
            becomeFollower(term: message.term, leader: sender, now: now, &effects)
        }
        follow(sender, now: now)
        accept(entries[...], after: previous, commit: leaderCommit, from: sender, &effects)
    }

    /// The leader of this term was heard.
    mutating func follow(_ sender: Replica, now: Tick) {
        if leader != sender {
            leader = sender
            needsFlush = true
            // The haste of a campaign that failed is over (rule L2).
            electionTimeout = max(electionTimeout, settings.electionMinMilliseconds)
        }
        timerStart = now
        lastHeard = now
    }

    private static func areConsecutive(_ entries: [LogEntry], after previous: LogPosition) -> Bool {
        var last = previous
        for entry in entries {
            guard entry.index == last.index.next, entry.term >= last.term else { return false }
            last = LogPosition(index: entry.index, term: entry.term)
        }
        return true
    }

    private mutating func accept(
        _ entries: ArraySlice<LogEntry>, after previous: LogPosition, commit leaderCommit: LogIndex,
        from sender: Replica, _ effects: inout RaftEffects
    ) {
        // What is committed here agrees with every later leader, so only what follows it is looked at.
        let isCovered = previous.index < commit
        guard isCovered || log.term(at: previous.index) == previous.term else {
            return reject(previous, to: sender, &effects)
        }
        let last = max(entries.last?.index ?? previous.index, isCovered ? commit : .zero)
        append(entries.drop { $0.index <= commit }, &effects)
        // Rule D3: acknowledged when durable; the batch of the last change covers all before it.
        #if MUTANTS
        let lastSequence = Mutant.active == .ackBeforeFsync ? 0 : self.lastSequence
        #endif
        send(.appendResponse(.matched(last)), to: sender, after: lastSequence, &effects)
        raiseCommit(to: min(leaderCommit, last))
    }

    private mutating func append(_ entries: ArraySlice<LogEntry>, _ effects: inout RaftEffects) {
        #if MUTANTS
        if Mutant.active == .appendTruncates, let last = entries.last, last.index < log.lastIndex {
            truncate(from: last.index.next, &effects)
        }
        #endif
        guard let conflict = entries.first(where: { log.term(at: $0.index) != $0.term }) else { return }
        if conflict.index <= log.lastIndex { truncate(from: conflict.index, &effects) }
        for entry in entries where entry.index >= conflict.index { appendToLog(entry, &effects) }
    }

    private mutating func truncate(from index: LogIndex, _ effects: inout RaftEffects) {
        precondition(
            index > commit, "group \(group): a leader replaces entry \(index), committed is \(commit)")
        log.truncate(from: index)
        durable = min(durable, index.previous)
        if let first = persistFrom, first > index { persistFrom = index }
        effects.voidAcknowledgements(of: group, by: replica, from: index)
    }

    private func reject(_ previous: LogPosition, to sender: Replica, _ effects: inout RaftEffects) {
        let hint = log.possibleMatch(notAfter: previous)
        send(
            .appendResponse(.rejected(previous: previous.index, hint: hint)), to: sender,
            after: hardStateSequence, &effects)
    }
}
