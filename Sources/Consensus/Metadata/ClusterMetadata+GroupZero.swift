import Vocabulary
import Wire

extension ClusterMetadata {
    /// Voters of group 0 at most.
    package static let metadataVotersMax = 5

    /// The configuration that group 0 should have: 1, 2, 3 or 5 voters, every other member a learner.
    ///
    /// Those that vote now go on voting while they are members that stay; a voter is not replaced because it
    /// is silent, only because its state says that it is leaving, left or dead. The leader of group 0 gets
    /// there by the same steps as any move: learner first, then joint.
    package func desiredMetadataConfiguration(current: Configuration) -> Configuration {
        let voting = desiredMetadataVoters(current: current.voters.map(\.node))
        let present = members.values.filter { $0.state != .left }
        return Configuration(
            voters: present.filter { voting.contains($0.node) }.map(\.metadata),
            learners: present.filter { !voting.contains($0.node) }.map(\.metadata))
    }

    /// The nodes that should vote in group 0, sorted.
    package func desiredMetadataVoters(current: [NodeID]) -> [NodeID] {
        let staying = membersByNumber.filter { [.up, .draining].contains($0.state) }
        let wanted = staying.count >= Self.metadataVotersMax ? 5 : staying.count == 4 ? 3 : staying.count
        let keeping = staying.filter { current.contains($0.node) }
        let coming = staying.filter { !current.contains($0.node) }
        let voters = (keeping + coming).prefix(wanted).map(\.node)
        // With nobody to vote the voters stay as they are: an empty configuration could never change again.
        let missing = staying.isEmpty ? current : []
        return (voters + missing).sorted()
    }
}

extension ClusterMember {
    fileprivate var metadata: Replica { Replica(node: node, id: metadataReplica) }
}
