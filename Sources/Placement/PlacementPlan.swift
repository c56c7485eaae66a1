import Vocabulary

/// Replica sets being changed until they fit the bounds.
struct PlacementPlan {
    private(set) var sets: [[NodeID]]
    private let original: [[NodeID]]
    private let members: [PlacementMember]
    private let zones: [NodeID: String]
    private let receivers: Set<NodeID>
    private let bound: LoadBound
    private let preferences: [[NodeID]]
    private let width: Int
    private let zoneCount: Int
    private var loads: [NodeID: Int] = [:]

    init(current: [[NodeID]], members: [PlacementMember], replicationFactor: Int) {
        let members = members.sorted { $0.node < $1.node }
        let known = Set(members.map(\.node))
        self.members = members
        receivers = Set(members.filter(\.isReceiving).map(\.node))
        width = min(replicationFactor, members.count)
        bound = LoadBound(members: members, partitionCount: current.count, replicas: width)
        zones = Dictionary(
            members.compactMap { member in member.zone.map { (member.node, $0) } }, uniquingKeysWith: { $1 })
        zoneCount = Set(zones.values).count
        let ring = Ring(members: members)
        preferences = current.indices.map { index in
            ring.preference(of: PartitionID(UInt32(index)), count: max(1, current.count))
        }
        original = current
        sets = current.map { set in set.filter(known.contains) }
        for set in sets { for node in set { loads[node, default: 0] += 1 } }
    }

    // MARK: Steps

    /// Brings every set to its width: ring order under the cap, a new zone before a used one.
    mutating func fill() {
        for index in sets.indices {
            while sets[index].count < width, let node = candidate(for: index) {
                add(node, to: index)
            }
            while sets[index].count > width, let node = surplus(of: index) {
                remove(node, from: index)
            }
        }
    }

    /// Replaces the second replica in a zone by one in a zone that the set misses, where the cap allows.
    mutating func spreadZones() {
        guard zoneCount > 1 else { return }
        for index in sets.indices where spread(sets[index]) < min(width, zoneCount) {
            guard let swap = zoneSwap(in: index) else { continue }
            remove(swap.out, from: index)
            add(swap.in, to: index)
        }
    }

    /// Moves replicas one by one from the fullest to the emptiest until all are within bounds.
    mutating func balance() {
        // Every step lowers the sum of excess and deficit, so this count is never reached.
        for _ in 0...(sets.count * max(1, width) * 2) {
            guard let step = capStep(losingZones: false) ?? capStep(losingZones: true) ?? floorStep() else {
                return
            }
            remove(step.from, from: step.index)
            add(step.to, to: step.index)
        }
    }

    // MARK: Choices

    private struct Step {
        var index: Int
        var from: NodeID
        var to: NodeID
    }

    private func candidate(for index: Int) -> NodeID? {
        let free = preferences[index].filter { receivers.contains($0) && !sets[index].contains($0) }
        let used = Set(sets[index].compactMap { zones[$0] })
        let open = free.filter { load($0) < bound[$0].cap }
        if zoneCount > 1,
            let fresh = open.first(where: { node in zones[node].map { !used.contains($0) } ?? false })
        {
            return fresh
        }
        return open.first ?? free.min { fullness($0) < fullness($1) }
    }

    private func surplus(of index: Int) -> NodeID? {
        let most = sets[index].map { spread(sets[index].removing($0)) }.max() ?? 0
        return sets[index].sorted()
            .filter { spread(sets[index].removing($0)) == most }
            .max { fullness($0) < fullness($1) }
    }

    private func zoneSwap(in index: Int) -> (out: NodeID, in: NodeID)? {
        let set = sets[index]
        let here = spread(set)
        let incoming = preferences[index].filter {
            receivers.contains($0) && !set.contains($0) && load($0) < bound[$0].cap
        }
        for node in incoming {
            let outgoing = set.sorted { fullness($0) > fullness($1) }
            if let out = outgoing.first(where: { spread(set.removing($0) + [node]) > here }) {
                return (out, node)
            }
        }
        return nil
    }

    private func capStep(losingZones: Bool) -> Step? {
        let over = byFullness.reversed().filter { load($0) > bound[$0].cap }
        let room = byFullness.filter { receivers.contains($0) && load($0) < bound[$0].cap }
        return step(from: over, to: room, losingZones: losingZones)
    }

    private func floorStep() -> Step? {
        let givers = byFullness.reversed().filter { load($0) > bound[$0].floor }
        let takers = byFullness.filter { receivers.contains($0) && load($0) < bound[$0].floor }
        return step(from: givers, to: takers, losingZones: false)
    }

    private func step(from givers: [NodeID], to takers: [NodeID], losingZones: Bool) -> Step? {
        for taker in takers {
            for giver in givers where giver != taker {
                if let index = exchange(from: giver, to: taker, losingZones: losingZones) {
                    return Step(index: index, from: giver, to: taker)
                }
            }
        }
        return nil
    }

    /// The partition that goes best from one node to another: first what moves anyway, then the ring's order.
    private func exchange(from giver: NodeID, to taker: NodeID, losingZones: Bool) -> Int? {
        var best: (cost: (Int, Int), index: Int)?
        for index in sets.indices where sets[index].contains(giver) && !sets[index].contains(taker) {
            if !losingZones && spread(sets[index].removing(giver) + [taker]) < spread(sets[index]) {
                continue
            }
            let isSettled = original[index].contains(giver) && !original[index].contains(taker)
            let rank = preferences[index].firstIndex(of: taker) ?? Int.max
            let cost = (isSettled ? 1 : 0, rank)
            if best.map({ cost < $0.cost }) ?? true { best = (cost, index) }
        }
        return best?.index
    }

    // MARK: Measures

    private func load(_ node: NodeID) -> Int { loads[node] ?? 0 }

    /// Load relative to share, then the node's id, so that every comparison has one answer.
    private func fullness(_ node: NodeID) -> (Int, NodeID) {
        (load(node) * 1_000_000_000 / max(1, bound[node].share), node)
    }

    private var byFullness: [NodeID] {
        members.map(\.node).sorted { fullness($0) < fullness($1) }
    }

    /// Distinct zones of a set; a node without a label counts as nothing.
    private func spread(_ set: [NodeID]) -> Int { Set(set.compactMap { zones[$0] }).count }

    private mutating func add(_ node: NodeID, to index: Int) {
        sets[index].append(node)
        loads[node, default: 0] += 1
    }

    private mutating func remove(_ node: NodeID, from index: Int) {
        sets[index].removeAll { $0 == node }
        loads[node, default: 0] -= 1
    }
}

extension [NodeID] {
    fileprivate func removing(_ node: NodeID) -> [NodeID] { filter { $0 != node } }
}
