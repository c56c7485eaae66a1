import Vocabulary
import Wire

/// A user's own row on the user's partition.
package struct UserRecord: Hashable, Sendable {
    package struct Device: Hashable, Sendable {
        package var id: DeviceID
        /// Rows up to this version hold nothing that the device lacks beyond its positions.
        package var version: InboxVersion = .zero
        /// When the device was last connected or acknowledged something, to the minute: which one is unused
        /// longest.
        package var usedAt: Timestamp
    }
    /// `nil` while the user has rows but never came itself.
    package var created: Timestamp?
    package var inboxVersion: InboxVersion = .zero
    package var lastSeen: Timestamp?
    /// When the account was erased; its id is never used again.
    package var erased: Timestamp?
    /// In the order they registered.
    package var devices: [Device] = []
    /// The latest revocations, oldest first: tokens of before them open nothing for these devices.
    package private(set) var revoked: [Revocation] = []
    /// Some device was once registered for push: the outbox is kept.
    package var hasPush = false

    package struct Revocation: Hashable, Sendable {
        package var device: DeviceID
        package var at: Timestamp
    }

    package init() {}

    package var isActive: Bool { created != nil && erased == nil }

    mutating func erase(at: Timestamp) {
        erased = at
        lastSeen = nil
        devices = []
        revoked = []
        hasPush = false
    }

    package func device(_ id: DeviceID) -> Device? { devices.first { $0.id == id } }

    mutating func revoke(_ device: DeviceID, at: Timestamp) {
        devices.removeAll { $0.id == device }
        revoked.removeAll { $0.device == device }
        revoked.append(Revocation(device: device, at: at))
        if revoked.count > ChatRules.revocationsMax { revoked.removeFirst() }
    }

    /// Whether a token that is bound to `device` and was issued at `issued` ended with a revocation.
    package func isRevoked(_ device: DeviceID, issued: Timestamp) -> Bool {
        revoked.contains { $0.device == device && $0.at >= issued }
    }
}

extension UserRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.optional(created) { $0.timestamp($1) }
        writer.counter(inboxVersion)
        writer.optional(lastSeen) { $0.timestamp($1) }
        writer.optional(erased) { $0.timestamp($1) }
        writer.list(devices) { writer, device in
            writer.text(device.id)
            writer.counter(device.version)
            writer.timestamp(device.usedAt)
        }
        writer.list(revoked) { writer, revocation in
            writer.text(revocation.device)
            writer.timestamp(revocation.at)
        }
        writer.bool(hasPush)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        created = try ChatCodec.optionalTimestamp(from: &reader)
        inboxVersion = try reader.counter()
        lastSeen = try ChatCodec.optionalTimestamp(from: &reader)
        erased = try ChatCodec.optionalTimestamp(from: &reader)
        devices = try reader.list { (reader) throws(DecodingFailure) in
            Device(
                id: try reader.textIdentity(), version: try reader.counter(), usedAt: try reader.timestamp())
        }
        revoked = try reader.list { (reader) throws(DecodingFailure) in
            Revocation(device: try reader.textIdentity(), at: try reader.timestamp())
        }
        hasPush = try reader.bool()
        try reader.finish()
    }
}

/// Where the devices of one user stand in one conversation.
///
/// A device without an entry stands at `acked`: when `acked` moves, the devices known by then get an entry
/// with the old value first. So a device that registers later starts after what others have acknowledged, and
/// none that was known loses its place.
package struct PositionsRecord: Hashable, Sendable {
    /// The furthest that any device of the user has acknowledged.
    package private(set) var acked: ConversationPosition = .start
    private var entries: [Entry] = []

    private struct Entry: Hashable, Sendable {
        var device: DeviceID
        var position: ConversationPosition
    }

    package init() {}

    package func position(of device: DeviceID) -> ConversationPosition {
        entries.first { $0.device == device }?.position ?? acked
    }

    /// Forgets where a device stands; true when that was written down.
    mutating func forget(_ device: DeviceID) -> Bool {
        let before = entries.count
        entries.removeAll { $0.device == device }
        return entries.count != before
    }

    /// Moves `device` forward; `known` are the user's devices. False when nothing changed.
    mutating func acknowledge(
        _ device: DeviceID, _ position: ConversationPosition, known: [DeviceID]
    ) -> Bool {
        let before = self
        let moved = self.position(of: device).merged(with: position)
        let furthest = acked.merged(with: position)
        if furthest != acked {
            for other in known where !entries.contains(where: { $0.device == other }) {
                entries.append(Entry(device: other, position: acked))
            }
        }
        if let index = entries.firstIndex(where: { $0.device == device }) {
            entries[index].position = moved
        } else if known.contains(device) {
            entries.append(Entry(device: device, position: moved))
        }
        acked = furthest
        // Devices that were replaced, and entries that say no more than `acked`, need no place.
        entries.removeAll { !known.contains($0.device) || $0.position == acked }
        return self != before
    }
}

extension PositionsRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.counter(acked.seq)
        writer.counter(acked.rev)
        writer.list(entries) { writer, entry in
            writer.text(entry.device)
            writer.counter(entry.position.seq)
            writer.counter(entry.position.rev)
        }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        acked = ConversationPosition(seq: try reader.counter(), rev: try reader.counter())
        entries = try reader.list { (reader) throws(DecodingFailure) in
            Entry(
                device: try reader.textIdentity(),
                position: ConversationPosition(seq: try reader.counter(), rev: try reader.counter()))
        }
        try reader.finish()
    }
}

extension ConversationPosition {
    /// The later of both, field by field.
    package func merged(with other: ConversationPosition) -> ConversationPosition {
        ConversationPosition(seq: max(seq, other.seq), rev: max(rev, other.rev))
    }

    /// Whether everything of `other` is at or before this.
    package func covers(_ other: ConversationPosition) -> Bool { seq >= other.seq && rev >= other.rev }
}
