import Consensus
import Storage
import Vocabulary
import Wire

extension SimulatedNode {
    /// The group's state as it is now, for a follower that the log cannot help any more.
    func parcel(_ order: SnapshotOrder, checker: InvariantChecker) -> SnapshotParcel? {
        guard let replica = replicas[order.group], let status = raft.status(of: order.group) else {
            return nil
        }
        let source = store.snapshot(group: order.group, generation: replica.generation)
        if source.applied != order.point.index {
            checker.fail(
                "group \(order.group): a snapshot of \(source.applied) is labelled \(order.point.index)")
        }
        var pairs: [StatePair] = []
        while true {
            let page = source.next(maxBytes: 1 << 20)
            if page.isEmpty { break }
            pairs += page
        }
        return SnapshotParcel(
            group: order.group, to: order.to.id, term: status.term, point: order.point, pairs: pairs,
            stateHash: replica.stateHash)
    }

    /// Installs a snapshot as a new generation (rule R5). False when it is not wanted any more.
    func install(_ parcel: SnapshotParcel, checker: InvariantChecker) -> Bool {
        guard var replica = replicas[parcel.group], let status = raft.status(of: parcel.group),
            status.replica == parcel.to, parcel.term >= status.term, parcel.point.index > status.commit
        else { return false }
        let old = replica.generation
        let new = old + 1
        store.removeGeneration(group: parcel.group, generation: new)
        do {
            try store.ingest(parcel.pairs, group: parcel.group, generation: new)
            try store.flush()
        } catch {
            checker.fail("\(error)")
        }
        replica.generation = new
        replica.applied = parcel.point.index
        replica.stateHash = parcel.stateHash
        replicas[parcel.group] = replica
        raft.installSnapshot(group: parcel.group, generation: new, point: parcel.point)
        return true
    }
}
