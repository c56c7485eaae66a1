import Vocabulary
import Wire

/// How a change of settings or blocks ended.
package struct PrivacyOutcome: Hashable, Sendable {
    package var command: PrivacyCommand
    package var result: Result<UserSettings, Refusal>
    /// What conversations are to be told; `nil` when nothing changed for them.
    package var due: FlagsDue?
    /// Settings or blocks are other than before.
    package var isChange = false
}

extension PrivacyOutcome {
    /// Whose settings or blocks the command was about.
    package var user: UserID? {
        switch command {
        case .change(let user, _): user
        case .block(let block): block.user
        case .flagsDelivered: nil
        }
    }

    /// Proposed before the account ended: an erased user keeps nothing.
    fileprivate static func erased(_ command: PrivacyCommand) -> PrivacyOutcome {
        PrivacyOutcome(command: command, result: .failure(.accountErased))
    }
}

/// A mark that stands until the conversation knows.
package struct FlagsDue: Hashable, Sendable {
    package var mark: FlagsMark
    /// The other user of the mark's conversation; `nil` when the mark is for all of them.
    package var peer: UserID?
}

// MARK: - On the user's partition

extension StateTransaction {
    mutating func apply(_ command: PrivacyCommand) -> PrivacyOutcome {
        switch command {
        case .change(let user, let change): return apply(change, of: user, command)
        case .block(let block): return apply(block, command)
        case .flagsDelivered(let marks):
            for mark in marks { delivered(mark) }
            return PrivacyOutcome(command: command, result: .success(UserSettings()))
        }
    }

    private mutating func apply(
        _ change: SettingsChange, of user: UserID, _ command: PrivacyCommand
    ) -> PrivacyOutcome {
        if self.user(user)?.erased != nil { return .erased(command) }
        var record = privacy(user) ?? PrivacyRecord()
        let before = record.settings
        record.settings.apply(change)
        var outcome = PrivacyOutcome(command: command, result: .success(record.settings))
        guard record.settings != before else { return outcome }
        record.version += 1
        put(user, record)
        outcome.isChange = true
        if record.settings.readReceipts != before.readReceipts {
            let due = FlagsDue(mark: FlagsMark(user: user, conversation: nil, version: record.version))
            put(due)
            outcome.due = due
        }
        return outcome
    }

    private mutating func apply(_ block: BlockCommand, _ command: PrivacyCommand) -> PrivacyOutcome {
        if user(block.user)?.erased != nil { return .erased(command) }
        var record = privacy(block.user) ?? PrivacyRecord()
        var outcome = PrivacyOutcome(command: command, result: .success(record.settings))
        guard isBlocked(block.peer, by: block.user) != block.isBlocked else { return outcome }
        if block.isBlocked {
            guard record.blockCount < block.blocksMax else {
                outcome.result = .failure(.tooManyBlocks(max: block.blocksMax))
                return outcome
            }
            var writer = ByteWriter(capacity: 8)
            writer.timestamp(block.at)
            set(Tables.block(block.user, block.peer), writer.bytes)
        } else {
            remove(Tables.block(block.user, block.peer))
        }
        record.blockCount += block.isBlocked ? 1 : -1
        record.version += 1
        put(block.user, record)
        let mark = FlagsMark(
            user: block.user, conversation: .direct(between: block.user, and: block.peer),
            version: record.version)
        let due = FlagsDue(mark: mark, peer: block.peer)
        put(due)
        outcome.due = due
        outcome.isChange = true
        return outcome
    }

    private mutating func delivered(_ mark: FlagsMark) {
        let key = Tables.flagsDue(mark.user, mark.conversation)
        let stored = record(key) { (bytes) throws(DecodingFailure) in
            var reader = ByteReader(bytes)
            return try reader.varint()
        }
        if let stored, stored <= mark.version { remove(key) }
    }

    /// A direct conversation is new in a user's inbox, and no change before this one found it there: it is to know what
    /// holds now.
    mutating func flagsDue(of user: UserID, for row: InboxRow) -> FlagsDue? {
        guard row.kind == .direct, let peer = row.peer, let record = privacy(user) else { return nil }
        let mark = FlagsMark(user: user, conversation: row.conversation, version: record.version)
        let due = FlagsDue(mark: mark, peer: peer)
        put(due)
        return due
    }
}

extension UserSettings {
    mutating func apply(_ change: SettingsChange) {
        lastSeen = change.lastSeen ?? lastSeen
        online = change.online ?? online
        groupAdd = change.groupAdd ?? groupAdd
        readReceipts = change.readReceipts ?? readReceipts
        switch change.quietHours {
        case nil: break
        case .some(.none): quietHours = nil
        case .hours(let hours): quietHours = hours
        }
    }
}

// MARK: - On the conversation's partition

extension StateTransaction {
    /// Keeps the latest flags: in the conversation, or ahead of it.
    mutating func apply(_ update: MemberFlagsUpdate) {
        guard var record = conversation(update.conversation) else {
            let known = flagsAhead(update.user, of: update.conversation)?.version ?? 0
            if update.flags.version > known { putFlagsAhead(update) }
            return
        }
        guard let side = record.sides.firstIndex(where: { $0.user == update.user }),
            update.flags.version > record.sides[side].flags.version
        else { return }
        record.sides[side].flags = update.flags
        put(update.conversation, record)
    }

    /// A conversation begins: what was said ahead of it moves into it.
    mutating func clearFlagsAhead(of id: ConversationID, _ record: ConversationRecord) {
        for side in record.sides where side.flags.version > 0 {
            remove(Tables.flagsAhead(id, side.user))
        }
    }
}

extension ConversationRecord {
    /// One of a direct conversation's two has blocked the other: neither can send, nor hears of the other.
    package var isBlocked: Bool { sides.contains(where: \.flags.isBlocking) }

    /// One of a direct conversation's two has read receipts off: neither sees the other's.
    package var hidesReads: Bool { sides.contains(where: \.flags.hidesReads) }
}
