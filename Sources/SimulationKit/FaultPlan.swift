import Vocabulary

/// What can go wrong in a simulation, and how often it did.
package enum FaultKind: String, CaseIterable, Sendable {
    case crashes, powerLosses = "power_losses", lostWrites = "lost_writes", tornWrites = "torn_writes"
    case partitions, oneWayPartitions = "one_way_partitions", linkBreaks = "link_breaks"
    case messagesLost = "messages_lost", messagesDuplicated = "messages_duplicated"
    case pauses, slowDisks = "slow_disks", falseSuspicions = "false_suspicions"
    case transfers, moves, snapshots, compactions
}

/// Which faults one seed has, and how hard they strike: every seed draws its own mix (swarm testing).
struct FaultPlan {
    var nodes: Int
    var groups: Int
    var clients: Int
    /// Milliseconds between two faults, on average.
    var meanInterval: Double
    var kinds: [FaultKind] = []
    var lossPercent = 0.0
    var duplicatePercent = 0.0
    var slowPercent = 0.0
    /// How often, in percent, the metadata asks for a change out of turn.
    var hastePercent = 0.0
    /// Messages pass their codec.
    var usesCodec: Bool
    /// Entries that compaction leaves before the applied index.
    var entriesKept: UInt64

    init(_ random: inout SeededGenerator) {
        nodes = Int.random(in: 3...5, using: &random)
        groups = 1 << Int.random(in: 0...2, using: &random)
        clients = Int.random(in: 4...10, using: &random)
        meanInterval = Double.random(in: 300...3_000, using: &random)
        let candidates: [FaultKind] = [
            .crashes, .powerLosses, .partitions, .oneWayPartitions, .linkBreaks, .pauses, .slowDisks,
            .falseSuspicions, .transfers, .moves,
        ]
        kinds = candidates.filter { _ in random.chance(percent: 60) }
        if kinds.isEmpty { kinds = [.crashes] }
        if random.chance(percent: 60) { lossPercent = Double.random(in: 0...8, using: &random) }
        if random.chance(percent: 50) { duplicatePercent = Double.random(in: 0...5, using: &random) }
        if random.chance(percent: 50) { slowPercent = Double.random(in: 0...10, using: &random) }
        if random.chance(percent: 40) { hastePercent = Double.random(in: 1...30, using: &random) }
        usesCodec = random.chance(percent: 25)
        entriesKept = UInt64.random(in: 0...60, using: &random)
    }
}
