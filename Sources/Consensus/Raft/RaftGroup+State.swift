import Vocabulary
import Wire

// Comparing what replicas made of the same log (rule R4). Every replica notes its digest at the same indices; the
// leader asks for them in its heartbeats and judges by the majority of voters, itself among them.
extension RaftGroup {
    /// This replica had `mark.digest` when it had applied exactly up to `mark.index`.
    mutating func noteState(_ mark: StateMark, _ effects: inout RaftEffects) {
        marks.note(mark)
        judge(at: mark, &effects)
    }

    /// A follower had this state; in the term of the round that asked.
    mutating func stateReported(
        _ mark: StateMark, by id: ReplicaID, term asked: Term, _ effects: inout RaftEffects
    ) {
        guard role == .leader, asked == term, !isDiverged,
            let place = progress.firstIndex(where: { $0.replica.id == id })
        else { return }
        progress[place].marks.note(mark)
        guard let own = marks.mark(at: mark.index) else { return }
        judge(at: own, &effects)
    }

    /// The leader says that this replica's state is not what it must be.
    mutating func receivedVerdict(_ verdict: StateVerdict, _ effects: inout RaftEffects) {
        guard let own = marks.mark(at: verdict.mark.index), own != verdict.mark else { return }
        diverged(verdict, own: own, &effects)
    }

    // MARK: The leader's judgement

    private mutating func judge(at own: StateMark, _ effects: inout RaftEffects) {
        guard role == .leader, !isDiverged else { return }
        let verdict = verdict(at: own)
        if let verdict, verdict.mark != own {
            diverged(verdict, own: own, &effects)
            return becomeFollower(term: term, leader: nil, now: effects.now, &effects)
        }
        for place in progress.indices {
            guard let theirs = progress[place].marks.mark(at: own.index) else { continue }
            if theirs == own {
                progress[place].disputed = .zero
            } else if let verdict {
                progress[place].verdict = verdict
            } else if progress[place].disputed < own.index {
                progress[place].disputed = own.index
                effects.output.disputes.append(
                    StateDispute(
                        group: group, own: own, other: progress[place].replica, theirs: theirs.digest))
            }
        }
    }

    /// What counts at the index of `own`, this leader's mark; `nil` while voters who have not said theirs can decide.
    private func verdict(at own: StateMark) -> StateVerdict? {
        #if MUTANTS
        if Mutant.active == .divergenceByLeader { return StateVerdict(mark: own, isByMajority: false) }
        #endif
        func digest(of id: ReplicaID) -> StateDigest? {
            if id == replica { return own.digest }
            return progress.first { $0.replica.id == id }?.marks.mark(at: own.index)?.digest
        }
        let digests = Set([own.digest] + progress.compactMap { $0.marks.mark(at: own.index)?.digest })
        if let agreed = digests.first(where: { known in configuration.hasQuorum { digest(of: $0) == known } })
        {
            return StateVerdict(mark: StateMark(index: own.index, digest: agreed), isByMajority: true)
        }
        let mayAgree = digests.contains { known in
            configuration.hasQuorum { id in digest(of: id).map { $0 == known } ?? true }
        }
        return mayAgree ? nil : StateVerdict(mark: own, isByMajority: false)
    }

    /// True while a voter that lives has another state than this leader, and nobody has decided who is right. A
    /// snapshot of the wrong one would make a majority of it.
    func isDisputed(now: Tick) -> Bool {
        progress.contains { follower in
            follower.disputed > .zero && follower.verdict == nil && isVoter(follower.replica)
                && now.since(follower.lastContact) <= settings.electionMinMilliseconds
        }
    }

    private func isVoter(_ replica: Replica) -> Bool { configuration.isVoter(replica.id) }

    // MARK: What ends a replica

    /// The same committed entries led to another state: nothing that this replica says can be trusted.
    private mutating func diverged(
        _ verdict: StateVerdict, own: StateMark, _ effects: inout RaftEffects
    ) {
        isDiverged = true
        effects.output.divergences.append(
            StateDivergence(
                group: group, index: own.index, own: own.digest, expected: verdict.mark.digest,
                isByMajority: verdict.isByMajority))
    }

    /// The leader of this term counts this replica for an entry that is not here. A replica gives up nothing in a
    /// term that it has acknowledged in it, so the disk was set back (rule M4), and no other promise holds either.
    mutating func lostEntries(upTo acknowledged: LogIndex, _ effects: inout RaftEffects) {
        isDiverged = true
        effects.output.lostLogs.append(
            LostLog(group: group, last: log.lastIndex, acknowledged: acknowledged))
    }
}

/// The digests that one replica noted last, ascending: as many as others may be behind and still be compared.
struct StateMarks: Sendable {
    private static let countMax = 8
    private var marks: [StateMark] = []

    var last: LogIndex { marks.last?.index ?? .zero }

    mutating func note(_ mark: StateMark) {
        guard mark.index > last else { return }
        marks.append(mark)
        if marks.count > Self.countMax { marks.removeFirst() }
    }

    func mark(at index: LogIndex) -> StateMark? { marks.last { $0.index == index } }
    func latest(through index: LogIndex) -> StateMark? { marks.last { $0.index <= index } }
}
