import Vocabulary
import Wire

/// One row of a user's push outbox: what some device may still have to be told of one conversation, and what is
/// shown. Durable, so that the next leader goes on where this one stopped; bodies are read when they are sent.
package struct PushOutboxRecord: Hashable, Sendable {
    /// Messages not dealt with yet; empty when `from` is after `through`.
    package var from: Seq = Seq(1)
    package var through: Seq = .zero
    /// When the first of them came.
    package var at: Timestamp = .zero
    /// The last message that a notification is shown of; zero when none is.
    package var shown: Seq = .zero
    /// The user has read what is shown: it is to be cleared.
    package var isClearDue = false

    package var isWaiting: Bool { from <= through }
    package var isEmpty: Bool { !isWaiting && shown == .zero }
}

extension PushOutboxRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.counter(from)
        writer.counter(through)
        writer.timestamp(at)
        writer.counter(shown)
        writer.bool(isClearDue)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        from = try reader.counter()
        through = try reader.counter()
        at = try reader.timestamp()
        shown = try reader.counter()
        isClearDue = try reader.bool()
        try reader.finish()
    }
}

extension Tables {
    static func pushOutbox(_ user: UserID, _ conversation: ConversationID) -> [UInt8] {
        var writer = start(.pushOutbox, user)
        writer.identity(conversation)
        return writer.bytes
    }

    static func pushOutbox(_ user: UserID) -> KeyRange { KeyRange(prefix: start(.pushOutbox, user).bytes) }

    static let allPushOutbox = KeyRange(prefix: [Table.pushOutbox.rawValue])

    /// The user of a key of the outbox.
    static func pushUser(ofKey key: [UInt8]) -> UserID? {
        UserID(String(decoding: key.dropFirst().dropLast(17), as: UTF8.self))
    }
}

extension StateView {
    func pushOutbox(_ user: UserID, _ conversation: ConversationID) -> PushOutboxRecord? {
        record(Tables.pushOutbox(user, conversation)) { (bytes) throws(DecodingFailure) in
            try PushOutboxRecord(bytes)
        }
    }
}

extension StateTransaction {
    /// Notes what a changed row means for devices that are woken by push. True when the outbox has work.
    mutating func notePush(_ row: InboxRow, before: InboxRow?, of user: UserID) -> Bool {
        guard self.user(user)?.hasPush == true else { return false }
        let stored = pushOutbox(user, row.conversation)
        var record = stored ?? PushOutboxRecord()
        let head = before?.head ?? .zero
        if row.head > head, row.unread > 0 {
            if !record.isWaiting {
                record.from = head.next
                record.at = row.lastAt
            }
            record.through = row.head
        }
        if record.isWaiting { record.from = max(record.from, row.read.next) }
        if record.shown > .zero, row.read >= record.shown { record.isClearDue = true }
        guard record != stored ?? PushOutboxRecord() else { return false }
        put(record, user, row.conversation)
        return record.isWaiting || record.isClearDue
    }

    /// Returns whose outbox still has work.
    mutating func apply(_ marks: [PushedMark]) -> [PushKey] {
        var left: [PushKey] = []
        for mark in marks {
            guard var record = pushOutbox(mark.user, mark.conversation) else { continue }
            record.from = max(record.from, mark.through.next)
            record.shown = max(record.shown, mark.shown)
            if mark.isCleared {
                // What is shown beyond has come since, and is not read.
                if record.shown <= mark.through { record.shown = .zero }
                record.isClearDue = false
            }
            if let row = inboxRow(mark.user, mark.conversation), record.shown > .zero,
                row.read >= record.shown
            {
                record.isClearDue = true
            }
            put(record, mark.user, mark.conversation)
            if record.isWaiting || record.isClearDue {
                left.append(PushKey(user: mark.user, conversation: mark.conversation))
            }
        }
        return left
    }

    private mutating func put(
        _ record: PushOutboxRecord, _ user: UserID, _ conversation: ConversationID
    ) {
        let key = Tables.pushOutbox(user, conversation)
        if record.isEmpty { remove(key) } else { set(key, record.bytes) }
    }
}

/// Names one row of the outbox.
package struct PushKey: Hashable, Sendable, Comparable {
    package var user: UserID
    package var conversation: ConversationID

    package init(user: UserID, conversation: ConversationID) {
        self.user = user
        self.conversation = conversation
    }

    package static func < (a: Self, b: Self) -> Bool {
        (a.user, a.conversation) < (b.user, b.conversation)
    }
}

extension ChatReader {
    package func pushOutbox(_ key: PushKey) -> PushOutboxRecord? {
        view.pushOutbox(key.user, key.conversation)
    }

    /// Every row of the outbox that has work.
    package func pushOutbox() -> [PushKey] {
        view.pairs(in: Tables.allPushOutbox).compactMap { pair in
            guard let user = Tables.pushUser(ofKey: pair.key),
                let conversation = Tables.conversation(atEndOf: pair.key),
                let record = view.pushOutbox(user, conversation), record.isWaiting || record.isClearDue
            else { return nil }
            return PushKey(user: user, conversation: conversation)
        }
    }

    /// Unread messages of conversations that are not muted: what an app's badge shows. The latest 1,000
    /// conversations count.
    package func badge(of user: UserID, pending: [InboxRow], at time: Timestamp) -> Int {
        let page = conversations(
            ConversationsQuery(user: user, before: nil, limit: 1_000), pending: pending)
        return page.rows.reduce(0) { $0 + ($1.settings.isMuted(at: time) ? 0 : $1.unread) }
    }
}
