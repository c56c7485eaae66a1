import Vocabulary

/// How many replicas each node may and should hold, in proportion to weight.
///
/// Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018): at most ceil(1.05 x share),
/// and at least 0.97 x share, so that a join evens the load out without moving more than the share of the
/// new node.
struct LoadBound: Sendable {
    struct Range: Sendable, Hashable {
        var floor: Int
        var cap: Int
        /// The exact share, in millionths of a replica.
        var share: Int
    }

    private(set) var ranges: [NodeID: Range] = [:]

    init(members: [PlacementMember], partitionCount: Int, replicas: Int) {
        // A node holds a partition at most once, so a heavy node's share is cut at one of each partition and
        // the others carry the rest.
        var open = members.filter { $0.weight > 0 }.sorted { $0.node < $1.node }
        var left = partitionCount * replicas
        var isClamping = true
        while isClamping {
            isClamping = false
            let weights = open.reduce(0) { $0 + Int($1.weight) }
            for member in open where left * Int(member.weight) > partitionCount * weights {
                ranges[member.node] = Range(
                    floor: partitionCount, cap: partitionCount, share: partitionCount * 1_000_000)
                open.removeAll { $0.node == member.node }
                left -= partitionCount
                isClamping = true
                break
            }
        }
        let weights = open.reduce(0) { $0 + Int($1.weight) }
        for member in open {
            let share = max(0, left) * Int(member.weight) * 1_000_000 / max(1, weights)
            ranges[member.node] = Range(
                floor: min(share / 1_000_000, ceiling(share * 97 / 100)),
                cap: min(partitionCount, ceiling(share * 105 / 100)), share: share)
        }
    }

    private func ceiling(_ millionths: Int) -> Int { (millionths + 999_999) / 1_000_000 }

    subscript(node: NodeID) -> Range { ranges[node] ?? Range(floor: 0, cap: 0, share: 0) }
}
