import Vocabulary
import Wire

// Time, heartbeats and reads (rules L1 to L4, Q1; thesis, sections 6.2 and 6.4).
extension RaftGroup {
    /// - Parameter leaderSuspected: since when gossip suspects the leader that this replica follows; `nil`: it does not.
    mutating func tick(now: Tick, walAge: UInt64, leaderSuspected: Tick?, _ effects: inout RaftEffects) {
        if isDiverged { return }
        if role == .leader {
            tickLeader(now: now, walAge: walAge, &effects)
        } else if walAge < settings.electionMinMilliseconds {
            if isElectionDue(now) {
                campaign(isTransfer: false, now: now, &effects)
            } else if mayHasten(leaderSuspected, now) {
                campaign(isTransfer: false, now: now, &effects)
                // Whoever does not suspect yet gives no answer: asked again when all had their turn.
                let turns = UInt64(configuration.voters.count + 1)
                if role == .preCandidate {
                    electionTimeout = min(electionTimeout, settings.suspicionTurnMilliseconds * turns)
                }
            }
        }
    }

    private func isElectionDue(_ now: Tick) -> Bool {
        if now.since(timerStart) >= electionTimeout { return true }
        // Nobody to wait for.
        return role == .follower && configuration.voters.count == 1
            && configuration.hasQuorum { $0 == replica }
    }

    /// Rule L3.
    private func mayHasten(_ leaderSuspected: Tick?, _ now: Tick) -> Bool {
        guard role == .follower, let leaderSuspected, let leader else { return false }
        // From when there are both suspicion and silence; the others come to suspect before the first turn.
        let start = max(leaderSuspected, lastHeard + settings.suspicionSilenceMilliseconds)
        let first = start + settings.suspicionTurnMilliseconds
        return now >= first && now >= first + settings.suspicionTurnMilliseconds * turn(after: leader)
    }

    /// The voters learn of a killed process together: they campaign one after the other, or they would split the vote.
    /// Each group has another order, so that what one node led is spread over the others, and over their loops, to which
    /// the groups are dealt by their numbers.
    private func turn(after leader: Replica) -> UInt64 {
        let heirs = Set(configuration.voters + configuration.outgoing).subtracting([leader]).sorted()
        guard let place = heirs.firstIndex(where: { $0.id == replica }) else { return UInt64(heirs.count) }
        // Fibonacci hashing (Knuth, volume 3, section 6.4).
        let mixed = (UInt64(group.raw) &* 0x9E37_79B9_7F4A_7C15) >> 48
        return (UInt64(place) + mixed) % UInt64(heirs.count)
    }

    private mutating func tickLeader(now: Tick, walAge: UInt64, _ effects: inout RaftEffects) {
        // Rule L4: a leader that cannot write is none, whatever its heartbeats say.
        if walAge > settings.electionMaxMilliseconds || hasLostQuorum(now: now) {
            return becomeFollower(term: term, leader: nil, now: now, &effects)
        }
        if let transfer, now >= transfer.deadline { self.transfer = nil }
        retryAppends(now: now, &effects)
    }

    /// CheckQuorum: no quorum has answered for an election timeout.
    private func hasLostQuorum(now: Tick) -> Bool {
        #if MUTANTS
        if Mutant.active == .checkQuorumOff { return false }
        #endif
        return !configuration.hasQuorum { id in
            if id == replica { return true }
            guard let follower = progress.first(where: { $0.replica.id == id }) else { return false }
            return now.since(follower.lastContact) <= settings.electionMinMilliseconds
        }
    }

    // MARK: Heartbeats

    /// A line for each follower; a round that a read started goes to the voters that have not confirmed it.
    func heartbeats(forReads: Bool, _ body: (NodeID, PairHeartbeat.Entry) -> Void) {
        guard role == .leader else { return }
        let wanted = reads.last?.sequence ?? 0
        for follower in progress {
            #if MUTANTS
            let commit = Mutant.active == .heartbeatCommitsAll ? commit : min(commit, follower.matched)
            #else
            let commit = min(commit, follower.matched)
            #endif
            if forReads && (follower.confirmedRead >= wanted || !configuration.isVoter(follower.replica.id)) {
                continue
            }
            body(
                follower.replica.node,
                PairHeartbeat.Entry(
                    group: group, from: replica, to: follower.replica.id, term: term, commit: commit,
                    reportThrough: forReads || follower.marks.last >= marks.last ? .zero : marks.last,
                    verdict: follower.verdict))
        }
    }

