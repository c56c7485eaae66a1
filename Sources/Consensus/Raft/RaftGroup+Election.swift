import Vocabulary
import Wire

// Terms, votes and roles (thesis, sections 3.3, 3.4, 3.6.1; PreVote and CheckQuorum: 9.6, 6.2; rule L2).
extension RaftGroup {
    /// Goes to `newTerm`, or stays in its term, as a follower.
    mutating func becomeFollower(
        term newTerm: Term, leader newLeader: Replica?, now: Tick, _ effects: inout RaftEffects
    ) {
        if role == .leader { loseLeadership(&effects) }
        if newTerm > term {
            term = newTerm
            vote = .none
            markHardState(&effects)
        }
        role = .follower
        leader = newLeader
        granted = []
        refused = []
        timerStart = now
        drawTimeout(&effects)
        needsFlush = true
    }

    private mutating func loseLeadership(_ effects: inout RaftEffects) {
        progress = []
        transfer = nil
        for read in reads {
            effects.output.reads.append(ReadReady(token: read.token, group: group, index: nil))
        }
        reads = []
        let first = max(commit.next, termStart)
        guard first <= log.lastIndex else { return }
        effects.output.failedProposals.append(
            FailedProposals(group: group, term: term, indices: first...log.lastIndex))
    }

    // MARK: Campaigning

    /// - Parameter isTransfer: the leader asked for it: no PreVote, and voters do not stick to that leader.
    mutating func campaign(isTransfer: Bool, now: Tick, _ effects: inout RaftEffects) {
        guard mayCampaign else { return }
        isTransferElection = isTransfer
        let isAlone = configuration.hasQuorum { $0 == replica }
        #if MUTANTS
        let isPreVoteOff = Mutant.active == .prevoteOff
        #else
        let isPreVoteOff = false
        #endif
        if isTransfer || isAlone || isPreVoteOff {
            becomeCandidate(now: now, &effects)
        } else {
            becomePreCandidate(now: now, &effects)
        }
    }

    /// A voter of the configuration in force, or of the committed one: whoever is left out by a change that is not
    /// committed may be the only one with enough log to be elected, and must finish it (thesis, section 4.2.2).
    private var mayCampaign: Bool { isVoter || log.configuration(at: commit).isVoter(replica) }

    private mutating func becomePreCandidate(now: Tick, _ effects: inout RaftEffects) {
        role = .preCandidate
        leader = nil
        granted = [replica]
        refused = []
        timerStart = now
        drawTimeout(&effects)
        needsFlush = true
        askForVotes(.preVote(last: log.last), at: term.next, &effects)
    }

    private mutating func becomeCandidate(now: Tick, _ effects: inout RaftEffects) {
        role = .candidate
        leader = nil
        term = term.next
        vote = replica
        // Its own vote counts once it is durable (rule D2).
        granted = []
        refused = []
        timerStart = now
        drawTimeout(&effects)
        markHardState(&effects)
        askForVotes(.vote(last: log.last, isTransfer: isTransferElection), at: term, &effects)
    }

    private func askForVotes(_ body: RaftMessage.Body, at term: Term, _ effects: inout RaftEffects) {
        let configuration = configuration
        #if MUTANTS
        let hardStateSequence = Mutant.active == .candidacyBeforeFsync ? 0 : self.hardStateSequence
        #endif
        for voter in configuration.everyone where voter.id != replica && configuration.isVoter(voter.id) {
            send(body, at: term, to: voter, after: hardStateSequence, &effects)
        }
    }

    /// The candidacy became durable.
    mutating func countOwnVote(now: Tick, _ effects: inout RaftEffects) {
        guard role == .candidate, !granted.contains(replica) else { return }
        granted.append(replica)
        tallyVotes(now: now, &effects)
    }

    private mutating func tallyVotes(now: Tick, _ effects: inout RaftEffects) {
        let configuration = configuration
        if configuration.hasQuorum({ granted.contains($0) }) {
            if role == .preCandidate {
                becomeCandidate(now: now, &effects)
            } else {
                becomeLeader(now: now, &effects)
            }
        } else if !configuration.hasQuorum({ !refused.contains($0) }) {
            becomeFollower(term: term, leader: nil, now: now, &effects)
            // A split vote is tried again sooner: PreVote keeps it from disturbing anybody.
            electionTimeout = electionTimeout / 4
        }
    }

