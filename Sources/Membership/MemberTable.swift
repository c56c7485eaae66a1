import Vocabulary
import Wire

/// One other node as this machine sees it.
struct Member: Sendable {
    var record: MemberRecord
    /// When its status last changed here.
    var since: Tick
    /// Present exactly while the status is suspect.
    var suspicion: Suspicion?
}

/// The other nodes by id, listed in the order of their ids so that nothing depends on hashing.
struct MemberTable: Sendable {
    private var byID: [NodeID: Member] = [:]
    private(set) var ids: [NodeID] = []

    subscript(id: NodeID) -> Member? { byID[id] }

    var all: [Member] { ids.compactMap { byID[$0] } }

    /// Members that are alive or suspect.
    var present: [Member] { all.filter { $0.record.status.isPresent } }

    mutating func set(_ member: Member) {
        let id = member.record.node
        if byID.updateValue(member, forKey: id) == nil {
            ids.insert(id, at: ids.firstIndex { id < $0 } ?? ids.endIndex)
        }
    }

    mutating func remove(_ id: NodeID) {
        byID[id] = nil
        ids.removeAll { $0 == id }
    }

    /// The member whose gossip goes to `address`, the present ones first.
    func member(at address: String) -> Member? {
        let here = all.filter { $0.record.addresses.peer == address }
        return here.first { $0.record.status.isPresent } ?? here.first
    }
}
