import Vocabulary
import Wire

extension StateView {
    func privacy(_ user: UserID) -> PrivacyRecord? {
        guard let bytes = value(of: Tables.privacy(user)) else { return nil }
        guard let record = try? PrivacyRecord(bytes) else {
            preconditionFailure("stored settings of \(user) do not decode")
        }
        return record
    }

    func isBlocked(_ peer: UserID, by user: UserID) -> Bool { value(of: Tables.block(user, peer)) != nil }

    func flagsAhead(_ user: UserID, of conversation: ConversationID) -> MemberFlags? {
        guard let bytes = value(of: Tables.flagsAhead(conversation, user)) else { return nil }
        var reader = ByteReader(bytes)
        guard let flags = try? MemberFlags(from: &reader) else {
            preconditionFailure("stored flags of \(user) in \(conversation) do not decode")
        }
        return flags
    }

    /// What the conversation between both is to know of `user`.
    func flags(of user: UserID, toward peer: UserID) -> MemberFlags {
        let record = privacy(user) ?? PrivacyRecord()
        return MemberFlags(
            version: record.version, isBlocking: record.blockCount > 0 && isBlocked(peer, by: user),
            hidesReads: !record.settings.readReceipts)
    }

    /// A direct conversation exists between both, as far as `user` knows.
    func isContact(_ peer: UserID, of user: UserID) -> Bool {
        inboxRow(user, .direct(between: user, and: peer)) != nil
    }

    func admits(_ audience: PrivacyAudience, _ peer: UserID, of user: UserID) -> Bool {
        switch audience {
        case .everyone: true
        case .contacts: isContact(peer, of: user)
        case .nobody: false
        }
    }
}

extension StateTransaction {
    mutating func put(_ user: UserID, _ record: PrivacyRecord) { set(Tables.privacy(user), record.bytes) }

    mutating func putFlagsAhead(_ update: MemberFlagsUpdate) {
        var writer = ByteWriter(capacity: 8)
        update.flags.write(into: &writer)
        set(Tables.flagsAhead(update.conversation, update.user), writer.bytes)
    }

    mutating func put(_ due: FlagsDue) {
        var writer = ByteWriter(capacity: 16)
        writer.varint(due.mark.version)
        writer.optional(due.peer) { $0.text($1) }
        set(Tables.flagsDue(due.mark.user, due.mark.conversation), writer.bytes)
    }
}
