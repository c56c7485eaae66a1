import Vocabulary

/// What has become of messages, as frames and answers say it.
extension JSONWriter {
    /// Of a message's own fields; its reactions are apart.
    mutating func amendmentFields(_ record: MessageRecord) {
        if let editedAt = record.amendments.editedAt { field("edited_at", editedAt) }
        if record.amendments.deletedAt != nil { field("deleted", true) }
    }

    mutating func reactions(_ reactions: [Reaction]) {
        key("reactions")
        beginArray()
        for reaction in reactions {
            beginObject()
            field("emoji", reaction.emoji)
            texts("user_ids", reaction.users)
            endObject()
        }
        endArray()
    }

    /// The fields of an `update`, also the answer to the request that made it.
    mutating func updateFields(_ event: UpdateEvent) {
        field("conversation_id", event.conversation)
        field("message_id", event.messageID)
        field("seq", event.seq)
        switch event.change {
        case .edited(let content):
            field("change", "edited")
            field("content", content)
            field("edited_at", event.timestamp)
        case .deleted(let deletion):
            field("change", "deleted")
            field("for", deletion == .me ? "me" : "everyone")
            if deletion == .expired { field("expired", true) }
        case .reaction(let emoji):
            field("change", "reaction")
            key("emoji")
            if let emoji { string(emoji) } else { null() }
        }
        field("user_id", event.user)
        field("timestamp", event.timestamp)
    }

    mutating func infoFields(_ info: MessageInfo) {
        field("message_id", info.message)
        key("members")
        beginArray()
        for member in info.members {
            beginObject()
            field("user_id", member.user)
            if let at = member.deliveredAt { field("delivered_at", at) }
            if let at = member.readAt { field("read_at", at) }
            if let at = member.leftAt { field("left_at", at) }
            endObject()
        }
        endArray()
        field("status", info.status.map(\.rawValue) ?? "sent")
        field("delivered_count", info.members.count { $0.deliveredAt != nil })
        field("read_count", info.members.count { $0.readAt != nil })
    }
}

extension ServerFrame {
    package static func update(_ event: UpdateEvent) -> [UInt8] {
        var capacity = 300
        if case .edited(let content) = event.change { capacity += content.utf8.count }
        return frame("update", capacity: capacity) { $0.updateFields(event) }
    }
}

extension RestAnswer {
    /// What a change came to: the fields of its `update` frame.
    package static func update(_ event: UpdateEvent) -> [UInt8] { object { $0.updateFields(event) } }

    package static func info(_ info: MessageInfo) -> [UInt8] { object { $0.infoFields(info) } }
}
