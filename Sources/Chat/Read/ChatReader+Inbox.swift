import Vocabulary
import Wire

extension ChatReader {
    /// Whether the user has come itself, or a backend made it.
    package func userExists(_ user: UserID) -> Bool { view.user(user)?.isActive == true }

    /// Whether the account was erased.
    package func isErased(_ user: UserID) -> Bool { view.user(user)?.erased != nil }

    /// The user's own row; `nil` when it never was heard of.
    package func user(_ user: UserID) -> UserRecord? { view.user(user) }

    /// When the user was last online, as far as it was written down.
    package func lastSeen(_ user: UserID) -> Timestamp? { view.user(user)?.lastSeen }

    /// A committed inbox row.
    package func inboxRow(_ user: UserID, _ conversation: ConversationID) -> InboxRow? {
        view.inboxRow(user, conversation)
    }

    /// Where a device stands in a conversation, as committed.
    package func position(
        of device: DeviceID, of user: UserID, in conversation: ConversationID
    ) -> ConversationPosition {
        view.positions(user, conversation)?.position(of: device) ?? .start
    }

    /// One page of the conversation list, pinned rows first, then newest activity first, with `pending` rows laid over the committed
    /// ones.
    package func conversations(_ query: ConversationsQuery, pending: [InboxRow]) -> ConversationsPage {
        guard query.limit > 0 else { return ConversationsPage(rows: [], hasMore: false) }
        // A pending row can hide at most one committed place, so this many places are always enough.
        let keys = view.pairs(
            in: Tables.activity(query.user, before: query.before), limit: query.limit + pending.count + 1,
            reverse: true)
        var rows: [InboxRow] = []
        let laid = Set(pending.map(\.conversation))
        for pair in keys {
            guard let id = Tables.conversation(atEndOf: pair.key), !laid.contains(id) else { continue }
            if let row = view.inboxRow(query.user, id) { rows.append(row) }
        }
        for row in pending {
            let merged = view.inboxRow(query.user, row.conversation).map { $0.merged(with: row) } ?? row
            if merged.isListed, merged.isBefore(query.before) { rows.append(merged) }
        }
        rows.sort { $1.place < $0.place }
        return ConversationsPage(
            rows: Array(rows.prefix(query.limit)), hasMore: rows.count > query.limit)
    }

    /// What a device lacks, with `pending` rows laid over the committed ones. `position` answers where the
    /// device stands; a cursor's marks come first.
    package func missed(
        _ open: OpenSession, pending: [InboxRow], position: (ConversationID) -> ConversationPosition
    ) -> MissedRows {
        guard let user = view.user(open.user) else { return MissedRows() }
        let after = open.cursor?.version ?? user.device(open.device)?.version ?? .zero
        var result = MissedRows(version: user.inboxVersion, coveredVersion: user.inboxVersion)
        var candidates = changedRows(of: open.user, after: after)
        let changed = Set(candidates.map(\.conversation))
        result.settings = candidates.filter { $0.settings.version > after }
        #if MUTANTS
        if Mutant.active == .settingsNotShown { result.settings = [] }
        #endif
        for mark in open.cursor?.marks ?? [] where !changed.contains(mark.conversation) {
            if let row = view.inboxRow(open.user, mark.conversation) { candidates.append(row) }
        }
        candidates = candidates.laid(over: pending) { view.inboxRow(open.user, $0) }
        for row in candidates {
            let stands = position(row.conversation)
            if stands.covers(row.position) { continue }
            if row.version > .zero {
                result.coveredVersion = min(result.coveredVersion, row.version.previous)
            }
            result.rows.append(MissedRows.Row(row: row, position: stands))
        }
        result.rows.sort {
            ($0.row.lastAt, $0.row.conversation) < ($1.row.lastAt, $1.row.conversation)
        }
        result.shownVersion = result.coveredVersion
        for row in result.settings {
            result.coveredVersion = min(result.coveredVersion, row.settings.version.previous)
        }
        return result
    }

    private func changedRows(of user: UserID, after version: InboxVersion) -> [InboxRow] {
        view.pairs(in: Tables.inboxVersions(user, after: version)).compactMap { pair in
            Tables.conversation(atEndOf: pair.value).flatMap { view.inboxRow(user, $0) }
        }
    }
}

/// The rows that hold something a device lacks, oldest activity first.
package struct MissedRows: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        package var row: InboxRow
        package var position: ConversationPosition
    }
    /// The user's inbox version that `rows` is complete up to.
    package var version: InboxVersion = .zero
    /// Rows up to this version hold nothing that the device lacks.
    package var coveredVersion: InboxVersion = .zero
    /// The same, once the device has been shown `settings`.
    package var shownVersion: InboxVersion = .zero
    package var rows: [Row] = []
    /// Rows whose settings the device may not have.
    package var settings: [InboxRow] = []

    package var opened: SessionOpened {
        SessionOpened(
            version: version,
            missed: rows.map {
                SessionOpened.Missed(
                    conversation: $0.row.conversation, position: $0.position, head: $0.row.position)
            },
            settings: settings)
    }
}

extension InboxRow {
    func merged(with update: InboxRow) -> InboxRow {
        var row = self
        row.merge(update)
        return row
    }

    fileprivate func isBefore(_ cursor: ConversationsCursor?) -> Bool {
        guard let cursor else { return true }
        return place < cursor
    }
}

extension [InboxRow] {
    /// These committed rows and the pending ones, each conversation once.
    fileprivate func laid(over pending: [InboxRow], committed: (ConversationID) -> InboxRow?) -> [InboxRow] {
        if pending.isEmpty { return self }
        var updates: [ConversationID: InboxRow] = [:]
        for row in pending { updates[row.conversation] = row }
        var rows = map { row in
            updates.removeValue(forKey: row.conversation).map { row.merged(with: $0) } ?? row
        }
        for row in pending where updates[row.conversation] != nil {
            rows.append(committed(row.conversation).map { $0.merged(with: row) } ?? row)
        }
        return rows
    }
}
