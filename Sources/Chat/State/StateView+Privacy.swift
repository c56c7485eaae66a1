import Vocabulary
import Wire

extension StateView {
    func privacy(_ user: UserID) -> PrivacyRecord? {
        record(Tables.privacy(user)) { (bytes) throws(DecodingFailure) in try PrivacyRecord(bytes) }
    }

    func isBlocked(_ peer: UserID, by user: UserID) -> Bool { value(of: Tables.block(user, peer)) != nil }

    func flagsAhead(_ user: UserID, of conversation: ConversationID) -> MemberFlags? {
        record(Tables.flagsAhead(conversation, user)) { (bytes) throws(DecodingFailure) in
            var reader = ByteReader(bytes)
            return try MemberFlags(from: &reader)
        }
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
