import Vocabulary
import Wire

/// What the groups of one shard want done, gathered during a turn; and the messages that wait for the disk.
struct RaftEffects: Sendable {
    var generator: SeededGenerator
    var now: Tick = .zero
    var output = RaftOutput()
    private var outgoing: [NodeID: [RaftMessage]] = [:]
    /// Completions of the batch that is being gathered.
    private var touched: [BatchCompletion] = []
    private var batches: [Batch] = []
    private(set) var nextSequence: UInt64 = 1
    private(set) var persistedSequence: UInt64 = 0

    init(generator: SeededGenerator) { self.generator = generator }

    private struct Batch: Sendable {
        var sequence: UInt64
        var held: [(node: NodeID, message: RaftMessage)] = []
        var completions: [BatchCompletion] = []
    }

    // MARK: Sending

    /// Sends once batch `sequence` is durable. A message for the batch that is still being gathered is held
    /// with it, so nothing can leave before what it promises (table "persist before reply").
    mutating func send(_ message: RaftMessage, to node: NodeID, after sequence: UInt64) {
        guard sequence > persistedSequence else { return outgoing[node, default: []].append(message) }
        batches[place(of: sequence)].held.append((node, message))
    }

    private mutating func place(of sequence: UInt64) -> Int {
        if let place = batches.lastIndex(where: { $0.sequence == sequence }) { return place }
        precondition(
            sequence == nextSequence && (batches.last?.sequence ?? 0) < sequence,
            "batch \(sequence) is neither pending nor next (\(nextSequence))")
        batches.append(Batch(sequence: sequence))
        return batches.count - 1
    }

    /// The entries from `index` on were replaced: acknowledgements of them that wait are void.
    mutating func voidAcknowledgements(of group: GroupID, by replica: ReplicaID, from index: LogIndex) {
        for place in batches.indices {
            batches[place].held.removeAll { held in
                guard held.message.group == group, held.message.from == replica,
                    case .appendResponse(.matched(let matched)) = held.message.body
                else { return false }
                return matched >= index
            }
        }
    }

    // MARK: Persisting

    /// Adds to the batch that is being gathered. `last`: the last entry in it, whose durability counts.
    mutating func persist(_ item: LogItem, replica: ReplicaID, last: LogPosition? = nil) {
        output.persist.append(item)
        touched.append(BatchCompletion(group: item.group, replica: replica, last: last))
    }

    /// What became durable, in order.
    mutating func persisted(through sequence: UInt64) -> [BatchCompletion] {
        persistedSequence = max(persistedSequence, sequence)
        var completions: [BatchCompletion] = []
        while let first = batches.first, first.sequence <= sequence {
            for held in first.held { outgoing[held.node, default: []].append(held.message) }
            completions += first.completions
            batches.removeFirst()
        }
        return completions
    }

    // MARK: Taking

    mutating func take() -> RaftOutput {
        if !output.persist.isEmpty {
            output.sequence = nextSequence
            batches[place(of: nextSequence)].completions = touched
            touched = []
            nextSequence += 1
        }
        if !outgoing.isEmpty {
            output.messages = outgoing.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            outgoing.removeAll(keepingCapacity: true)
        }
        defer { output = RaftOutput() }
        return output
    }
}

/// A group has something in a batch.
struct BatchCompletion: Sendable {
    var group: GroupID
    var replica: ReplicaID
    var last: LogPosition?
}
