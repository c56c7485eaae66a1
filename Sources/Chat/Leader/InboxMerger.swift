import Vocabulary
import Wire

/// Merges what fan-out brings for the inboxes of one led partition, and gives it out as one batch at a time.
/// Merged rows count at once for whoever asks; drivers hear of them only when they are committed.
///
/// A conversation's rows are written at most twice a second: in between they only grow.
package struct InboxMerger: Sendable {
    /// Milliseconds between two batches with rows of one conversation.
    package static let rowIntervalMilliseconds: UInt64 = 500
    /// Rows of one batch at most.
    package static let batchRowsMax = 4_096

    private var waiting: [ConversationID: Rows] = [:]
    /// Proposed and not yet committed.
    private var inFlight: [ConversationID: Rows] = [:]
    private var lastBatchAt: [ConversationID: Tick] = [:]
    private var byUser: [UserID: Set<ConversationID>] = [:]

    private struct Rows: Sendable {
        var rows: [UserID: InboxRow] = [:]
        var partition: PartitionID
        /// The rev to acknowledge when all rows are committed.
        var rev: Rev = .zero
        var dueAt: Tick
    }

    package init() {}

    package var isEmpty: Bool { waiting.isEmpty && inFlight.isEmpty }

    /// Merges one item's rows.
    package mutating func merge(_ item: FanoutItem, now: Tick) {
        let due = lastBatchAt[item.conversation].map { $0 + Self.rowIntervalMilliseconds } ?? now
        var rows =
            waiting.removeValue(forKey: item.conversation) ?? Rows(partition: item.partition, dueAt: due)
        rows.rev = max(rows.rev, item.rev)
        for target in item.targets {
            let update = InboxRow(item, target)
            rows.rows[target.user]?.merge(update)
            if rows.rows[target.user] == nil {
                rows.rows[target.user] = update
                byUser[target.user, default: []].insert(item.conversation)
            }
        }
        waiting[item.conversation] = rows
    }

    /// What is not yet committed of one user's rows, in the order of the conversations.
    package func rows(of user: UserID) -> [InboxRow] {
        guard let conversations = byUser[user] else { return [] }
        return conversations.sorted().compactMap { row(of: user, in: $0) }
    }

    /// What is not yet committed of one row.
    package func row(of user: UserID, in conversation: ConversationID) -> InboxRow? {
        let newer = waiting[conversation]?.rows[user]
        guard var row = inFlight[conversation]?.rows[user] else { return newer }
        if let newer { row.merge(newer) }
        return row
    }

    /// The next batch: what is due, when none is in flight.
    package mutating func takeBatch(now: Tick) -> [InboxUpdate]? {
        guard inFlight.isEmpty, !waiting.isEmpty else { return nil }
        var due = waiting.filter { $0.value.dueAt <= now }.map { (at: $0.value.dueAt, id: $0.key) }
        guard !due.isEmpty else { return nil }
        due.sort { ($0.at, $0.id) < ($1.at, $1.id) }
        lastBatchAt = lastBatchAt.filter { now.since($0.value) < Self.rowIntervalMilliseconds }
        var updates: [InboxUpdate] = []
        for (_, id) in due where updates.count < Self.batchRowsMax {
            guard let rows = waiting.removeValue(forKey: id) else { continue }
            updates += rows.rows.map { InboxUpdate(user: $0.key, row: $0.value) }
            inFlight[id] = rows
            lastBatchAt[id] = now
        }
        // By user, so that apply meets each user's own row once in a run.
        return updates.sorted { ($0.user, $0.row.conversation) < ($1.user, $1.row.conversation) }
    }

    /// The batch in flight is committed: what its drivers may be told.
    package mutating func committed() -> [FanoutAck] {
        let done = inFlight
        inFlight = [:]
        for (id, rows) in done {
            for user in rows.rows.keys where waiting[id]?.rows[user] == nil {
                byUser[user]?.remove(id)
                if byUser[user]?.isEmpty == true { byUser[user] = nil }
            }
        }
        return done.keys.sorted().compactMap { id in
            done[id].map { FanoutAck(partition: $0.partition, conversation: id, rev: $0.rev) }
        }
    }

    /// The batch in flight was not proposed after all: its rows wait again.
    package mutating func refused() {
        let back = inFlight
        inFlight = [:]
        for (id, rows) in back {
            var merged = rows
            if let newer = waiting[id] {
                merged.rev = max(merged.rev, newer.rev)
                for (user, row) in newer.rows {
                    merged.rows[user]?.merge(row)
                    if merged.rows[user] == nil { merged.rows[user] = row }
                }
            }
            waiting[id] = merged
        }
    }
}

extension InboxRow {
    /// What an item says of one target's row. Somebody who left learns that, and nothing of what came later: the last that
    /// stands in its list is its leaving, which has no preview, for nobody would tell it of what becomes of a message.
    init(_ item: FanoutItem, _ target: FanoutItem.Target) {
        self.init(
            conversation: item.conversation, kind: item.kind, peer: item.peer(of: target.user),
            title: item.title, head: target.head, rev: item.rev,
            lastAt: target.isMember ? item.lastAt : .zero,
            preview: target.isMember && !target.isHeadHidden ? item.preview : "",
            headOrdinal: target.isMember ? item.headOrdinal : .zero, markOrdinal: target.markOrdinal,
            read: target.read, memberEpoch: item.memberEpoch, isMember: target.isMember, version: .zero)
        previewRev = target.isMember ? item.previewRev : item.rev
        cleared = target.cleared
    }
}

extension FanoutItem {
    /// The other user of a direct conversation; oneself when it is with oneself.
    func peer(of user: UserID) -> UserID? {
        pair.first { $0 != user } ?? pair.first
    }
}
