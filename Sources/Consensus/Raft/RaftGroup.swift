import Vocabulary
import Wire

/// The Raft machine of one replica (Ongaro's thesis, chapters 3, 4, 6.4, 9.6 and 10.2.1).
///
/// A value: facts come in as calls, orders go out through `RaftEffects`. Entries are persisted, sent and
/// handed out for apply in `flush`, once per turn, so that what arrived together travels together.
///
/// follower -> preCandidate (silence) -> candidate (a quorum would vote for it) -> leader (a quorum has
/// voted, itself included once its vote is durable); any role -> follower on a higher term; leader ->
/// follower when it has lost contact with a quorum, its disk stalls, or it is no longer a voter.
struct RaftGroup: Sendable {
    let group: GroupID
    let node: NodeID
    let replica: ReplicaID
    let settings: RaftSettings

    var role: RaftRole = .follower
    var term: Term
    var vote: ReplicaID
    var leader: Replica?
    var log: RaftLog
    var generation: UInt32

    var commit: LogIndex
    var applied: LogIndex
    /// Handed out for apply.
    var delivered: LogIndex
    /// Since when there has been something to hand out that a follower lets gather.
    var gatheringSince: Tick?
    var mayGather = true
    /// Durable here; what this replica counts of itself (rule D3).
    var durable: LogIndex

    /// The batch after which the term and vote are durable, and the one after which everything is.
    var hardStateSequence: UInt64 = 0
    var lastSequence: UInt64 = 0
    var hardStateIsDirty = false
    /// The first entry that is in no batch yet.
    var persistFrom: LogIndex?

    // Elections.
    var granted: [ReplicaID] = []
    var refused: [ReplicaID] = []
    var timerStart: Tick
    var electionTimeout: UInt64
    /// When the leader of this term was last heard.
    var lastHeard: Tick
    var isTransferElection = false

    // Leading.
    var progress: [FollowerProgress] = []
    /// The index of the entry that opened this leader's term.
    var termStart: LogIndex = .zero
    var uncommittedBytes = 0
    var transfer: LeadershipTransfer?
    var announcesCommit = false
    var reads: [PendingRead] = []
    var readSequence: UInt64 = 0

    // Comparing states (rule R4).
    var marks = StateMarks()
    /// The state here is not what the log says, or the log is not what it was: neither votes nor acknowledges any more.
    var isDiverged = false

    var needsFlush = false
    var isQueued = false
    var isBuried = false
    private var reported: LeadershipChange?

    init(
        _ recovered: RecoveredReplica, node: NodeID, applied: LogIndex, settings: RaftSettings, now: Tick,
        effects: inout RaftEffects
    ) {
        group = recovered.group
        replica = recovered.replica
        self.node = node
        self.settings = settings
        term = recovered.hardState.term
        vote = recovered.hardState.vote
        generation = recovered.generation
        log = RaftLog(point: recovered.point, entries: recovered.entries)
        let applied = max(applied, recovered.point.index)
        precondition(
            applied <= log.lastIndex,
            "group \(recovered.group): the state is at \(applied), beyond its log's end \(log.lastIndex)")
        self.applied = applied
        commit = applied
        delivered = applied
        durable = log.lastIndex
        timerStart = now
        lastHeard = now
        electionTimeout = 0
        drawTimeout(&effects)
    }

    var configuration: Configuration { log.configuration }
    var isVoter: Bool { configuration.isVoter(replica) }

    var isConfigurationInFlight: Bool { log.configurationIndex > commit || configuration.isJoint }

    func leadershipChange() -> LeadershipChange {
        LeadershipChange(group: group, role: role, term: term, leader: leader?.node)
    }

    // MARK: The end of a turn

    /// Persists what is new, hands out what may be applied, sends what followers lack.
    mutating func flush(_ effects: inout RaftEffects) {
        needsFlush = false
        guard !isBuried else { return }
        flushToLog(&effects)
        deliver(&effects)
        if role == .leader { sendAppends(&effects) }
        let change = leadershipChange()
        if change != reported {
            reported = change
            effects.output.leadership.append(change)
        }
    }

    mutating func flushToLog(_ effects: inout RaftEffects) {
        if hardStateIsDirty {
            hardStateIsDirty = false
            #if MUTANTS
            let state = HardState(term: term, vote: Mutant.active == .voteNotPersisted ? .none : vote)
            #else
            let state = HardState(term: term, vote: vote)
            #endif
            effects.persist(.hardState(group: group, replica: replica, state), replica: replica)
        }
        if let first = persistFrom {
            persistFrom = nil
            let entries = log.slice(from: first, through: log.lastIndex)
            effects.persist(
                .entries(group: group, replica: replica, entries), replica: replica, last: log.last)
        }
    }

    // MARK: Helpers of every chapter

    /// The term or vote changed: nothing that tells of it leaves before it is durable (rule D2).
    mutating func markHardState(_ effects: inout RaftEffects) {
        hardStateIsDirty = true
        needsFlush = true
        hardStateSequence = effects.nextSequence
        lastSequence = effects.nextSequence
    }

    mutating func appendToLog(_ entry: LogEntry, _ effects: inout RaftEffects) {
        log.append(entry)
        if persistFrom == nil { persistFrom = entry.index }
        needsFlush = true
        lastSequence = effects.nextSequence
    }

    func send(
        _ body: RaftMessage.Body, at messageTerm: Term? = nil, to other: Replica, after sequence: UInt64,
        _ effects: inout RaftEffects
    ) {
        effects.send(
            RaftMessage(group: group, from: replica, to: other.id, term: messageTerm ?? term, body: body),
            to: other.node, after: sequence)
    }

    mutating func drawTimeout(_ effects: inout RaftEffects) {
        electionTimeout = UInt64.random(
            in: settings.electionMinMilliseconds...settings.electionMaxMilliseconds, using: &effects.generator
        )
    }
}

/// A hand-over that is under way (thesis, section 3.10).
struct LeadershipTransfer: Sendable {
    var to: Replica
    var deadline: Tick
    var isOrdered = false
}

/// A read that waits for a heartbeat round that started after it arrived (rule Q1).
struct PendingRead: Sendable {
    var token: UInt64
    var sequence: UInt64
    /// The commit index when it arrived, or the entry that opened the term if that is later.
    var index: LogIndex
}
