import Vocabulary

/// Spreads leaders over the nodes that hold the replicas, moving as few as possible.
package enum LeaderPlacement {
    /// The node that should lead each partition; `nil` where no eligible node holds it.
    ///
    /// Starts from `current` (so a balanced cluster answers what it has) and evens out along chains of
    /// partitions (augmenting paths) until no two nodes that could exchange differ by more than one.
    ///
    /// - Parameter eligible: nodes that may lead: alive, up and not draining.
    package static func preferred(
        replicas: [[NodeID]], current: [NodeID?], eligible: Set<NodeID>
    ) -> [NodeID?] {
        var plan = LeaderPlan(replicas: replicas, eligible: eligible)
        plan.seat(current: current)
        while let chain = plan.improvement() { plan.apply(chain) }
        return plan.leaders
    }

    /// True when leaders are so uneven that transfers are worth their cost: a node leads more than 10 % above or
    /// below the average, and the fullest at least two more than the emptiest.
    package static func isUneven(leaders: [NodeID?], eligible: Set<NodeID>) -> Bool {
        guard eligible.count > 1 else { return false }
        var counts: [NodeID: Int] = [:]
        for leader in leaders { if let leader { counts[leader, default: 0] += 1 } }
        let loads = eligible.map { counts[$0] ?? 0 }
        let total = loads.reduce(0, +)
        guard let most = loads.max(), let least = loads.min() else { return false }
        let isTooFull = most * eligible.count * 10 > total * 11
        let isTooEmpty = least * eligible.count * 10 < total * 9
        return most - least >= 2 && (isTooFull || isTooEmpty)
    }
}

private struct LeaderPlan {
    private(set) var leaders: [NodeID?]
    private let candidates: [[NodeID]]
    private let nodes: [NodeID]
    private var counts: [NodeID: Int] = [:]

    init(replicas: [[NodeID]], eligible: Set<NodeID>) {
        candidates = replicas.map { $0.filter(eligible.contains).sorted() }
        nodes = eligible.sorted()
        leaders = Array(repeating: nil, count: replicas.count)
    }

    private func count(_ node: NodeID) -> Int { counts[node] ?? 0 }

    mutating func seat(current: [NodeID?]) {
        for (index, leader) in current.prefix(leaders.count).enumerated() {
            guard let leader, candidates[index].contains(leader) else { continue }
            lead(index, by: leader)
        }
        for index in leaders.indices where leaders[index] == nil {
            let least = candidates[index].min { (count($0), $0) < (count($1), $1) }
            if let least { lead(index, by: least) }
        }
    }

    /// A chain of (partition, new leader) that takes one from the fullest node that can give it away.
    func improvement() -> [(index: Int, node: NodeID)]? {
        for giver in nodes.sorted(by: { (count($1), $0) < (count($0), $1) }) {
            if let chain = chain(from: giver) { return chain }
        }
        return nil
    }

    mutating func apply(_ chain: [(index: Int, node: NodeID)]) {
        for (index, node) in chain { lead(index, by: node) }
    }

    /// Breadth first, so the shortest chain wins.
    private func chain(from giver: NodeID) -> [(index: Int, node: NodeID)]? {
        var reachedBy: [NodeID: (index: Int, from: NodeID)] = [:]
        var queue = [giver]
        var head = 0
        while head < queue.count {
            let node = queue[head]
            head += 1
            if count(node) + 2 <= count(giver) { return path(to: node, from: giver, reachedBy) }
            for index in leaders.indices where leaders[index] == node {
                for next in candidates[index] where next != giver && reachedBy[next] == nil {
                    reachedBy[next] = (index, node)
                    queue.append(next)
                }
            }
        }
        return nil
    }

    private func path(
        to end: NodeID, from giver: NodeID, _ reachedBy: [NodeID: (index: Int, from: NodeID)]
    ) -> [(index: Int, node: NodeID)] {
        var steps: [(index: Int, node: NodeID)] = []
        var node = end
        while node != giver, let step = reachedBy[node] {
            steps.append((step.index, node))
            node = step.from
        }
        return steps
    }

    private mutating func lead(_ index: Int, by node: NodeID) {
        if let old = leaders[index] { counts[old, default: 0] -= 1 }
        leaders[index] = node
        counts[node, default: 0] += 1
    }
}
