import Vocabulary

/// One replica of a group: the node it lives on and the incarnation it is (rule M3).
package struct Replica: Hashable, Sendable, Comparable {
    package var node: NodeID
    package var id: ReplicaID

    package init(node: NodeID, id: ReplicaID) {
        self.node = node
        self.id = id
    }

    package static func < (a: Self, b: Self) -> Bool { (a.node, a.id) < (b.node, b.id) }
}

/// Who takes part in a group (Ongaro's thesis, section 4.3: joint consensus).
///
/// While `outgoing` is not empty the configuration is joint: every decision needs a majority of `voters`
/// and a majority of `outgoing`. Lists are sorted and without repeats.
package struct Configuration: Hashable, Sendable {
    package var voters: [Replica]
    package var outgoing: [Replica]
    package var learners: [Replica]

    package init(voters: [Replica], outgoing: [Replica] = [], learners: [Replica] = []) {
        self.voters = voters.sorted()
        self.outgoing = outgoing.sorted()
        self.learners = learners.sorted()
    }

    package static let empty = Configuration(voters: [])
    package var isJoint: Bool { !outgoing.isEmpty }

    /// Every replica named, once each, sorted.
    package var everyone: [Replica] {
        var all = Set(voters)
        all.formUnion(outgoing)
        all.formUnion(learners)
        return all.sorted()
    }
}
