import Vocabulary
import Wire

extension Configuration {
    /// True for a replica whose vote and acknowledgement count.
    package func isVoter(_ id: ReplicaID) -> Bool {
        voters.contains { $0.id == id } || outgoing.contains { $0.id == id }
    }

    /// The replica of `id`, whatever its role.
    package func replica(_ id: ReplicaID) -> Replica? {
        voters.first { $0.id == id } ?? outgoing.first { $0.id == id } ?? learners.first { $0.id == id }
    }

    /// True when a majority of the voters, and of the outgoing voters while joint, are counted.
    func hasQuorum(_ isCounted: (ReplicaID) -> Bool) -> Bool {
        Self.hasMajority(countedVoters, isCounted)
            && (outgoing.isEmpty || Self.hasMajority(outgoing, isCounted))
    }

    /// The largest value that a quorum has reached; zero without voters.
    func quorumValue(_ value: (ReplicaID) -> UInt64) -> UInt64 {
        let new = Self.majorityValue(countedVoters, value)
        return outgoing.isEmpty ? new : min(new, Self.majorityValue(outgoing, value))
    }

    private var countedVoters: [Replica] {
        #if MUTANT_LEARNER_COUNTED
        voters + learners
        #else
        voters
        #endif
    }

    private static func hasMajority(_ replicas: [Replica], _ isCounted: (ReplicaID) -> Bool) -> Bool {
        var count = 0
        for replica in replicas where isCounted(replica.id) { count += 1 }
        return count > replicas.count / 2
    }

    private static func majorityValue(_ replicas: [Replica], _ value: (ReplicaID) -> UInt64) -> UInt64 {
        switch replicas.count {
        case 0: return 0
        case 1: return value(replicas[0].id)
        default:
            let values = replicas.map { value($0.id) }.sorted(by: >)
            return values[replicas.count / 2]
        }
    }
}
