import Chat
import Consensus
import Placement
import Vocabulary
import Wire

/// Judges every step of a simulation from outside (research 2.6). It knows what each replica has said, what
/// the disks confirmed and what was committed first, and holds everybody to it.
final class InvariantChecker {
    struct ReplicaKey: Hashable {
        var group: GroupID
        var replica: ReplicaID
    }

    private struct TermKey: Hashable {
        var group: GroupID
        var term: Term
    }

    private struct VoteKey: Hashable {
        var voter: ReplicaKey
        var term: Term
    }

    /// What was handed out for apply first at an index.
    private struct Committed {
        var entry: LogEntry
        /// The highest term that it can have been committed in.
        var term: Term
        var stateHash: UInt64
    }

    private(set) var violations: [String] = []
    private var leaders: [TermKey: ReplicaID] = [:]
    private var votes: [VoteKey: ReplicaID] = [:]
    private var termsSaid: [ReplicaKey: Term] = [:]
    private var acknowledged: [ReplicaKey: LogIndex] = [:]
    private var durable: [ReplicaKey: DurableLog] = [:]
    private var created: Set<ReplicaKey> = []
    /// Replicas whose burial is on a disk.
    private var buried: Set<ReplicaKey> = []
    private var observed: [ReplicaKey: (term: Term, commit: LogIndex)] = [:]
    private var committed: [GroupID: [Committed]] = [:]
    private var configurations = ConfigurationChecker()
    private var members = MetadataChecker()
    private(set) var model = ConversationModel()
    /// Judges what clients see; it hears of every entry once.
    var chat: ChatChecker?

    func fail(_ text: String) { violations.append(text) }

    /// Group 0's state after its last committed entry.
    var metadata: ClusterMetadata { members.state }

    // MARK: What replicas say

    func sent(_ message: RaftMessage) {
        let sender = ReplicaKey(group: message.group, replica: message.from)
        switch message.body {
        case .preVote, .preVoteResponse(true): return
        case .vote: voted(sender, message.term, for: message.from)
        case .voteResponse(true): voted(sender, message.term, for: message.to)
        case .appendResponse(.matched(let index)):
            acknowledged[sender] = max(acknowledged[sender] ?? .zero, index)
        default: break
        }
        termsSaid[sender] = max(termsSaid[sender] ?? .zero, message.term)
    }

    /// I8: one vote per term, restarts or not.
    private func voted(_ voter: ReplicaKey, _ term: Term, for candidate: ReplicaID) {
        let key = VoteKey(voter: voter, term: term)
        if let earlier = votes[key], earlier != candidate {
            fail(
                "group \(voter.group): replica \(voter.replica) voted for \(earlier) and \(candidate) in "
                    + "term \(term) (I8)")
        }
        votes[key] = candidate
    }

    /// I1: one leader per term. I3: it has everything that was committed in earlier terms.
    ///
    /// - Parameter firstIndex: of its log. What is before the compaction point in front of it was compared when it was
    ///   applied (I4).
    func elected(
        _ replica: ReplicaID, group: GroupID, term: Term, firstIndex: LogIndex, termAt: (LogIndex) -> Term?
    ) {
        let key = TermKey(group: group, term: term)
        if let other = leaders[key], other != replica {
            fail("group \(group): \(other) and \(replica) both lead term \(term) (I1)")
        }
        leaders[key] = replica
        guard let last = committed[group]?.last(where: { $0.term < term }) else { return }
        if last.entry.index.next >= firstIndex && termAt(last.entry.index) != last.entry.term {
            fail(
                "group \(group): \(replica) leads term \(term) without the committed entry "
                    + "\(last.entry.index) of term \(last.entry.term) (I3)")
        }
    }

    /// I5: terms and commit indices only grow.
    func observe(_ raft: MultiRaft, groups: some Collection<GroupID>) {
        for group in groups {
            guard let place = raft.position(of: group) else { continue }
            let key = ReplicaKey(group: group, replica: place.replica)
            if let before = observed[key], before.term > place.term || before.commit > place.commit {
                fail("group \(group): replica \(place.replica) goes back to \(place) from \(before) (I5)")
            }
            observed[key] = (place.term, place.commit)
        }
    }

    // MARK: Disks

    /// A replica comes to be. One that was here already has been lost.
    func creating(group: GroupID, replica: ReplicaID, configuration: Configuration) {
        if created.contains(ReplicaKey(group: group, replica: replica)) {
            fail("group \(group): replica \(replica) begins anew: its log was lost (I8)")
        }
        if buried.contains(ReplicaKey(group: group, replica: replica)) {
            fail("group \(group): replica \(replica) was buried and comes to be again (rule M3)")
        }
        // Whatever an earlier attempt did was never on a disk, so nobody was told of it.
        observed[ReplicaKey(group: group, replica: replica)] = nil
        configurations.created(group, configuration)
    }

    /// The log was told to write: what it replaces need not be kept.
    func persisting(_ item: LogItem) {
        guard case .entries(let group, let replica, let entries) = item, let first = entries.first else {
            return
        }
        let key = ReplicaKey(group: group, replica: replica)
        if let held = acknowledged[key], held >= first.index { acknowledged[key] = first.index.previous }
        configurations.appended(entries, in: group)
    }

