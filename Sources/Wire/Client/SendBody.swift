import Vocabulary

/// A `send` as a client wrote it, checked against the limits; over REST the body of `POST /v1/messages`.
package struct SendBody: Hashable, Sendable {
    /// Whom the message is from, where a client says so.
    package var sender: UserID?
    package var clientMessageID: ClientMessageID
    package var recipient: Recipient
    package var type: MessageType
    package var content: String
    package var clientTimestamp: Timestamp?
    package var replyTo: MessageID?
    package var mentions: [UserID]
    package var expiresInMilliseconds: UInt64?
    /// The recipient's devices that an end-to-end encrypted message is for.
    package var recipientDevices: [DeviceID]?

    package init(_ fields: ClientFields, limits: Limits) throws(Refusal) {
        sender = try fields.optionalUser(.senderID)
        guard let id = ClientMessageID(try fields.string(.clientMessageID)) else {
            throw ClientFields.bad(.clientMessageID, "must have 1 to 64 bytes")
        }
        clientMessageID = id
        recipient = try Self.recipient(fields)
        type = try Self.type(fields)
        content = try Self.content(fields, type: type, limits: limits)
        clientTimestamp = try fields.optionalInteger(.timestamp).map { Timestamp($0) }
        replyTo = try fields.optionalIdentity(.replyTo)
        mentions = try fields.optionalUsers(.mentions, max: limits.mentionsMax) ?? []
        expiresInMilliseconds =
            try fields.optionalInteger(.expiresInMilliseconds, in: 1...Int64(limits.expiryMillisecondsMax))
            .map { UInt64($0) }
        recipientDevices = try Self.recipientDevices(fields, recipient: recipient, limits: limits)
    }

    private static func recipientDevices(
        _ fields: ClientFields, recipient: Recipient, limits: Limits
    ) throws(Refusal) -> [DeviceID]? {
        guard let value = fields[.recipientDevices] else { return nil }
        guard case .user = recipient else {
            throw ClientFields.bad(.recipientDevices, "is for messages to a user")
        }
        guard case .array(let elements) = value, elements.count <= 4 * limits.devicesMax else {
            throw ClientFields.bad(
                .recipientDevices, "must be an array of at most \(4 * limits.devicesMax) device ids")
        }
        var devices: [DeviceID] = []
        for element in elements {
            guard case .string(let text) = element, let device = DeviceID(text) else {
                throw ClientFields.bad(.recipientDevices, "must be an array of device ids")
            }
            if !devices.contains(device) { devices.append(device) }
        }
        return devices
    }

    private static func recipient(_ fields: ClientFields) throws(Refusal) -> Recipient {
        let id = try fields.string(.recipientID)
        switch try fields.string(.recipientType) {
        case "user":
            guard let user = UserID(id) else { throw ClientFields.bad(.recipientID, "is no user id") }
            return .user(user)
        case "group":
            guard let group = ConversationID(id) else {
                throw ClientFields.bad(.recipientID, "is no group id")
            }
            return .group(group)
        default: throw ClientFields.bad(.recipientType, "must be user or group")
        }
    }

    private static func type(_ fields: ClientFields) throws(Refusal) -> MessageType {
        guard let type = MessageType(rawValue: try fields.string(.messageType)), type != .system else {
            throw ClientFields.bad(.messageType, "is not one that clients may send")
        }
        return type
    }

    package static func content(
        _ fields: ClientFields, type: MessageType, limits: Limits
    ) throws(Refusal) -> String {
        let content = try fields.string(.content)
        guard !content.isEmpty else { throw ClientFields.bad(.content, "must not be empty") }
        if type == .text {
            // No text has more scalars than bytes.
            if content.utf8.count > limits.textScalarsMax,
                content.unicodeScalars.count > limits.textScalarsMax
            {
                throw tooLong(
                    "text has more than \(limits.textScalarsMax) characters", max: limits.textScalarsMax)
            }
        } else if content.utf8.count > limits.metadataBytesMax {
            throw tooLong(
                "metadata has more than \(limits.metadataBytesMax) bytes", max: limits.metadataBytesMax)
        }
        return content
    }

    private static func tooLong(_ message: String, max: Int) -> Refusal {
        Refusal(
            .messageTooLong, message,
            details: [.init("max", .number(Int64(max))), .init("field", .text(ClientField.content.text))])
    }

    /// The operation, sent by `sender`.
    package func request(sender: UserID, device: DeviceID?, isUnlimited: Bool) -> SendRequest {
        var request = SendRequest(
            sender: sender, device: device, clientMessageID: clientMessageID, recipient: recipient,
            type: type,
            content: content, clientTimestamp: clientTimestamp, replyTo: replyTo, mentions: mentions,
            expiresInMilliseconds: expiresInMilliseconds)
        request.recipientDevices = recipientDevices.map { .claimed($0) }
        request.isUnlimited = isUnlimited
        return request
    }
}
