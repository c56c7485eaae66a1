import Vocabulary

/// One JSON object a line: everything the cluster keeps of one user.
package struct ExportLines: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func profile(_ user: UserID, at: Timestamp) {
        line("profile") { json in
            json.field("user_id", user)
            json.field("exported_at", at)
        }
    }

    package mutating func settings(_ settings: UserSettings) {
        line("settings") { $0.settingsFields(settings) }
    }

    package mutating func block(_ block: BlocksPage.Block) {
        line("block") { json in
            json.field("user_id", block.user)
            json.field("blocked_at", block.at)
        }
    }

    package mutating func device(_ device: DeviceState) {
        line("device") { $0.deviceFields(device, isOwn: false) }
    }

    package mutating func conversation(_ row: InboxRow) { line("conversation") { $0.rowFields(row) } }

    package mutating func message(_ record: MessageRecord) {
        line("message") { json in
            json.messageFields(record)
            if let timestamp = record.clientTimestamp { json.field("client_timestamp", timestamp) }
            json.reactions(record.reactions)
        }
    }

    /// The last line of a page that is not the last.
    package mutating func next(_ cursor: ExportCursor) {
        line("next") { $0.field("cursor", CursorText.text(cursor)) }
    }

    /// The last line of all: without it the export is not complete.
    package mutating func end() { line("end") { _ in } }

    private mutating func line(_ type: String, _ fields: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        json.beginObject()
        json.field("type", type)
        fields(&json)
        json.endObject()
        bytes += json.bytes
        bytes.append(UInt8(ascii: "\n"))
    }
}

/// How far an export has come: conversations go by their ids, which no activity changes.
package struct ExportCursor: Hashable, Sendable {
    package var conversation: ConversationID
    /// The last message of it that was exported; zero when the next conversation is to come.
    package var after: Seq

    package init(conversation: ConversationID, after: Seq) {
        self.conversation = conversation
        self.after = after
    }
}

extension CursorText {
    package static func text(_ cursor: ExportCursor) -> String {
        seal(.export) { writer in
            writer.identity(cursor.conversation)
            writer.counter(cursor.after)
        }
    }

    package static func export(_ text: String) throws(Refusal) -> ExportCursor {
        try open(text, .export) { reader throws(DecodingFailure) in
            ExportCursor(conversation: try reader.identity(), after: try reader.counter())
        }
    }
}
