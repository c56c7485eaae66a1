import Chat
import Consensus
import Storage
import Vocabulary
import Wire

/// A replica's state beside its Raft machine.
struct SimulatedReplica {
    var generation: UInt32
    var applied: LogIndex
    /// Of every write since the first entry.
    var stateHash: UInt64
    /// Clients by the log index of their proposal.
    var waiting: [LogIndex: (term: Term, ticket: ClientTicket)] = [:]
    /// Confirmed reads whose index is not applied yet.
    var confirmed: [(index: LogIndex, ticket: ClientTicket)] = []
}

/// Names one attempt of one client's operation.
struct ClientTicket {
    var client: Int
    var attempt: Int
    var conversation: ConversationID
}

/// One node: the real machines around a simulated disk.
final class SimulatedNode {
    let number: Int
    let id: NodeID
    var disk: SimulatedDisk
    let store = InMemoryStateStore()
    var raft: MultiRaft
    var replicas: [GroupID: SimulatedReplica] = [:]
    /// Groups whose replica's burial is not durable yet.
    var burying: Set<GroupID> = []
    var reads: [UInt64: (group: GroupID, ticket: ClientTicket)] = [:]
    var nextRead: UInt64 = 1
    var isUp = true
    /// Counts starts: events of an earlier life are dropped.
    var life = 0
    /// What arrived while the process was stopped.
    var pausedEvents: [SimulationEvent]?
    var syncFactor: UInt64 = 1
    /// Milliseconds that its wall clock is wrong by.
    let skew: Int64

    init(number: Int, cluster: ClusterID, settings: RaftSettings, random: inout SeededGenerator) {
        self.number = number
        id = SimulatedNode.id(of: number)
        disk = SimulatedDisk(cluster: cluster, node: id)
        raft = MultiRaft(node: id, settings: settings, generator: random.split())
        skew = Int64.random(in: -5_000...5_000, using: &random)
    }

    static func id(of number: Int) -> NodeID { NodeID(high: 0, low: UInt64(number)) }
    static func number(of node: NodeID) -> Int { Int(node.raw.low) }

    /// An earlier incarnation's state is gone for certain before the log speaks of a new one: its removal may
    /// not have reached the disk, and would be taken for the new one's state after a crash.
    func host(
        _ group: GroupID, replica: ReplicaID, configuration: Configuration, checker: InvariantChecker,
        now: Tick
    ) {
        removeStates(of: group)
        do { try store.flush() } catch { checker.fail("\(error)") }
        replicas[group] = SimulatedReplica(generation: 0, applied: .zero, stateHash: 0)
        raft.create(group: group, replica: replica, configuration: configuration, now: now)
    }

    /// The state goes when the log's word on it is durable: a crash in between must find both or neither.
    func bury(_ group: GroupID, now: Tick) {
        guard replicas.removeValue(forKey: group) != nil else { return }
        raft.bury(group: group, now: now)
        burying.insert(group)
    }

    func buried(_ group: GroupID) {
        if burying.remove(group) != nil { removeStates(of: group) }
    }

    private func removeStates(of group: GroupID) {
        for held in store.generations() where held.group == group {
            store.removeGeneration(group: group, generation: held.generation)
        }
    }

    /// Starts from what the disk and the state store kept.
    func restart(
        settings: RaftSettings, checker: InvariantChecker, now: Tick, random: inout SeededGenerator
    ) {
        store.crash()
        replicas = [:]
        reads = [:]
        burying = []
        raft = MultiRaft(node: id, settings: settings, generator: random.split())
        isUp = true
        syncFactor = 1
        let fold: RecoveryFold
        do {
            fold = try disk.recover()
        } catch {
            return checker.fail("node \(number) finds its log damaged: \(error)")
        }
        for (group, recovered) in fold.replicas.sorted(by: { $0.key < $1.key }) {
            let applied = store.applied(group: group, generation: recovered.generation)
            checker.restarted(recovered, lastIndex: recovered.lastIndex, applied: applied)
            guard checker.violations.isEmpty else { return }
            raft.restore(recovered, applied: applied, now: now)
            replicas[group] = SimulatedReplica(
                generation: recovered.generation, applied: applied,
                stateHash: checker.stateHash(group: group, at: applied))
        }
        for (group, generation) in store.generations() where replicas[group]?.generation != generation {
            store.removeGeneration(group: group, generation: generation)
        }
    }

    /// Drops what the state store has persisted from the logs.
    func compact(kept: UInt64, checker: InvariantChecker) -> Bool {
        do { try store.flush() } catch { checker.fail("\(error)") }
        var hasCompacted = false
        for (group, replica) in replicas.sorted(by: { $0.key < $1.key }) {
            let persisted = store.persistedApplied(group: group, generation: replica.generation)
            guard persisted.raw > kept, let status = raft.status(of: group),
                persisted.raw - kept >= status.firstIndex.raw
            else { continue }
            raft.compact(group: group, through: LogIndex(persisted.raw - kept))
            hasCompacted = true
        }
        return hasCompacted
    }
}