    private mutating func becomeLeader(now: Tick, _ effects: inout RaftEffects) {
        role = .leader
        leader = Replica(node: node, id: replica)
        uncommittedBytes = 0
        reads = []
        progress = []
        termStart = log.lastIndex.next
        #if MUTANTS
        if Mutant.active == .noNoop { termStart = log.lastIndex }
        #endif
        if termStart > log.lastIndex {
            appendToLog(LogEntry(index: termStart, term: term, payload: .empty), &effects)
        }
        alignProgress(now: now)
        needsFlush = true
    }

    // MARK: Answering

    mutating func receivedPreVote(
        _ message: RaftMessage, last: LogPosition, from node: NodeID, isSuspect: Bool, now: Tick,
        _ effects: inout RaftEffects
    ) {
        let candidate = Replica(node: node, id: message.from)
        if message.term < term {
            return send(.preVoteResponse(isGranted: false), to: candidate, after: hardStateSequence, &effects)
        }
        if stickToLeader(isSuspect: isSuspect, now: now) { return }
        let isFree = message.term > term || vote == message.from || (vote == .none && leader == nil)
        #if MUTANTS
        var isGranted = isFree && last.isUpToDate(with: log.last)
        if Mutant.active == .voteIgnoresLog { isGranted = isFree }
        if Mutant.active == .learnerRefusesVote && !isVoter { isGranted = false }
        #else
        let isGranted = isFree && last.isUpToDate(with: log.last)
        #endif
        send(
            .preVoteResponse(isGranted: isGranted), at: isGranted ? message.term : term, to: candidate,
            after: hardStateSequence, &effects)
    }

    mutating func receivedVote(
        _ message: RaftMessage, last: LogPosition, isTransfer: Bool, from node: NodeID, isSuspect: Bool,
        now: Tick, _ effects: inout RaftEffects
    ) {
        let candidate = Replica(node: node, id: message.from)
        if message.term > term {
            if !isTransfer && stickToLeader(isSuspect: isSuspect, now: now) { return }
            becomeFollower(term: message.term, leader: nil, now: now, &effects)
        }
        // A replica whose configuration does not name it votes too: the configuration may be stale.
        let isFree = vote == message.from || (vote == .none && leader == nil)
        #if MUTANTS
        var isGranted = message.term == term && isFree && last.isUpToDate(with: log.last)
        if Mutant.active == .voteIgnoresLog { isGranted = message.term == term && isFree }
        if Mutant.active == .learnerRefusesVote && !isVoter { isGranted = false }
        #else
        let isGranted = message.term == term && isFree && last.isUpToDate(with: log.last)
        #endif
        if isGranted && vote != message.from {
            vote = message.from
            timerStart = now
            markHardState(&effects)
        }
        #if MUTANTS
        let hardStateSequence = Mutant.active == .voteBeforeFsync ? 0 : self.hardStateSequence
        #endif
        send(
            .voteResponse(isGranted: isGranted), to: candidate, after: hardStateSequence, &effects)
    }

    /// A replica that hears its leader helps nobody to depose it (thesis, section 4.2.3), unless gossip
    /// suspects that leader and it has been silent (rule L3).
    private func stickToLeader(isSuspect: Bool, now: Tick) -> Bool {
        #if MUTANTS
        if Mutant.active == .stickinessOff { return false }
        #endif
        guard leader != nil else { return false }
        if role == .leader { return true }
        let silence = now.since(lastHeard)
        if isSuspect && silence >= settings.suspicionSilenceMilliseconds { return false }
        return silence < settings.electionMinMilliseconds
    }

    mutating func receivedVoteResponse(
        _ message: RaftMessage, isGranted: Bool, isPreVote: Bool, now: Tick, _ effects: inout RaftEffects
    ) {
        let isAwaited = isPreVote ? role == .preCandidate : role == .candidate
        guard isAwaited else { return }
        if isGranted {
            guard message.term == (isPreVote ? term.next : term), !granted.contains(message.from) else {
                return
            }
            granted.append(message.from)
        } else if !refused.contains(message.from) {
            refused.append(message.from)
        }
        tallyVotes(now: now, &effects)
    }
}
