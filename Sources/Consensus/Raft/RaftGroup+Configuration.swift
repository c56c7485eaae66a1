import Vocabulary
import Wire

// Membership changes and hand-over (thesis, sections 3.10, 4.2 and 4.3; rule M1).
extension RaftGroup {
    /// Starts the change to these voters and learners: one entry, or joint consensus when more than one voter
    /// differs. A joint configuration is left by itself once it is committed.
    mutating func changeConfiguration(
        voters: [Replica], learners: [Replica], now: Tick, _ effects: inout RaftEffects
    ) -> Result<ProposalPosition, ProposalRefusal> {
        guard role == .leader else { return .failure(.notLeader(hint: leader?.node)) }
        guard transfer == nil else { return .failure(.transferring) }
        // Without an entry of its own term committed a new leader could run two changes whose quorums do not
        // meet (Ongaro, raft-dev, July 2015).
        guard mayChangeConfiguration else { return .failure(.configurationInFlight) }
        let current = configuration
        let target = Configuration(
            voters: voters, learners: learners.filter { !voters.contains($0) })
        guard !target.voters.isEmpty, target != current else { return .failure(.invalidConfiguration) }
        return .success(append(Self.step(from: current, to: target), now: now, &effects))
    }

    private var mayChangeConfiguration: Bool {
        #if MUTANTS
        if Mutant.active == .twoConfigChanges { return true }
        #endif
        return !isConfigurationInFlight && commit >= termStart
    }

    private static func step(from current: Configuration, to target: Configuration) -> Configuration {
        let differing = Set(current.voters).symmetricDifference(target.voters).count
        if differing <= 1 { return target }
        return Configuration(voters: target.voters, outgoing: current.voters, learners: target.learners)
    }

    mutating func leaveJoint(now: Tick, _ effects: inout RaftEffects) {
        let joint = configuration
        _ = append(Configuration(voters: joint.voters, learners: joint.learners), now: now, &effects)
    }

    private mutating func append(
        _ configuration: Configuration, now: Tick, _ effects: inout RaftEffects
    ) -> ProposalPosition {
        let index = log.lastIndex.next
        appendToLog(LogEntry(index: index, term: term, payload: .configuration(configuration)), &effects)
        alignProgress(now: now)
        advanceCommit(now: now, &effects)
        return ProposalPosition(index: index, term: term)
    }

    /// The configuration without this leader is committed (thesis, section 4.2.2): it tells the others, asks
    /// the one that has most to take over, and is a follower.
    mutating func stepDownRemoved(now: Tick, _ effects: inout RaftEffects) {
        sendAppends(&effects)
        let voters = progress.filter { configuration.isVoter($0.replica.id) }
        if let heir = voters.max(by: { ($0.matched, $1.replica) < ($1.matched, $0.replica) }) {
            send(.timeoutNow, to: heir.replica, after: hardStateSequence, &effects)
        }
        becomeFollower(term: term, leader: nil, now: now, &effects)
    }

    // MARK: Hand-over

    /// Hands leadership to the voter on `node`; false when there is no such voter, it is silent, or this is not the
    /// leader.
    mutating func transferLeadership(to node: NodeID, now: Tick, _ effects: inout RaftEffects) -> Bool {
        guard role == .leader, transfer == nil, node != self.node,
            let heir = configuration.voters.first(where: { $0.node == node }),
            let follower = progress.first(where: { $0.replica == heir }),
            now.since(follower.lastContact) <= 2 * settings.heartbeatMilliseconds
        else { return false }
        transfer = LeadershipTransfer(to: heir, deadline: now + settings.transferMilliseconds)
        orderTransferIfReady(&effects)
        needsFlush = true
        return true
    }

    /// Once the heir has the whole log it may campaign.
    mutating func orderTransferIfReady(_ effects: inout RaftEffects) {
        guard role == .leader, let transfer, !transfer.isOrdered,
            let heir = progress.first(where: { $0.replica == transfer.to }), heir.matched == log.lastIndex
        else { return }
        self.transfer?.isOrdered = true
        self.transfer?.deadline = effects.now + settings.transferMilliseconds
        send(.timeoutNow, to: heir.replica, after: hardStateSequence, &effects)
    }
}