    func persisted(_ item: LogItem) {
        switch item {
        case .replicaCreated(let group, let replica, let configuration):
            created.insert(ReplicaKey(group: group, replica: replica))
            configurations.created(group, configuration)
        case .replicaBuried(let group, let replica):
            created.remove(ReplicaKey(group: group, replica: replica))
            buried.insert(ReplicaKey(group: group, replica: replica))
        case .entries(let group, let replica, let entries):
            durable[ReplicaKey(group: group, replica: replica), default: DurableLog()].write(entries)
        case .snapshotApplied(let group, let replica, _, let point):
            durable[ReplicaKey(group: group, replica: replica)] = DurableLog(start: point.index)
        default: break
        }
    }

    /// I11: nothing is dropped from the log that the state store could lose.
    func compacted(group: GroupID, replica: ReplicaID, to index: LogIndex, persisted: LogIndex) {
        if index > persisted {
            fail("group \(group): replica \(replica) drops its log to \(index), \(persisted) is safe (I11)")
        }
    }

    /// I5, I9, I10: what a restarting replica must still know.
    func restarted(_ recovered: RecoveredReplica, lastIndex: LogIndex, applied: LogIndex) {
        let key = ReplicaKey(group: recovered.group, replica: recovered.replica)
        let name = "group \(key.group): replica \(key.replica)"
        if let said = termsSaid[key], recovered.hardState.term < said {
            fail("\(name) spoke at term \(said) and remembers \(recovered.hardState.term) (I5)")
        }
        if let held = acknowledged[key], lastIndex < held {
            fail("\(name) acknowledged entry \(held) and holds \(lastIndex) (I9)")
        }
        if applied > lastIndex {
            fail("\(name) has applied \(applied), its log ends at \(lastIndex) (I10)")
        }
        if applied < recovered.point.index {
            fail("\(name) has applied \(applied), its log starts after \(recovered.point.index) (I11)")
        }
        durable[key] = DurableLog(start: recovered.point.index)
        durable[key]?.write(recovered.entries)
        created.insert(key)
        observed[key] = nil
    }

    // MARK: Apply

    /// I2, I4, I10: the same entry and the same state at the same index everywhere, and never beyond the
    /// disk.
    func applied(
        _ entry: LogEntry, group: GroupID, replica: ReplicaID, term: Term, stateHash: UInt64,
        outcomes: [CommandOutcome]
    ) {
        let key = ReplicaKey(group: group, replica: replica)
        if durable[key]?.holds(entry) != true {
            fail("group \(group): replica \(replica) applies \(entry.index), which is not on its disk (I10)")
        }
        let place = Int(entry.index.raw) - 1
        let known = committed[group]?.count ?? 0
        guard place < known else {
            if place > known { return fail("group \(group): \(entry.index) is applied after \(known)") }
            committed[group, default: []].append(Committed(entry: entry, term: term, stateHash: stateHash))
            return appliedFirst(entry, group: group, outcomes: outcomes)
        }
        guard let first = committed[group]?[place] else { return }
        if first.entry != entry {
            fail(
                "group \(group): entry \(entry.index) is of term \(first.entry.term) and of \(entry.term) (I4)"
            )
        } else if first.stateHash != stateHash {
            fail("group \(group): the states after \(entry.index) differ (I4)")
        }
        committed[group]?[place].term = min(first.term, term)
    }

    /// G1: whoever applies an entry first knows of a majority of disks that hold it.
    private func appliedFirst(_ entry: LogEntry, group: GroupID, outcomes: [CommandOutcome]) {
        let isSafe = configurations.isOnQuorum(entry, in: group) { replica in
            durable[ReplicaKey(group: group, replica: replica)]?.holds(entry) == true
        }
        if !isSafe {
            fail("group \(group): \(entry.index) is committed without a majority of its voters' disks (G1)")
        }
        if case .configuration(let configuration) = entry.payload {
            if let wrong = configurations.committed(configuration, at: entry.index, in: group) { fail(wrong) }
            if let partition = group.partition,
                let wrong = members.committed(configuration, of: partition)
            {
                fail(wrong)
            }
        }
        if group != .metadata { chat?.committed(entry, outcomes) }
        for outcome in outcomes {
            let wrong = model.committed(outcome) { chat?.ledger[$0]?.gone ?? .zero }
            if let wrong { fail("group \(group): \(wrong)") }
        }
    }

    /// Group 0's state after the entry at `index`; the first word counts, the rest is compared by hash.
    func applied(_ state: ClusterMetadata, at index: LogIndex) {
        let wrong = members.applied(state, at: index) { group, voters in
            configurations.hasGone(to: voters, group) { replica, entry in
                durable[ReplicaKey(group: group, replica: replica)]?.holds(entry) == true
            }
        }
        if let wrong { fail(wrong) }
    }

    /// The hash of the state after `index`, as the first replica computed it.
    func stateHash(group: GroupID, at index: LogIndex) -> UInt64 {
        guard index > .zero, let entries = committed[group], Int(index.raw) <= entries.count else { return 0 }
        return entries[Int(index.raw) - 1].stateHash
    }

    /// Entries of the group that were applied anywhere.
    func committedCount(_ group: GroupID) -> Int { committed[group]?.count ?? 0 }
    func appliedIndex(_ group: GroupID) -> LogIndex { LogIndex(UInt64(committedCount(group))) }

    /// The last committed configuration of the group.
    func configuration(of group: GroupID) -> Configuration? { configurations.last(of: group) }

    /// False when a committed configuration could not do without this node.
    func mayLose(_ node: NodeID) -> Bool { configurations.mayLose(node) }

    /// A client was told where its send stands. Returns what is wrong.
    func acknowledge(
        _ message: ConversationModel.Message, in conversation: ConversationID, seq: Seq, floor: Seq
    ) -> String? {
        model.acknowledged(message, in: conversation, seq: seq, floor: floor)
    }
}
