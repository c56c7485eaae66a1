import Vocabulary

/// A field that clients may send, in a frame or in a request body.
package enum ClientField: UInt8, CaseIterable, Sendable {
    case type, ref, clientMessageID, recipientID, recipientType, messageType, content, timestamp, replyTo,
        mentions
    case expiresInMilliseconds, senderID, status, messageID, conversationID, upToSeq, userIDs, state, before,
        cursor
    case limit, name, memberIDs
    case proof
    case emoji, around, order, staleOK, minSeq
    case description, settings, role, code, usesMax
    case recipientDevices

    /// The name in the client protocol.
    package var name: StaticString {
        switch self {
        case .type: "type"
        case .ref: "ref"
        case .clientMessageID: "client_message_id"
        case .recipientID: "recipient_id"
        case .recipientType: "recipient_type"
        case .messageType: "message_type"
        case .content: "content"
        case .timestamp: "timestamp"
        case .replyTo: "reply_to"
        case .mentions: "mentions"
        case .expiresInMilliseconds: "expires_in_ms"
        case .senderID: "sender_id"
        case .status: "status"
        case .messageID: "message_id"
        case .conversationID: "conversation_id"
        case .upToSeq: "up_to_seq"
        case .userIDs: "user_ids"
        case .state: "state"
        case .before: "before"
        case .cursor: "cursor"
        case .limit: "limit"
        case .name: "name"
        case .memberIDs: "member_ids"
        case .proof: "proof"
        case .emoji: "emoji"
        case .description: "description"
        case .settings: "settings"
        case .role: "role"
        case .code: "code"
        case .usesMax: "uses_max"
        case .recipientDevices: "recipient_devices"
        case .around: "around"
        case .order: "order"
        case .staleOK: "stale_ok"
        case .minSeq: "min_seq"
        }
    }

    package var text: String { name.description }

    /// The fields by the bytes of their names: of most lengths there are one or two.
    static let byLength = (0...18).map { length in
        allCases.filter { $0.name.utf8CodeUnitCount == length }.map { (field: $0, name: $0.name) }
    }
}

/// The known fields of one JSON object; the values of unknown ones are checked and forgotten.
package struct ClientFields: Sendable {
    private var values: [JSONValue] = []
    /// By field: one more than the place of its value, or zero.
    private var places = SIMD64<UInt8>()

    /// Refuses what is not one JSON object.
    package init(_ bytes: UnsafeBufferPointer<UInt8>) throws(Refusal) {
        do throws(JSONFailure) {
            try read(bytes)
        } catch {
            throw Refusal(.invalidRequest, "not a JSON object: \(error.reason) at byte \(error.offset)")
        }
    }

    package init(_ bytes: [UInt8]) throws(Refusal) {
        self = try JSONReader.withBytes(bytes) { bytes throws(Refusal) in try ClientFields(bytes) }
    }

    private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONFailure) {
        var reader = JSONReader(bytes)
        values.reserveCapacity(10)
        try reader.enterObject()
        var isFirst = true
        while let key = try reader.nextKey(isFirst: isFirst) {
            isFirst = false
            if let field = try Self.field(of: key, in: reader) {
                let value = try reader.value()
                let place = places[Int(field.rawValue)]
                if place > 0 {
                    values[Int(place) - 1] = value
                } else {
                    values.append(value)
                    places[Int(field.rawValue)] = UInt8(values.count)
                }
            } else {
                try reader.skipValue()
            }
        }
        try reader.finish()
    }

    private static func field(of key: JSONText, in reader: JSONReader) throws(JSONFailure) -> ClientField? {
        if key.range.count < ClientField.byLength.count {
            for entry in ClientField.byLength[key.range.count] where reader.isKey(key, entry.name) {
                return entry.field
            }
        }
        // A name may be written with escapes, and an unknown one must still be a legal string.
        let name = try reader.string(of: key)
        return key.hasEscapes ? ClientField.allCases.first { $0.text == name } : nil
    }

    /// The last value given; `nil` when absent or null.
    package subscript(field: ClientField) -> JSONValue? {
        let place = places[Int(field.rawValue)]
        guard place > 0 else { return nil }
        let value = values[Int(place) - 1]
        if case .null = value { return nil }
        return value
    }
}

extension ClientFields {
    package static func missing(_ field: ClientField) -> Refusal {
        Refusal(.missingField, "\(field.text) is missing", details: [.init("field", .text(field.text))])
    }

    package static func bad(_ field: ClientField, _ reason: String) -> Refusal {
        Refusal(.invalidRequest, "\(field.text) \(reason)", details: [.init("field", .text(field.text))])
    }

    package func optionalString(_ field: ClientField) throws(Refusal) -> String? {
        guard let value = self[field] else { return nil }
        guard case .string(let text) = value else { throw Self.bad(field, "must be a string") }
        return text
    }

    package func string(_ field: ClientField) throws(Refusal) -> String {
        guard let text = try optionalString(field) else { throw Self.missing(field) }
        return text
    }

    package func optionalInteger(
        _ field: ClientField, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(Refusal) -> Int64? {
        guard let value = self[field] else { return nil }
        guard case .integer(let number) = value else { throw Self.bad(field, "must be an integer") }
        guard range.contains(number) else { throw Self.bad(field, "is out of range") }
        return number
    }

    package func optionalIdentity<I: Identity128>(
        _ field: ClientField, _: I.Type = I.self
    ) throws(Refusal) -> I? {
        guard let text = try optionalString(field) else { return nil }
        guard let identity = I(text) else { throw Self.bad(field, "must be a UUID") }
        return identity
    }

    package func identity<I: Identity128>(_ field: ClientField, _: I.Type = I.self) throws(Refusal) -> I {
        guard let identity = try optionalIdentity(field, I.self) else { throw Self.missing(field) }
        return identity
    }

    package func optionalUser(_ field: ClientField) throws(Refusal) -> UserID? {
        guard let text = try optionalString(field) else { return nil }
        guard let user = UserID(text) else { throw Self.bad(field, "must be 1 to 64 of A-Z a-z 0-9 . _ @ -") }
        return user
    }

    /// At most `max` users, doubles removed, in the order given; `nil` when absent.
    package func optionalUsers(_ field: ClientField, max: Int) throws(Refusal) -> [UserID]? {
        guard let value = self[field] else { return nil }
        guard case .array(let elements) = value else { throw Self.bad(field, "must be an array of user ids") }
        guard elements.count <= max else {
            throw Refusal(
                .invalidRequest, "\(field.text) names more than \(max) users",
                details: [.init("field", .text(field.text)), .init("max", .number(Int64(max)))])
        }
        var users: [UserID] = []
        var seen: Set<UserID> = []
        for element in elements {
            guard case .string(let text) = element, let user = UserID(text) else {
                throw Self.bad(field, "must be an array of user ids")
            }
            if seen.insert(user).inserted { users.append(user) }
        }
        return users
    }

    package func users(_ field: ClientField, max: Int) throws(Refusal) -> [UserID] {
        guard let users = try optionalUsers(field, max: max) else { throw Self.missing(field) }
        return users
    }

    /// `delivered` or `read`.
    package func receiptStatus() throws(Refusal) -> ReceiptStatus {
        guard let status = ReceiptStatus(rawValue: try string(.status)) else {
            throw Self.bad(.status, "must be delivered or read")
        }
        return status
    }
}
