import Vocabulary

/// The list of the recipient's devices that an end-to-end encrypted message was encrypted for; no part of its payload.
package enum RecipientDevices: Hashable, Sendable {
    /// As the sender gave it, not yet compared with the recipient's.
    case claimed([DeviceID])
    /// It is not the recipient's list: the send is refused, unless an earlier one with its id was stored.
    case stale(missing: [DeviceID], extra: [DeviceID])
}

extension Refusal {
    package static func staleDevices(missing: [DeviceID], extra: [DeviceID]) -> Refusal {
        Refusal(
            .staleDevices, "recipient_devices is not the list of the recipient's devices",
            details: [
                RefusalDetail("missing", .texts(missing.map(\.text))),
                RefusalDetail("extra", .texts(extra.map(\.text))),
            ])
    }
}

extension ByteWriter {
    mutating func recipientDevices(_ value: RecipientDevices) {
        switch value {
        case .claimed(let devices):
            u8(0)
            list(devices) { $0.text($1) }
        case .stale(let missing, let extra):
            u8(1)
            list(missing) { $0.text($1) }
            list(extra) { $0.text($1) }
        }
    }
}

extension ByteReader {
    mutating func recipientDevices() throws(DecodingFailure) -> RecipientDevices {
        switch try u8() {
        case 0: return .claimed(try deviceIDs())
        case 1: return .stale(missing: try deviceIDs(), extra: try deviceIDs())
        case let tag: throw .unknown(field: "recipient devices", value: UInt64(tag))
        }
    }
}
