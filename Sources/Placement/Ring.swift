import Vocabulary

/// A consistent-hash ring with virtual nodes (Karger et al. 1997; Dynamo, section 6.2, strategy 3).
///
/// Each node has a number of tokens in proportion to its weight. The ring names, for each partition, an order
/// of preference over all nodes; `Placement` takes from that order under a load bound. It owns nothing: the
/// cluster's metadata says who holds a partition.
package struct Ring: Sendable, Hashable {
    /// Tokens of a node of weight 100.
    package static let tokensPerNode = 64

    package struct Token: Hashable, Sendable {
        package var position: UInt64
        package var node: NodeID
    }

    /// Ascending by position; ties by node.
    package let tokens: [Token]
    /// How many nodes have tokens.
    private let nodeCount: Int

    package init(members: [PlacementMember]) {
        var tokens: [Token] = []
        var nodeCount = 0
        for member in members where member.weight > 0 {
            let count = max(1, Ring.tokensPerNode * Int(member.weight) / 100)
            nodeCount += 1
            for index in 0..<count {
                tokens.append(
                    Token(position: Ring.position(of: member.node, index: index), node: member.node))
            }
        }
        self.tokens = tokens.sorted { ($0.position, $0.node) < ($1.position, $1.node) }
        self.nodeCount = nodeCount
    }

    /// Every node once, in the order its tokens are met from the partition's place clockwise.
    package func preference(of partition: PartitionID, count: Int) -> [NodeID] {
        guard !tokens.isEmpty else { return [] }
        var order: [NodeID] = []
        var seen = Set<NodeID>()
        let first = firstToken(from: PlacementHash.start(of: partition, count: count))
        for step in 0..<tokens.count where order.count < nodeCount {
            let node = tokens[(first + step) % tokens.count].node
            if seen.insert(node).inserted { order.append(node) }
        }
        return order
    }

    private func firstToken(from position: UInt64) -> Int {
        var low = 0
        var high = tokens.count
        while low < high {
            let middle = (low + high) / 2
            if tokens[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low % tokens.count
    }

    private static func position(of node: NodeID, index: Int) -> UInt64 {
        var key: [UInt8] = []
        for word in [node.raw.high, node.raw.low, UInt64(index)] {
            withUnsafeBytes(of: word.bigEndian) { key.append(contentsOf: $0) }
        }
        return PlacementHash.of(bytes: key)
    }
}
