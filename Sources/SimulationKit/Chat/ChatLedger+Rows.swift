import Vocabulary
import Wire

extension ChatLedger {
    /// What users have set for their conversations, folded from the log by rules of its own: a new message takes an
    /// unmuted row out of the archive, reading and sending end a mark of unread.
    struct Rows {
        struct Key: Hashable, Comparable {
            var user: UserID
            var conversation: ConversationID
            static func < (a: Self, b: Self) -> Bool { (a.user, a.conversation) < (b.user, b.conversation) }
        }

        struct Settings: Hashable {
            var mutedUntil: Int64?
            var isPinned = false
            var isArchived = false
            var isMarkedUnread = false
        }

        struct Row {
            fileprivate var head: UInt64
            fileprivate var mark: UInt64
            fileprivate(set) var read: Seq
            /// Everything that was ever set, in order.
            fileprivate(set) var history = [Settings()]
            var settings: Settings { history[history.count - 1] }
        }

        private(set) var rows: [Key: Row] = [:]

        subscript(user: UserID, conversation: ConversationID) -> Row? {
            rows[Key(user: user, conversation: conversation)]
        }

        func conversations(of user: UserID) -> [ConversationID] {
            rows.keys.filter { $0.user == user }.map(\.conversation).sorted()
        }

        mutating func merge(_ update: InboxRow, of user: UserID) {
            let key = Key(user: user, conversation: update.conversation)
            let head = update.headOrdinal.raw
            let mark = update.markOrdinal.raw
            guard var row = rows[key] else {
                rows[key] = Row(head: head, mark: mark, read: update.read)
                return
            }
            var settings = row.settings
            let isMuted = settings.mutedUntil.map { $0 > update.lastAt.milliseconds } ?? false
            if head > row.head && !isMuted { settings.isArchived = false }
            if update.read > row.read || mark > row.mark { settings.isMarkedUnread = false }
            row.head = max(row.head, head)
            row.mark = max(row.mark, mark)
            row.read = max(row.read, update.read)
            row.set(settings)
            rows[key] = row
        }

        mutating func forget(_ user: UserID) { rows = rows.filter { $0.key.user != user } }

        /// A wish that was granted: pinning and archiving exclude each other, and the later one wins.
        mutating func set(_ change: RowSettingsChange, of user: UserID, in conversation: ConversationID) {
            let key = Key(user: user, conversation: conversation)
            guard var settings = rows[key]?.settings else { return }
            switch change.mute {
            case .until(let time)?: settings.mutedUntil = time.milliseconds
            case .off?: settings.mutedUntil = nil
            case nil: break
            }
            if let archived = change.archived {
                settings.isArchived = archived
                settings.isPinned = settings.isPinned && !archived
            }
            if let pinned = change.pinned {
                settings.isPinned = pinned
                settings.isArchived = settings.isArchived && !pinned
            }
            settings.isMarkedUnread = change.markedUnread ?? settings.isMarkedUnread
            rows[key]?.set(settings)
        }
    }
}

extension ChatLedger.Rows.Row {
    fileprivate mutating func set(_ settings: ChatLedger.Rows.Settings) {
        if settings != self.settings { history.append(settings) }
    }
}

extension ChatLedger.Rows.Settings {
    init(_ row: RowSettings) {
        self.init(
            mutedUntil: row.mutedUntil?.milliseconds, isPinned: row.isPinned, isArchived: row.isArchived,
            isMarkedUnread: row.isMarkedUnread)
    }

    /// As a `conversation` frame tells it.
    init?(_ object: JSONObject) {
        guard case .bool(let pinned)? = object["pinned"], case .bool(let archived)? = object["archived"],
            case .bool(let unread)? = object["marked_unread"]
        else { return nil }
        self.init(
            mutedUntil: object.number("muted_until").map { Int64($0) }, isPinned: pinned,
            isArchived: archived, isMarkedUnread: unread)
    }
}
