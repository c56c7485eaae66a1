import Vocabulary

extension RestAnswer {
    package static func settings(_ settings: UserSettings) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.settingsFields(settings)
        json.endObject()
        return json.bytes
    }

    package static func block(_ user: UserID, isBlocked: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.field("user_id", user)
        json.field("blocked", isBlocked)
        json.endObject()
        return json.bytes
    }

    package static func blocks(_ page: BlocksPage) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("blocks")
        json.beginArray()
        for block in page.blocks {
            json.beginObject()
            json.field("user_id", block.user)
            json.field("blocked_at", block.at)
            json.endObject()
        }
        json.endArray()
        json.nextCursor(page.hasMore ? page.blocks.last.map { CursorText.text(blocks: $0.user) } : nil)
        json.field("has_more", page.hasMore)
        json.endObject()
        return json.bytes
    }
}

extension JSONWriter {
    mutating func settingsFields(_ settings: UserSettings) {
        field("last_seen", settings.lastSeen.rawValue)
        field("online", settings.online.rawValue)
        field("read_receipts", settings.readReceipts)
        field("group_add", settings.groupAdd.rawValue)
        key("quiet_hours")
        if let hours = settings.quietHours {
            beginObject()
            field("start", Self.clock(hours.startMinute))
            field("end", Self.clock(hours.endMinute))
            field("time_zone", hours.timeZone)
            endObject()
        } else {
            null()
        }
    }

    /// `HH:MM`.
    private static func clock(_ minutes: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return two(minutes / 60) + ":" + two(minutes % 60)
    }
}
