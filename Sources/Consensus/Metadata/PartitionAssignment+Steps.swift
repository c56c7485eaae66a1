import Vocabulary
import Wire

/// What the leader of a group does next about its replicas.
package enum ReplicaStep: Hashable, Sendable {
    /// Propose this configuration to the group itself.
    case change(voters: [Replica], learners: [Replica])
    /// Tell group 0, wherever its leader is. A report that is lost is repeated by the next look.
    case report(MetadataCommand)
}

/// Moves: group 0 states the intent, the group's leader carries it out and reports (rules M1 and M2).
extension PartitionAssignment {
    /// A learner within this many entries of the leader's log is caught up.
    package static let caughtUpEntriesMax = 1_000

    /// The next step of whatever change the group is in; `nil` when there is none or something is awaited.
    ///
    /// - Parameter status: of the group's leader.
    package func nextStep(of partition: PartitionID, status: RaftStatus) -> ReplicaStep? {
        #if MUTANTS
        guard !status.isConfigurationInFlight || Mutant.active == .finishEarly else { return nil }
        #else
        guard !status.isConfigurationInFlight else { return nil }
        #endif
        let current = status.configuration
        guard let move else {
            // What an aborted move left behind.
            let hasLeftOvers = !current.learners.isEmpty && current.voters == voters
            return hasLeftOvers ? .change(voters: voters, learners: []) : nil
        }
        #if MUTANTS
        if Mutant.active == .finishEarly && current.voters == move.target {
            return .report(.finishMove(partition, move: move.id))
        }
        #endif
        if current.voters == move.target && !current.isJoint && current.learners.isEmpty {
            return .report(.finishMove(partition, move: move.id))
        }
        // Otherwise this metadata is older than the group's own configuration, which is the authority (rule M2).
        guard current.voters == voters else { return nil }
        // At every stage: a leader that has just started may have known metadata from before the move, in which its
        // learners were an aborted one's.
        if !incoming.allSatisfy({ current.learners.contains($0) }) {
            return .change(voters: current.voters, learners: incoming)
        }
        guard status.couldGo(to: move.target) else { return nil }
        if move.stage >= .joint { return .change(voters: move.target, learners: []) }
        if incoming.allSatisfy({ isCaughtUp($0, status: status) }) {
            // Permission first: from here group 0 refuses to abort.
            return .report(.advanceMove(partition, move: move.id, stage: .joint))
        }
        return move.stage < .learner
            ? .report(.advanceMove(partition, move: move.id, stage: .learner)) : nil
    }

    private func isCaughtUp(_ replica: Replica, status: RaftStatus) -> Bool {
        guard let matched = status.matched(replica.id) else { return false }
        return matched > .zero && status.lastIndex.distance(after: matched) <= Self.caughtUpEntriesMax
            && matched >= status.firstIndex.previous
    }
}

extension ClusterMetadata {
    /// Entries that a learner of group 0 may lack when it becomes a voter.
    private static let promotionLagMax = 100

    /// The next change of group 0's own configuration, on its leader; `nil` when it is as it should be or waits.
    package func nextMetadataStep(status: RaftStatus) -> ReplicaStep? {
        guard !status.isConfigurationInFlight, formation != nil else { return nil }
        let current = status.configuration
        let wanted = desiredMetadataConfiguration(current: current)
        guard !wanted.voters.isEmpty else { return nil }
        let known = Set(current.everyone)
        let missing = wanted.everyone.filter { !known.contains($0) }
        if !missing.isEmpty {
            // Learner first, whatever it is to become (rule M1).
            return .change(voters: current.voters, learners: current.learners + missing)
        }
        guard current.voters != wanted.voters || current.learners != wanted.learners else { return nil }
        let promoted = wanted.voters.filter { !current.voters.contains($0) }
        let isReady = promoted.allSatisfy { replica in
            status.matched(replica.id).map { status.lastIndex.distance(after: $0) < Self.promotionLagMax }
                ?? false
        }
        // A change that leaves too few who answer would be the group's last.
        return isReady && status.couldGo(to: wanted.voters)
            ? .change(voters: wanted.voters, learners: wanted.learners) : nil
    }
}
