import Consensus
import Vocabulary

/// What can go wrong in a simulation, and how often it did.
package enum FaultKind: String, CaseIterable, Sendable {
    case crashes, powerLosses = "power_losses", lostWrites = "lost_writes", tornWrites = "torn_writes"
    case partitions, oneWayPartitions = "one_way_partitions", linkBreaks = "link_breaks"
    case messagesLost = "messages_lost", messagesDuplicated = "messages_duplicated"
    case messagesLate = "messages_late"
    case pauses, slowDisks = "slow_disks", stalledDisks = "stalled_disks", fullDisks = "full_disks"
    case failedSyncs = "failed_syncs", bitFlips = "bit_flips", wipes
    case suspicions, deaths
    case transfers, moves, abortedMoves = "aborted_moves", snapshots, compactions, restatements
    case clonedDisks = "cloned_disks", rolledBackDisks = "rolled_back_disks"
    case divergedStates = "diverged_states"
    case joins, drains, decommissions, coordinatorKills = "coordinator_kills"
}

/// Which faults one seed has, and how hard they strike: every seed draws its own mix (swarm testing).
struct FaultPlan {
    /// Nodes that form the cluster, and hosts on which more may join.
    var nodes = 3
    var hosts = 3
    var partitions = 4
    var replicationFactor = 3
    var clients = 4
    /// Milliseconds between two faults, on average.
    var meanInterval = 1_000.0
    var kinds: [FaultKind] = []
    var lossPercent = 0.0
    var duplicatePercent = 0.0
    var slowPercent = 0.0
    /// How often, in percent, a change is asked for while another is in flight.
    var hastePercent = 0.0
    /// Raft's messages keep their order on links; otherwise they go as datagrams do.
    var isStreamed = true
    /// Frames pass their codec.
    var usesCodec = false
    /// Entries that compaction leaves before the persisted index.
    var entriesKept: UInt64 = 20
    var replaceAfterMilliseconds: UInt64 = 600_000
    var segmentBytes = 64 << 10
    var purgeBytes = 256 << 10
    /// Bytes of one chunk of a snapshot.
    var chunkBytes = 4 << 10
    /// How fast a node may send snapshots.
    var moveBytesPerSecond: UInt64 = 1 << 20
    /// Bounds small enough to be met by logs as short as these.
    var raft = RaftSettings()
    /// Now and then one replica makes another state of the log than the others.
    var divergesStates = false
    /// Entries from one comparison of states to the next.
    var markEntries: UInt64 = 256
    var statesSeed: UInt64 = 0

    var chat = ChatPlan()

    /// Nothing fails unless a scenario says so.
    init() {}

    init(_ random: inout SeededGenerator) {
        // Seeds draw what they drew before there was what is drawn from here.
        var later = random
        nodes = [1, 2, 3, 3, 3, 4, 5, 5, 5, 6, 7].randomElement(using: &random) ?? 3
        hosts = nodes + Int.random(in: 0...2, using: &random)
        partitions = 1 << Int.random(in: 0...3, using: &random)
        replicationFactor = random.chance(percent: 85) ? 3 : [1, 2, 5].randomElement(using: &random) ?? 3
        clients = Int.random(in: 4...10, using: &random)
        meanInterval = Double.random(in: 300...3_000, using: &random)
        let candidates: [FaultKind] = [
            .crashes, .powerLosses, .partitions, .oneWayPartitions, .linkBreaks, .pauses, .slowDisks,
            .stalledDisks, .fullDisks, .failedSyncs, .bitFlips, .wipes, .transfers, .moves, .joins, .drains,
            .decommissions, .coordinatorKills,
        ]
        kinds = candidates.filter { _ in random.chance(percent: 55) }
        if kinds.isEmpty { kinds = [.crashes] }
        if random.chance(percent: 60) { lossPercent = Double.random(in: 0...8, using: &random) }
        if random.chance(percent: 50) { duplicatePercent = Double.random(in: 0...5, using: &random) }
        if random.chance(percent: 50) { slowPercent = Double.random(in: 0...10, using: &random) }
        if random.chance(percent: 40) { hastePercent = Double.random(in: 1...30, using: &random) }
        isStreamed = random.chance(percent: 60)
        usesCodec = random.chance(percent: 25)
        entriesKept = UInt64.random(in: 0...60, using: &random)
        replaceAfterMilliseconds =
            random.chance(percent: 50) ? UInt64.random(in: 4_000...20_000, using: &random) : 600_000
        segmentBytes = (8 << 10) << Int.random(in: 0...3, using: &random)
        purgeBytes = segmentBytes * Int.random(in: 2...8, using: &random)
        moveBytesPerSecond = (128 << 10) << UInt64.random(in: 0...5, using: &random)
        chunkBytes = 256 << Int.random(in: 0...6, using: &random)
        chat = ChatPlan(&random)
        later = later.split()
        kinds += [.clonedDisks, .rolledBackDisks].filter { _ in later.chance(percent: 55) }
        chat.changesMessages = true
        if later.chance(percent: 40) { chat.privacyChanges = Double.random(in: 0.5...4, using: &later) }
        var rows = later.split()
        if rows.chance(percent: 35) { chat.rowChanges = Double.random(in: 1...6, using: &rows) }
        var pushes = later.split()
        if pushes.chance(percent: 35) {
            chat.wakesDevices = true
            if chat.rowChanges == 0 { chat.rowChanges = Double.random(in: 0.5...2, using: &pushes) }
            if chat.privacyChanges == 0 { chat.privacyChanges = Double.random(in: 0.2...1, using: &pushes) }
        }
        var bounds = later.split()
        if bounds.chance(percent: 30) {
            raft.replayEntriesMax = Int.random(in: 4...64, using: &bounds)
            raft.catchUpThreshold = Int.random(in: 2...32, using: &bounds)
            raft.catchUpEntriesMax = Int.random(in: 1...16, using: &bounds)
        }
        var erasures = later.split()
        chat.erasesAccounts = erasures.chance(percent: 20)
        var hints = later.split()
        chat.types = hints.chance(percent: 30)
        var states = later.split()
        divergesStates = states.chance(percent: 15)
        if divergesStates { markEntries = 2 << UInt64.random(in: 0...3, using: &states) }
        statesSeed = states.next()
        var presence = later.split()
        if presence.chance(percent: 15) { chat.presence = presence }
        var ages = later.split()
        // Who is told by push, and what an ended account leaves, is judged where nothing else goes.
        if ages.chance(percent: 20), !chat.wakesDevices, !chat.erasesAccounts {
            chat.retention = UInt64.random(in: 2_000...15_000, using: &ages)
        }
        var applies = later.split()
        if applies.chance(percent: 50) {
            raft.applyMilliseconds = UInt64.random(in: 20...1_000, using: &applies)
            raft.applyEntriesMax = Int.random(in: 1...64, using: &applies)
            // As in a node: every state that is compared is told of before the next one is.
            raft.applyEntriesMax = min(raft.applyEntriesMax, Int(markEntries))
        } else {
            raft.applyMilliseconds = 0
        }
    }
}
