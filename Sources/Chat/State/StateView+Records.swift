import Vocabulary
import Wire

/// Typed reads of the tables. A value that does not decode is a broken invariant: the store checks its bytes,
/// and a version that cannot read what another wrote must not go on.
extension StateView {
    func conversation(_ id: ConversationID) -> ConversationRecord? {
        record(Tables.conversation(id)) { (bytes) throws(DecodingFailure) in try ConversationRecord(bytes) }
    }

    /// A member, also one who has left.
    func member(
        _ user: UserID, of id: ConversationID, _ conversation: ConversationRecord
    ) -> ConversationMember? {
        if conversation.kind == .direct { return conversation.sides.first { $0.user == user } }
        return record(Tables.member(id, user)) { (bytes) throws(DecodingFailure) in try decodeMember(bytes) }
    }

    /// All members in the order of their ids, also those who have left.
    func members(of id: ConversationID, _ conversation: ConversationRecord) -> [ConversationMember] {
        if conversation.kind == .direct { return conversation.sides }
        return members(in: Tables.members(id), limit: .max)
    }

    /// Rows of a group's members.
    func members(in range: KeyRange, limit: Int) -> [ConversationMember] {
        pairs(in: range, limit: limit).map { pair in
            decoded(pair.key, pair.value) { (bytes) throws(DecodingFailure) in try decodeMember(bytes) }
        }
    }

    func message(_ id: ConversationID, _ seq: Seq, hash60: UInt64) -> MessageRecord? {
        record(Tables.message(id, seq)) { (bytes) throws(DecodingFailure) in
            try StoredMessage.decode(bytes, conversation: id, hash60: hash60, seq: seq)
        }
    }

    func dedup(_ id: ConversationID, _ sender: UserID, _ clientMessageID: ClientMessageID) -> DedupRecord? {
        record(Tables.dedup(id, sender, clientMessageID)) { (bytes) throws(DecodingFailure) in
            try DedupRecord(bytes)
        }
    }

    func user(_ user: UserID) -> UserRecord? {
        record(Tables.user(user)) { (bytes) throws(DecodingFailure) in try UserRecord(bytes) }
    }

    func positions(_ user: UserID, _ conversation: ConversationID) -> PositionsRecord? {
        record(Tables.positions(user, conversation)) { (bytes) throws(DecodingFailure) in
            try PositionsRecord(bytes)
        }
    }

    func inboxRow(_ user: UserID, _ conversation: ConversationID) -> InboxRow? {
        record(Tables.inbox(user, conversation)) { (bytes) throws(DecodingFailure) in
            var reader = ByteReader(bytes)
            let version = try reader.counter(InboxVersion.self)
            var row = try ChatCodec.inboxRow(from: &reader)
            try reader.finish()
            row.version = version
            return row
        }
    }

    func record<T>(_ key: [UInt8], _ decode: ([UInt8]) throws(DecodingFailure) -> T) -> T? {
        guard let bytes = value(of: key) else { return nil }
        return decoded(key, bytes, decode)
    }

    func decoded<T>(
        _ key: [UInt8], _ bytes: [UInt8], _ decode: ([UInt8]) throws(DecodingFailure) -> T
    ) -> T {
        do { return try decode(bytes) } catch { unreadable(key, error) }
    }

    func decoded<T>(_ pair: StatePair, _ decode: ([UInt8]) throws(DecodingFailure) -> T) -> T {
        decoded(pair.key, pair.value, decode)
    }

    private func unreadable(_ key: [UInt8], _ failure: DecodingFailure) -> Never {
        var isOfNewerBuild = false
        if case .unknown = failure { isOfNewerBuild = true }
        unreadable(
            UnreadableRow(
                table: Tables.name(ofKey: key), key: key, reason: "\(failure)", isOfNewerBuild: isOfNewerBuild
            ))
    }
}

extension StateTransaction {
    mutating func put(_ id: ConversationID, _ conversation: ConversationRecord) {
        set(Tables.conversation(id), conversation.bytes)
    }

    /// A member of a group; a direct pair is stored with its conversation.
    mutating func put(_ member: ConversationMember, of id: ConversationID) {
        var writer = ByteWriter(capacity: 64)
        member.write(into: &writer)
        set(Tables.member(id, member.user), writer.bytes)
    }

    mutating func put(_ user: UserID, _ record: UserRecord) { set(Tables.user(user), record.bytes) }

    mutating func put(_ user: UserID, _ row: InboxRow) {
        var writer = ByteWriter(capacity: 128)
        writer.counter(row.version)
        ChatCodec.write(row, into: &writer)
        set(Tables.inbox(user, row.conversation), writer.bytes)
    }
}

private func decodeMember(_ bytes: [UInt8]) throws(DecodingFailure) -> ConversationMember {
    var reader = ByteReader(bytes)
    let member = try ConversationMember(from: &reader)
    try reader.finish()
    return member
}
