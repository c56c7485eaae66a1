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
        #if MUTANTS
        if Mutant.active == .learnerCounted { return Self.hasMajority(voters + learners, isCounted) }
        if Mutant.active == .jointNewOnly { return Self.hasMajority(voters, isCounted) }
        #endif
        return Self.hasMajority(voters, isCounted)
            && (outgoing.isEmpty || Self.hasMajority(outgoing, isCounted))
    }

    /// The largest value that a quorum has reached; zero without voters.
    func quorumValue(_ value: (ReplicaID) -> UInt64) -> UInt64 {
        #if MUTANTS
        if Mutant.active == .learnerCounted { return Self.majorityValue(voters + learners, value) }
        if Mutant.active == .jointNewOnly { return Self.majorityValue(voters, value) }
        #endif
        let new = Self.majorityValue(voters, value)
        return outgoing.isEmpty ? new : min(new, Self.majorityValue(outgoing, value))
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
