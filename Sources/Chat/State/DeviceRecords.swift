import Vocabulary
import Wire

/// What is known of a device beyond its place in the user's row: apart from it, so that the row that every inbox
/// batch writes stays small.
package struct DeviceDetails: Hashable, Sendable {
    package var name = ""
    package var createdAt: Timestamp
    package var push: PushRegistration?

    init(createdAt: Timestamp) { self.createdAt = createdAt }
}

/// A device's part of the key directory, without its one-time keys, which are rows of their own.
struct DeviceKeysRecord: Hashable, Sendable {
    var identityKey: String
    var signedPrekey: Prekey
    var oneTimePrekeys = 0
    /// The highest one-time id ever taken; `nil` before the first.
    var highestID: UInt32?

    var stock: KeyStock {
        KeyStock(signedPrekeyID: signedPrekey.id, oneTimePrekeys: oneTimePrekeys, highestID: highestID)
    }
}

/// What a fetch handed out, kept for a while for its retry.
struct KeyFetchRecord: Hashable, Sendable {
    var at: Timestamp
    var bundles: [DeviceKeyBundle]
}

extension DeviceDetails {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.text(name)
        writer.timestamp(createdAt)
        writer.optional(push) { $0.pushRegistration($1) }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        name = try reader.text()
        createdAt = try reader.timestamp()
        push = try reader.optional { r throws(DecodingFailure) in try r.pushRegistration() }
        try reader.finish()
    }
}

extension DeviceKeysRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.text(identityKey)
        writer.prekey(signedPrekey)
        writer.varint(oneTimePrekeys)
        writer.optional(highestID) { $0.varint(UInt64($1)) }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        identityKey = try reader.text()
        signedPrekey = try reader.prekey()
        oneTimePrekeys = try reader.length()
        highestID = try reader.optional { r throws(DecodingFailure) in try r.varint32() }
        try reader.finish()
    }
}

extension KeyFetchRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.timestamp(at)
        writer.list(bundles) { $0.deviceKeyBundle($1) }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        at = try reader.timestamp()
        bundles = try reader.list { r throws(DecodingFailure) in try r.deviceKeyBundle() }
        try reader.finish()
    }
}

extension StateView {
    func deviceDetails(_ user: UserID, _ device: DeviceID) -> DeviceDetails? {
        record(Tables.device(user, device)) { (bytes) throws(DecodingFailure) in try DeviceDetails(bytes) }
    }

    func deviceKeys(_ user: UserID, _ device: DeviceID) -> DeviceKeysRecord? {
        record(Tables.deviceKeys(user, device)) { (bytes) throws(DecodingFailure) in
            try DeviceKeysRecord(bytes)
        }
    }

    func keyFetch(_ user: UserID, _ id: KeyFetchID) -> KeyFetchRecord? {
        record(Tables.keyFetch(user, id)) { (bytes) throws(DecodingFailure) in try KeyFetchRecord(bytes) }
    }
}
