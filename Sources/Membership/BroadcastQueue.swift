import Vocabulary
import Wire

/// Updates that wait to ride on datagrams, at most one per node; the least often sent goes first
/// (SWIM, section 4.1).
struct BroadcastQueue: Sendable {
    private struct Item {
        var update: GossipUpdate
        var byteCount: Int
        var order: UInt64
        var transmits = 0
    }

    private var items: [Item] = []
    private var nextOrder: UInt64 = 0

    var isEmpty: Bool { items.isEmpty }

    /// Queues an update in place of whatever was waiting about the same node.
    mutating func push(_ update: GossipUpdate) {
        items.removeAll { $0.update.record.node == update.record.node }
        items.append(Item(update: update, byteCount: update.byteCount, order: nextOrder))
        nextOrder += 1
    }

    /// Takes updates of at most `room` bytes for one datagram and forgets those sent `limit` times.
    mutating func take(room: Int, limit: Int, except excluded: [NodeID]) -> [GossipUpdate] {
        guard !items.isEmpty else { return [] }
        // The newest of the least sent first.
        items.sort { ($0.transmits, $1.order) < ($1.transmits, $0.order) }
        var room = room
        var taken: [GossipUpdate] = []
        for index in items.indices {
            let item = items[index]
            guard item.byteCount <= room, !excluded.contains(item.update.record.node) else { continue }
            room -= item.byteCount
            taken.append(item.update)
            items[index].transmits += 1
        }
        items.removeAll { $0.transmits >= limit }
        return taken
    }
}
