import Vocabulary

/// Fields that frames and REST answers have in common.
extension JSONWriter {
    mutating func messageFields(_ record: MessageRecord) {
        field("conversation_id", record.conversation)
        field("message_id", record.messageID)
        field("seq", record.seq)
        field("sender_id", record.sender)
        switch record.recipient {
        case .user(let user):
            field("recipient_id", user)
            field("recipient_type", "user")
        case .group(let group):
            field("recipient_id", group)
            field("recipient_type", "group")
        }
        field("message_type", record.type.rawValue)
        if record.amendments.deletedAt == nil { field("content", record.content) }
        field("timestamp", record.timestamp)
        if !record.clientMessageID.text.isEmpty { field("client_message_id", record.clientMessageID) }
        if let replyTo = record.replyTo { field("reply_to", replyTo) }
        if !record.mentions.isEmpty { texts("mentions", record.mentions) }
        if let expires = record.expiresInMilliseconds { field("expires_in_ms", Int(expires)) }
        amendmentFields(record)
    }

    mutating func texts(_ name: StaticString, _ values: [some TextIdentity]) {
        key(name)
        beginArray()
        for value in values { string(value.text) }
        endArray()
    }

    /// `messages` and `next_cursor`: a page as both WebSocket and REST give it.
    mutating func historyFields(_ page: HistoryPage) {
        key("messages")
        beginArray()
        for (place, record) in page.messages.enumerated() {
            beginObject()
            messageFields(record)
            if let timestamp = record.clientTimestamp { field("client_timestamp", timestamp) }
            reactions(record.reactions)
            if place < page.links.count { chainFields(page.links[place]) }
            endObject()
        }
        endArray()
        nextCursor(page.hasMore ? page.messages.last.map { CursorText.text(history: $0.seq) } : nil)
        if let hasPrevious = page.hasPrevious {
            key("prev_cursor")
            let first = hasPrevious ? page.messages.first : nil
            if let first { string(CursorText.text(history: first.seq)) } else { null() }
        }
        if page.gone > .zero { field("gone_up_to_seq", page.gone) }
    }

    mutating func nextCursor(_ cursor: String?) {
        key("next_cursor")
        if let cursor { string(cursor) } else { null() }
    }

    mutating func refusalFields(_ refusal: Refusal) {
        field("code", refusal.code.word)
        field("message", refusal.message)
        if let retry = refusal.retryAfterMilliseconds { field("retry_after_ms", Int(retry)) }
        for detail in refusal.details {
            key(detail.name)
            switch detail.value {
            case .text(let text): string(text)
            case .number(let number): integer(number)
            case .texts(let texts):
                beginArray()
                for text in texts { string(text) }
                endArray()
            }
        }
    }

    mutating func presenceFields(_ state: PresenceState) {
        field("user_id", state.user)
        field("status", state.online ? "online" : "offline")
        if let lastSeen = state.lastSeen { field("last_seen", lastSeen) }
    }
}
