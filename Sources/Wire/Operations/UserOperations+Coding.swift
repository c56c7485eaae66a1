import Vocabulary

extension ByteWriter {
    package mutating func sessionKey(_ value: SessionKey) {
        identity(value.node)
        varint(value.number)
    }

    package mutating func syncCursor(_ value: SyncCursor) {
        counter(value.version)
        list(value.marks) { writer, mark in
            writer.identity(mark.conversation)
            writer.position(mark.position)
        }
    }

    mutating func openSession(_ value: OpenSession) {
        text(value.user)
        text(value.device)
        sessionKey(value.session)
        optional(value.cursor) { $0.syncCursor($1) }
        bool(value.isRenewal)
        bool(value.foreground)
        optional(value.boundSince) { $0.timestamp($1) }
    }

    mutating func sessionOpened(_ value: SessionOpened) {
        counter(value.version)
        list(value.missed) { writer, missed in
            writer.identity(missed.conversation)
            writer.position(missed.position)
            writer.position(missed.head)
        }
        list(value.settings) { $0.inboxRow($1) }
    }

    mutating func sessionRefresh(_ value: SessionRefresh) {
        text(value.user)
        text(value.device)
        sessionKey(value.session)
        bool(value.foreground)
    }

    package mutating func deviceAck(_ value: DeviceAck) {
        text(value.user)
        text(value.device)
        identity(value.conversation)
        position(value.position)
    }

    package mutating func inboxRow(_ value: InboxRow) {
        identity(value.conversation)
        u8(value.kind.rawValue)
        optional(value.peer) { $0.text($1) }
        text(value.title)
        counter(value.head)
        counter(value.rev)
        timestamp(value.lastAt)
        text(value.preview)
        counter(value.headOrdinal)
        counter(value.markOrdinal)
        counter(value.read)
        varint(value.memberEpoch)
        bool(value.isMember)
        counter(value.version)
        rowSettings(value.settings)
        counter(value.previewRev)
        counter(value.cleared)
    }

    mutating func conversationsQuery(_ value: ConversationsQuery) {
        text(value.user)
        optional(value.before) { $0.conversationsCursor($1) }
        varint(value.limit)
    }

    package mutating func conversationsCursor(_ value: ConversationsCursor) {
        bool(value.isPinned)
        timestamp(value.lastAt)
        identity(value.conversation)
    }

    mutating func presenceState(_ value: PresenceState) {
        text(value.user)
        bool(value.online)
        optional(value.lastSeen) { $0.timestamp($1) }
    }
}

extension ByteReader {
    package mutating func sessionKey() throws(DecodingFailure) -> SessionKey {
        SessionKey(node: try identity(), number: try varint())
    }

    package mutating func syncCursor() throws(DecodingFailure) -> SyncCursor {
        SyncCursor(
            version: try counter(),
            marks: try list { r throws(DecodingFailure) in
                SyncCursor.Mark(conversation: try r.identity(), position: try r.position())
            })
    }

    mutating func openSession() throws(DecodingFailure) -> OpenSession {
        OpenSession(
            user: try textIdentity(), device: try textIdentity(), session: try sessionKey(),
            cursor: try optional { r throws(DecodingFailure) in try r.syncCursor() }, isRenewal: try bool(),
            foreground: try bool(),
            boundSince: try optional { r throws(DecodingFailure) in try r.timestamp() })
    }

    mutating func sessionOpened() throws(DecodingFailure) -> SessionOpened {
        SessionOpened(
            version: try counter(),
            missed: try list { r throws(DecodingFailure) in
                SessionOpened.Missed(
                    conversation: try r.identity(), position: try r.position(), head: try r.position())
            }, settings: try list { r throws(DecodingFailure) in try r.inboxRow() })
    }

    mutating func sessionRefresh() throws(DecodingFailure) -> SessionRefresh {
        SessionRefresh(
            user: try textIdentity(), device: try textIdentity(), session: try sessionKey(),
            foreground: try bool())
    }

    package mutating func deviceAck() throws(DecodingFailure) -> DeviceAck {
        DeviceAck(
            user: try textIdentity(), device: try textIdentity(), conversation: try identity(),
            position: try position())
    }

    package mutating func inboxRow() throws(DecodingFailure) -> InboxRow {
        var row = InboxRow(
            conversation: try identity(), kind: try bool() ? .group : .direct,
            peer: try optional { r throws(DecodingFailure) in try r.textIdentity(UserID.self) },
            title: try text(), head: try counter(), rev: try counter(), lastAt: try timestamp(),
            preview: try text(), headOrdinal: try counter(), markOrdinal: try counter(), read: try counter(),
            memberEpoch: try varint(), isMember: try bool(), version: try counter(),
            settings: try rowSettings())
        row.previewRev = try counter()
        row.cleared = try counter()
        return row
    }

    mutating func conversationsQuery() throws(DecodingFailure) -> ConversationsQuery {
        ConversationsQuery(
            user: try textIdentity(),
            before: try optional { r throws(DecodingFailure) in try r.conversationsCursor() },
            limit: try length())
    }

    package mutating func conversationsCursor() throws(DecodingFailure) -> ConversationsCursor {
        ConversationsCursor(
            isPinned: try bool(), lastAt: try timestamp(), conversation: try identity())
    }

    mutating func presenceState() throws(DecodingFailure) -> PresenceState {
        PresenceState(
            user: try textIdentity(), online: try bool(),
            lastSeen: try optional { r throws(DecodingFailure) in try r.timestamp() })
    }
}