    /// The follower's answer: `nil` when it follows, else the term to tell (zero: nothing to tell).
    mutating func receivedHeartbeat(
        _ entry: PairHeartbeat.Entry, walAge: UInt64, from node: NodeID, now: Tick,
        _ effects: inout RaftEffects
    ) -> Term? {
        guard entry.to == replica, !isDiverged else { return .zero }
        let sender = Replica(node: node, id: entry.from)
        if entry.term < term { return hardStateSequence <= effects.persistedSequence ? term : .zero }
        if entry.term > term || role == .preCandidate || role == .candidate {
            becomeFollower(term: entry.term, leader: sender, now: now, &effects)
        }
        guard role == .follower else { return .zero }
        // Rule L4: a leader whose disk stands still is not heard.
        guard walAge <= settings.electionMaxMilliseconds else { return .zero }
        follow(sender, now: now)
        if entry.commit > log.lastIndex {
            lostEntries(upTo: entry.commit, &effects)
            return .zero
        }
        raiseCommit(to: entry.commit)
        if let verdict = entry.verdict { receivedVerdict(verdict, &effects) }
        if isDiverged { return .zero }
        return hardStateSequence <= effects.persistedSequence ? nil : .zero
    }

    /// A follower has confirmed a round that carried reads up to `readSequence`.
    mutating func heartbeatConfirmed(
        by id: ReplicaID, term heartbeatTerm: Term, readSequence: UInt64, now: Tick,
        _ effects: inout RaftEffects
    ) {
        guard role == .leader, heartbeatTerm == term,
            let place = progress.firstIndex(where: { $0.replica.id == id })
        else { return }
        progress[place].answered(now: now)
        progress[place].confirmedRead = max(progress[place].confirmedRead, readSequence)
        if !reads.isEmpty { releaseReads(&effects) }
    }

    // MARK: Reads

    /// Registers a read; a round that starts after this confirms it.
    mutating func read(token: UInt64, _ effects: inout RaftEffects) -> Bool {
        guard role == .leader else { return false }
        readSequence += 1
        #if MUTANTS
        if Mutant.active == .readRoundReused { readSequence -= 1 }
        let index = Mutant.active == .readBeforeNoop ? commit : max(commit, termStart)
        #else
        let index = max(commit, termStart)
        #endif
        reads.append(PendingRead(token: token, sequence: readSequence, index: index))
        releaseReads(&effects)
        return true
    }

    /// Releases what a quorum has confirmed, once this term has a committed entry: only then does the leader
    /// know what was committed before it.
    mutating func releaseReads(_ effects: inout RaftEffects) {
        #if MUTANTS
        guard !reads.isEmpty, commit >= termStart || Mutant.active == .readBeforeNoop else { return }
        #else
        guard !reads.isEmpty, commit >= termStart else { return }
        #endif
        let confirmed = configuration.quorumValue { id in
            id == replica ? readSequence : progress.first { $0.replica.id == id }?.confirmedRead ?? 0
        }
        var released = 0
        while released < reads.count, reads[released].sequence <= confirmed {
            effects.output.reads.append(
                ReadReady(token: reads[released].token, group: group, index: reads[released].index))
            released += 1
        }
        if released > 0 { reads.removeFirst(released) }
    }

    // MARK: Status

    func status(now: Tick) -> RaftStatus {
        RaftStatus(
            group: group, replica: replica, role: role, term: term, leader: leader?.node, commit: commit,
            applied: applied, durable: durable, firstIndex: log.firstIndex, lastIndex: log.lastIndex,
            generation: generation, configuration: configuration,
            isConfigurationInFlight: isConfigurationInFlight, progress: replicaProgress(now: now))
    }

    private func replicaProgress(now: Tick) -> [ReplicaProgress] {
        guard role == .leader else { return [] }
        let own = ReplicaProgress(
            replica: Replica(node: node, id: replica), matched: durable, state: .replicate, lag: 0,
            isResponsive: true)
        let others = progress.map { follower in
            let state: ReplicaProgress.State =
                switch follower.state {
                case .probe: .probe
                case .replicate: .replicate
                case .snapshot: .snapshot
                }
            return ReplicaProgress(
                replica: follower.replica, matched: follower.matched, state: state,
                lag: log.lastIndex.distance(after: follower.matched),
                isResponsive: follower.hasAnswered
                    && now.since(follower.lastContact) <= settings.suspicionSilenceMilliseconds)
        }
        return ([own] + others).sorted { $0.replica < $1.replica }
    }
}
