import Vocabulary

/// What a user has set for one of its conversations; part of the inbox row.
package struct RowSettings: Hashable, Sendable {
    /// No notifications before this time; `nil` when not muted.
    package var mutedUntil: Timestamp?
    package var isPinned = false
    package var isArchived = false
    /// Set by hand; it ends with the next read or own send, and moves no watermark.
    package var isMarkedUnread = false
    /// The user's inbox version at which anything of this last changed: what tells a device to show it anew.
    package var version: InboxVersion = .zero

    package init() {}

    package func isMuted(at time: Timestamp) -> Bool { mutedUntil.map { $0 > time } ?? false }
}

/// A change of some of a row's settings; `nil` leaves a field as it is.
package struct RowSettingsChange: Hashable, Sendable {
    package enum Mute: Hashable, Sendable {
        case until(Timestamp)
        case off
    }
    package var mute: Mute?
    package var pinned: Bool?
    package var archived: Bool?
    package var markedUnread: Bool?

    package init(
        mute: Mute? = nil, pinned: Bool? = nil, archived: Bool? = nil, markedUnread: Bool? = nil
    ) {
        self.mute = mute
        self.pinned = pinned
        self.archived = archived
        self.markedUnread = markedUnread
    }

    package var isEmpty: Bool { self == RowSettingsChange() }
}

extension ByteWriter {
    /// One byte for a row whose settings were never touched.
    package mutating func rowSettings(_ value: RowSettings) {
        guard value != RowSettings() else { return u8(0) }
        let flags: [Bool] = [true, value.isPinned, value.isArchived, value.isMarkedUnread]
        u8(flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) })
        optional(value.mutedUntil) { $0.timestamp($1) }
        counter(value.version)
    }

    package mutating func rowSettingsChange(_ value: RowSettingsChange) {
        optional(value.mute) { writer, mute in
            switch mute {
            case .until(let time): writer.optional(time) { $0.timestamp($1) }
            case .off: writer.bool(false)
            }
        }
        optional(value.pinned) { $0.bool($1) }
        optional(value.archived) { $0.bool($1) }
        optional(value.markedUnread) { $0.bool($1) }
    }
}

extension ByteReader {
    package mutating func rowSettings() throws(DecodingFailure) -> RowSettings {
        let flags = try u8()
        var settings = RowSettings()
        guard flags != 0 else { return settings }
        guard flags & 1 == 1, flags < 16 else {
            throw .unknown(field: "row settings", value: UInt64(flags))
        }
        settings.isPinned = flags & 2 != 0
        settings.isArchived = flags & 4 != 0
        settings.isMarkedUnread = flags & 8 != 0
        settings.mutedUntil = try optional { r throws(DecodingFailure) in try r.timestamp() }
        settings.version = try counter()
        return settings
    }

    package mutating func rowSettingsChange() throws(DecodingFailure) -> RowSettingsChange {
        RowSettingsChange(
            mute: try optional { r throws(DecodingFailure) in
                let time = try r.optional { r throws(DecodingFailure) in try r.timestamp() }
                return time.map { .until($0) } ?? .off
            },
            pinned: try optional { r throws(DecodingFailure) in try r.bool() },
            archived: try optional { r throws(DecodingFailure) in try r.bool() },
            markedUnread: try optional { r throws(DecodingFailure) in try r.bool() })
    }
}
