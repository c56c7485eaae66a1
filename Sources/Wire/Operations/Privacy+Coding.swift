import Vocabulary

// Settings, flags and audiences are stored too: their codes never change.

extension PrivacyAudience {
    private var code: UInt8 {
        switch self {
        case .everyone: 0
        case .contacts: 1
        case .nobody: 2
        }
    }

    package func write(into writer: inout ByteWriter) { writer.u8(code) }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.u8() {
        case 0: self = .everyone
        case 1: self = .contacts
        case 2: self = .nobody
        case let other: throw .unknown(field: "audience", value: UInt64(other))
        }
    }
}

extension QuietHours {
    package func write(into writer: inout ByteWriter) {
        writer.varint(startMinute)
        writer.varint(endMinute)
        writer.text(timeZone)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            startMinute: try reader.length(max: 1_439), endMinute: try reader.length(max: 1_439),
            timeZone: try reader.text(max: 64))
    }
}

extension UserSettings {
    package func write(into writer: inout ByteWriter) {
        lastSeen.write(into: &writer)
        online.write(into: &writer)
        groupAdd.write(into: &writer)
        writer.bool(readReceipts)
        writer.optional(quietHours) { $1.write(into: &$0) }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        lastSeen = try PrivacyAudience(from: &reader)
        online = try PrivacyAudience(from: &reader)
        groupAdd = try PrivacyAudience(from: &reader)
        readReceipts = try reader.bool()
        quietHours = try reader.optional { (reader) throws(DecodingFailure) in try QuietHours(from: &reader) }
    }
}

extension SettingsChange {
    package func write(into writer: inout ByteWriter) {
        writer.optional(lastSeen) { $1.write(into: &$0) }
        writer.optional(online) { $1.write(into: &$0) }
        writer.optional(groupAdd) { $1.write(into: &$0) }
        writer.optional(readReceipts) { $0.bool($1) }
        writer.optional(quietHours) { writer, quiet in
            switch quiet {
            case .none: writer.bool(false)
            case .hours(let hours):
                writer.bool(true)
                hours.write(into: &writer)
            }
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init()
        lastSeen = try Self.audience(from: &reader)
        online = try Self.audience(from: &reader)
        groupAdd = try Self.audience(from: &reader)
        readReceipts = try reader.optional { (reader) throws(DecodingFailure) in try reader.bool() }
        quietHours = try reader.optional { (reader) throws(DecodingFailure) in
            try reader.bool() ? .hours(try QuietHours(from: &reader)) : .none
        }
    }

    private static func audience(from reader: inout ByteReader) throws(DecodingFailure) -> PrivacyAudience? {
        try reader.optional { (reader) throws(DecodingFailure) in try PrivacyAudience(from: &reader) }
    }
}

extension MemberFlags {
    package func write(into writer: inout ByteWriter) {
        writer.varint(version)
        writer.u8((isBlocking ? 1 : 0) | (hidesReads ? 2 : 0))
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let version = try reader.varint()
        let bits = try reader.u8()
        guard bits < 4 else { throw .unknown(field: "member flags", value: UInt64(bits)) }
        self.init(version: version, isBlocking: bits & 1 != 0, hidesReads: bits & 2 != 0)
    }
}

extension MemberFlagsUpdate {
    package func write(into writer: inout ByteWriter) {
        writer.identity(conversation)
        writer.text(user)
        flags.write(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            conversation: try reader.identity(), user: try reader.textIdentity(),
            flags: try MemberFlags(from: &reader))
    }
}

extension PresenceSight {
    func write(into writer: inout ByteWriter) {
        lastSeen.write(into: &writer)
        online.write(into: &writer)
        writer.bool(isBlocking)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            lastSeen: try PrivacyAudience(from: &reader), online: try PrivacyAudience(from: &reader),
            isBlocking: try reader.bool())
    }
}

extension PrivacyRequest {
    func write(into writer: inout ByteWriter) {
        switch self {
        case .settings(let user):
            writer.u8(1)
            writer.text(user)
        case .change(let user, let change):
            writer.u8(2)
            writer.text(user)
            change.write(into: &writer)
        case .block(let user, let peer, let isBlocked):
            writer.u8(3)
            writer.text(user)
            writer.text(peer)
            writer.bool(isBlocked)
        case .blocks(let user, let after, let limit):
            writer.u8(4)
            writer.text(user)
            writer.optional(after) { $0.text($1) }
            writer.varint(limit)
        case .sights(let viewer, let users):
            writer.u8(5)
            writer.text(viewer)
            writer.list(users) { $0.text($1) }
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.u8() {
        case 1: self = .settings(try reader.textIdentity())
        case 2: self = .change(try reader.textIdentity(), try SettingsChange(from: &reader))
        case 3:
            self = .block(
                try reader.textIdentity(), peer: try reader.textIdentity(), isBlocked: try reader.bool())
        case 4:
            self = .blocks(
                try reader.textIdentity(), after: try ChatCodec.optionalUser(from: &reader),
                limit: try reader.length())
        case 5: self = .sights(viewer: try reader.textIdentity(), of: try reader.userIDs())
        case let tag: throw .unknown(field: "privacy request", value: UInt64(tag))
        }
    }
}

extension PrivacyAnswer {
    func write(into writer: inout ByteWriter) {
        switch self {
        case .settings(let settings):
            writer.u8(1)
            settings.write(into: &writer)
        case .blocks(let page):
            writer.u8(2)
            writer.list(page.blocks) { writer, block in
                writer.text(block.user)
                writer.timestamp(block.at)
            }
            writer.bool(page.hasMore)
        case .sights(let sights):
            writer.u8(3)
            writer.list(sights) { $1.write(into: &$0) }
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.u8() {
        case 1: self = .settings(try UserSettings(from: &reader))
        case 2:
            self = .blocks(
                BlocksPage(
                    blocks: try reader.list { (reader) throws(DecodingFailure) in
                        BlocksPage.Block(user: try reader.textIdentity(), at: try reader.timestamp())
                    }, hasMore: try reader.bool()))
        case 3:
            self = .sights(
                try reader.list { (reader) throws(DecodingFailure) in try PresenceSight(from: &reader) })
        case let tag: throw .unknown(field: "privacy answer", value: UInt64(tag))
        }
    }
}

extension PresenceQuery {
    func write(into writer: inout ByteWriter) {
        writer.text(user)
        sight.write(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(user: try reader.textIdentity(), sight: try PresenceSight(from: &reader))
    }
}

extension PresenceSubscription {
    func write(into writer: inout ByteWriter) {
        writer.sessionKey(session)
        writer.text(viewer)
        writer.list(users) { $0.text($1) }
        writer.bool(isEnd)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            session: try reader.sessionKey(), viewer: try reader.textIdentity(), users: try reader.userIDs(),
            isEnd: try reader.bool())
    }
}

extension PresenceWatch {
    func write(into writer: inout ByteWriter) {
        writer.sessionKey(session)
        writer.text(viewer)
        writer.text(user)
        writer.optional(sight) { $1.write(into: &$0) }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            session: try reader.sessionKey(), viewer: try reader.textIdentity(),
            user: try reader.textIdentity(),
            sight: try reader.optional { (reader) throws(DecodingFailure) in
                try PresenceSight(from: &reader)
            })
    }
}
