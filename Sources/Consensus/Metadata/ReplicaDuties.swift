import Vocabulary
import Wire

/// The difference between the replicas that a node has and those that the metadata gives it.
package struct ReplicaDuties: Hashable, Sendable {
    /// Groups whose replica here is to be buried.
    package var remove: [GroupID] = []
    /// Replicas that are to come to be, unless a former one's state is still there.
    package var create: [HostedReplica] = []

    /// - Parameters:
    ///   - held: the replica of each group here, group 0 left out.
    ///   - buried: replicas that were here and are gone for ever; a late word must not raise them (rule M3).
    package init(
        metadata: ClusterMetadata, node: NodeID, held: [GroupID: ReplicaID],
        buried: [GroupID: Set<ReplicaID>]
    ) {
        let hosted = metadata.replicas(on: node)
        let wanted = Dictionary(hosted.map { ($0.group, $0.replica.id) }) { first, _ in first }
        // After a restart older states of the metadata come by again: one that has not given this replica's id out
        // yet says nothing about it.
        #if MUTANTS
        let metadata = MutantMetadata(metadata)
        let buried = Mutant.active == .burialForgotten ? [:] : buried
        #endif
        remove = held.filter { wanted[$0.key] != $0.value && metadata.knows($0.value, of: $0.key) }.keys
            .sorted()
        let removed = Set(remove)
        create = hosted.filter { replica in
            (held[replica.group] == nil || removed.contains(replica.group))
                && buried[replica.group]?.contains(replica.replica.id) != true
        }
    }
}

#if MUTANTS
/// Metadata that claims to know of every replica.
private struct MutantMetadata {
    private let metadata: ClusterMetadata

    init(_ metadata: ClusterMetadata) { self.metadata = metadata }

    func knows(_ replica: ReplicaID, of group: GroupID) -> Bool {
        Mutant.active == .oldMetadataBuries || metadata.knows(replica, of: group)
    }
}
#endif
