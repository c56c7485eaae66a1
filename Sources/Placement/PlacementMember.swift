import Vocabulary

/// What placement knows of one node that may hold replicas.
package struct PlacementMember: Hashable, Sendable {
    package var node: NodeID
    /// The failure domain that the node shares with others; `nil` when it is not labelled.
    package var zone: String?
    /// The node's share of the load relative to others; 100 is ordinary, 0 holds nothing.
    package var weight: UInt32
    /// False for a node that keeps what it has and gets nothing new (it is draining).
    package var isReceiving: Bool

    package init(node: NodeID, zone: String? = nil, weight: UInt32 = 100, isReceiving: Bool = true) {
        self.node = node
        self.zone = zone
        self.weight = weight
        self.isReceiving = isReceiving
    }
}

/// One partition's way from the nodes that hold it to the nodes that should.
package struct PartitionMove: Hashable, Sendable {
    package var partition: PartitionID
    /// The nodes that hold it now, sorted.
    package var from: [NodeID]
    /// The nodes that will hold it, sorted; the whole set, not the difference.
    package var to: [NodeID]

    package init(partition: PartitionID, from: [NodeID], to: [NodeID]) {
        self.partition = partition
        self.from = from.sorted()
        self.to = to.sorted()
    }

    /// Nodes that come to hold the partition.
    package var added: [NodeID] { to.filter { !from.contains($0) } }
    /// Nodes that stop holding it.
    package var removed: [NodeID] { from.filter { !to.contains($0) } }
}
