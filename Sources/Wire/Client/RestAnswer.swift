import Vocabulary

/// The bodies of REST answers, straight to bytes.
package enum RestAnswer {
    package static func sent(ref: String?, clientMessageID: ClientMessageID, _ result: SentResult) -> [UInt8]
    {
        ServerFrame.sent(ref: ref, clientMessageID: clientMessageID, result)
    }

    package static func error(_ refusal: Refusal) -> [UInt8] {
        object { json in
            json.key("error")
            json.beginObject()
            json.refusalFields(refusal)
            json.endObject()
        }
    }

    package static func history(_ page: HistoryPage) -> [UInt8] {
        object { json in
            json.historyFields(page)
            json.field("has_more", page.hasMore)
            json.field("newest_seq", page.newest)
        }
    }

    package static func conversations(_ page: ConversationsPage) -> [UInt8] {
        object { json in
            json.key("conversations")
            json.beginArray()
            for row in page.rows {
                json.beginObject()
                json.rowFields(row)
                json.endObject()
            }
            json.endArray()
            let last = page.hasMore ? page.rows.last : nil
            json.nextCursor(
                last.map {
                    CursorText.text($0.place)
                })
            json.field("has_more", page.hasMore)
        }
    }

    package static func status(_ message: MessageID, _ status: ReceiptStatus) -> [UInt8] {
        object { json in
            json.field("message_id", message)
            json.field("status", status.rawValue)
        }
    }

    package static func presence(_ state: PresenceState) -> [UInt8] { object { $0.presenceFields(state) } }

    package static func presence(_ states: [PresenceState]) -> [UInt8] {
        object { json in
            json.key("presence")
            json.beginArray()
            for state in states {
                json.beginObject()
                json.presenceFields(state)
                json.endObject()
            }
            json.endArray()
        }
    }

    package static func user(_ user: UserID) -> [UInt8] { object { $0.field("user_id", user) } }

    static func object(_ fields: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        fields(&json)
        json.endObject()
        return json.bytes
    }
}
