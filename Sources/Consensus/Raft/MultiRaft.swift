import Vocabulary
import Wire

/// All replicas of one shard of one node: their Raft machines, the heartbeats they share and the batches of
/// the log they share.
///
/// A value without I/O. The shell feeds facts, then takes the output of the turn with `takeOutput()`; a turn
/// costs what its facts cost, only `tick` visits every group. What must be durable before it is said is held
/// back here until `persisted(through:)`, so a shell cannot send too early.
package struct MultiRaft: Sendable {
    let node: NodeID
    let settings: RaftSettings
    var effects: RaftEffects
    private(set) var groups: [RaftGroup] = []
    private(set) var slots: [GroupID: Int] = [:]
    private var freeSlots: [Int] = []
    /// Slots with something to flush.
    private var queued: [Int] = []
    /// Followers that let committed entries gather.
    private var gatherings = Gatherings()
    /// Since when gossip suspects whom.
    private var suspects: [NodeID: Tick] = [:]
    var walAge: UInt64 = 0
    /// This node's disk is nearly full; and those of these peers, as they say themselves.
    package var isDiskLow = false
    var lowDisks: Set<NodeID> = []
    var peers: [NodeID: PeerRounds] = [:]
    var lastBeat: Tick?
    /// Groups with reads that no round has confirmed yet.
    var readGroups: Set<GroupID> = []
    var readsNeedRound = false

    package init(node: NodeID, settings: RaftSettings, generator: SeededGenerator) {
        self.node = node
        self.settings = settings
        effects = RaftEffects(generator: generator)
    }

    // MARK: Replicas

    /// A replica comes to be, with an empty log. `configuration` is `.empty` when a leader will teach it.
    package mutating func create(
        group: GroupID, replica: ReplicaID, configuration: Configuration, now: Tick
    ) {
        precondition(slots[group] == nil, "group \(group) has a replica here already")
        let point = SnapshotPoint(index: .zero, term: .zero, configuration: configuration)
        effects.persist(
            .replicaCreated(group: group, replica: replica, configuration: configuration), replica: replica)
        let recovered = RecoveredReplica(group: group, replica: replica, point: point)
        let slot = add(recovered, applied: .zero, now: now)
        groups[slot].hardStateSequence = effects.nextSequence
        groups[slot].lastSequence = effects.nextSequence
    }

    /// A replica that the log knows goes on. Everything in it must be durable already (rule D5).
    ///
    /// - Parameter applied: what the state store holds; never beyond the log's end.
    package mutating func restore(_ recovered: RecoveredReplica, applied: LogIndex, now: Tick) {
        precondition(slots[recovered.group] == nil, "group \(recovered.group) has a replica here already")
        let slot = add(recovered, applied: applied, now: now)
        update(slot) { group, _ in group.needsFlush = true }
    }

    private mutating func add(_ recovered: RecoveredReplica, applied: LogIndex, now: Tick) -> Int {
        effects.now = now
        let group = RaftGroup(
            recovered, node: node, applied: applied, settings: settings, now: now, effects: &effects)
        let slot = freeSlots.popLast() ?? groups.count
        if slot == groups.count { groups.append(group) } else { groups[slot] = group }
        slots[recovered.group] = slot
        return slot
    }

    /// The replica is gone for ever (rule M2). Its reads and proposals fail.
    package mutating func bury(group: GroupID, now: Tick) {
        guard let slot = slots.removeValue(forKey: group) else { return }
        effects.now = now
        let replica = groups[slot].replica
        groups[slot].becomeFollower(term: groups[slot].term, leader: nil, now: now, &effects)
        groups[slot].isBuried = true
        effects.persist(.replicaBuried(group: group, replica: replica), replica: replica)
        readGroups.remove(group)
        if !groups[slot].isQueued { freeSlots.append(slot) }
    }

    // MARK: Facts

    /// Messages from a node, in the order of their arrival.
    package mutating func receive(_ messages: [RaftMessage], from node: NodeID, now: Tick) {
        effects.now = now
        for message in messages {
            guard let slot = slots[message.group] else { continue }
            let isSuspect = leaderSuspected(slot) != nil
            update(slot) { group, effects in
                group.receive(message, from: node, isSuspect: isSuspect, now: now, &effects)
            }
        }
    }

    /// Time passed: call every 20 to 50 ms.
    ///
    /// - Parameter walAge: milliseconds since the oldest log write that is not durable yet (rule L4).
    package mutating func tick(now: Tick, walAge: UInt64) {
        effects.now = now
        self.walAge = walAge
        for slot in groups.indices where !groups[slot].isBuried {
            let suspected = leaderSuspected(slot)
            update(slot) { group, effects in
                group.tick(now: now, walAge: walAge, leaderSuspected: suspected, &effects)
            }
        }
        beat(now: now)
    }

    /// Everything up to batch `sequence` is durable. Later numbers cover earlier ones.
    package mutating func persisted(through sequence: UInt64) {
        let now = effects.now
        for completion in effects.persisted(through: sequence) {
            guard let slot = slots[completion.group], groups[slot].replica == completion.replica else {
                continue
            }
            update(slot) { group, effects in group.persisted(completion.last, now: now, &effects) }
        }
    }

    /// The shell has applied what it was handed, up to `index`.
    package mutating func applied(group: GroupID, through index: LogIndex) {
        guard let slot = slots[group] else { return }
        groups[slot].applied = max(groups[slot].applied, min(index, groups[slot].delivered))
    }

    /// Hands out with the next output what a follower would let gather for a while: somebody reads its state. False when
    /// there is nothing.
    package mutating func applyNow(group: GroupID) -> Bool {
        slots[group].map { slot in update(slot) { group, _ in group.applyNow() } } ?? false
    }

    /// The digest of the group's state after exactly the entries up to `mark.index`; to be noted at every index
    /// where `StateMark.isDue`.
    package mutating func noteState(group: GroupID, _ mark: StateMark) {
        change(group) { group, effects in group.noteState(mark, &effects) }
    }

    /// Gossip's opinion of a node; it can hasten an election, never prevent or decide one (rule L3).
    package mutating func suspect(node: NodeID, _ isSuspect: Bool, now: Tick) {
        if isSuspect { suspects[node] = suspects[node] ?? now } else { suspects[node] = nil }
    }

    private func leaderSuspected(_ slot: Int) -> Tick? {
        guard !suspects.isEmpty, let leader = groups[slot].leader else { return nil }
        return suspects[leader.node]
    }

    // MARK: Orders from above

    /// Proposes a command. Success says where it will stand; it is committed when `committed` brings it.
    package mutating func propose(
        group: GroupID, command: [UInt8]
    ) -> Result<ProposalPosition, ProposalRefusal> {
        asking(group) { group, effects in group.propose(command, &effects) }
    }

    /// Moves the group to these voters and learners. One change at a time; joint consensus when more than one
    /// voter differs, left by itself. New voters should have been learners that caught up (rule M1).
    package mutating func changeConfiguration(
        group: GroupID, to voters: [Replica], learners: [Replica]
    ) -> Result<ProposalPosition, ProposalRefusal> {
        let now = effects.now
        return asking(group) { group, effects in
            group.changeConfiguration(voters: voters, learners: learners, now: now, &effects)
        }
    }

    private mutating func asking(
        _ group: GroupID,
        _ body: (inout RaftGroup, inout RaftEffects) -> Result<ProposalPosition, ProposalRefusal>
    ) -> Result<ProposalPosition, ProposalRefusal> {
        guard let slot = slots[group] else { return .failure(.notLeader(hint: nil)) }
        return update(slot, body)
    }

    /// Hands leadership to the voter on `node`. False: not the leader, no such voter, it is silent, its disk is nearly
    /// full, or a hand-over is under way. Proposals are refused until it ends, at most twice `transferMilliseconds`.
    package mutating func transferLeadership(group: GroupID, to node: NodeID) -> Bool {
        guard let slot = slots[group], !lowDisks.contains(node) else { return false }
        let now = effects.now
        return update(slot) { group, effects in
            group.transferLeadership(to: node, now: now, &effects)
        }
    }

    /// Asks for the index that a linearizable read must wait for (rule Q1). False: not the leader. Otherwise
    /// `reads` brings the answer, with an index or without.
    package mutating func read(group: GroupID, token: UInt64, now: Tick) -> Bool {
        effects.now = now
        guard let slot = slots[group] else { return false }
        let isTaken = update(slot) { group, effects in group.read(token: token, &effects) }
        if isTaken && !groups[slot].reads.isEmpty {
            readGroups.insert(group)
            readsNeedRound = true
        }
        return isTaken
    }

    // MARK: Log and snapshots

    /// Drops the log up to `index`. The caller has read `index` from what the state store has persisted (rule
    /// R2).
    package mutating func compact(group: GroupID, through index: LogIndex) {
        change(group) { group, effects in group.compact(through: index, &effects) }
    }

    /// How a snapshot that was ordered ended.
    package mutating func snapshotSent(group: GroupID, to replica: ReplicaID, success: Bool) {
        change(group) { group, effects in
            group.snapshotSent(to: replica, success: success, now: effects.now)
        }
    }

    /// A snapshot's state is durable in the state store as `generation`, which is now the current one. Call
    /// only for a point beyond `status.commit`; what was handed out before it is superseded.
    package mutating func installSnapshot(group: GroupID, generation: UInt32, point: SnapshotPoint) {
        change(group) { group, effects in
            group.install(generation: generation, point: point, now: effects.now, &effects)
        }
    }

    /// Writes the replica's whole durable state again, so that segments which hold it may go.
    package mutating func restate(group: GroupID) {
        change(group) { group, effects in group.restate(&effects) }
    }

    // MARK: The turn

    /// Everything that the facts since the last call have led to.
    package mutating func takeOutput() -> RaftOutput {
        endGatherings()
        if !queued.isEmpty { flushQueued() }
        if readsNeedRound { startReadRounds() }
        return effects.take()
    }

    private mutating func flushQueued() {
        queued.sort { groups[$0].group < groups[$1].group }
        for slot in queued {
            groups[slot].isQueued = false
            guard !groups[slot].isBuried else {
                freeSlots.append(slot)
                continue
            }
            let before = groups[slot].gatheringSince
            groups[slot].flush(&effects)
            if let since = groups[slot].gatheringSince, since != before { gatherings.began(slot, at: since) }
        }
        queued.removeAll(keepingCapacity: true)
    }

    /// Lets go those that have gathered long enough, a few in a turn: all that are due at once would be a burst of work
    /// that every message behind it waits for.
    private mutating func endGatherings() {
        guard !gatherings.isEmpty else { return }
        let due = gatherings.take(now: effects.now, after: settings.applyMilliseconds) {
            groups[$0].gatheringSince == $1 && !groups[$0].isBuried
        }
        for slot in due { update(slot) { group, _ in _ = group.applyNow() } }
    }

    func slot(of group: GroupID) -> Int? { slots[group] }

    private mutating func change(_ group: GroupID, _ body: (inout RaftGroup, inout RaftEffects) -> Void) {
        if let slot = slots[group] { update(slot, body) }
    }

    /// Every change of a group passes here, so that none is forgotten at the end of the turn.
    @discardableResult
    mutating func update<R>(_ slot: Int, _ body: (inout RaftGroup, inout RaftEffects) -> R) -> R {
        let result = body(&groups[slot], &effects)
        if groups[slot].needsFlush && !groups[slot].isQueued {
            groups[slot].isQueued = true
            queued.append(slot)
        }
        return result
    }
}
