import Vocabulary

/// What a client says over WebSocket, checked.
package enum ClientFrame: Hashable, Sendable {
    case send(SendBody)
    case status(ReceiptStatus, ReceiptRequest.Target)
    case ping
    case history(HistoryBody)
    case presenceSubscribe([UserID])
    case presenceUnsubscribe([UserID])
    case typing(ConversationID, isTyping: Bool)
    case away
    case active
}

/// A frame with the name under which the client awaits its answer.
package struct ReceivedFrame: Hashable, Sendable {
    package var frame: ClientFrame
    package var ref: String?
}

/// A frame that is refused; `ref` and `clientMessageID` are given back wherever they could be read.
package struct RefusedFrame: Error, Hashable, Sendable {
    package var refusal: Refusal
    package var ref: String?
    package var clientMessageID: String?

    package init(refusal: Refusal, ref: String? = nil, clientMessageID: String? = nil) {
        self.refusal = refusal
        self.ref = ref
        self.clientMessageID = clientMessageID
    }

    /// The `error` frame that says so.
    package var frame: [UInt8] { ServerFrame.error(refusal, ref: ref, clientMessageID: clientMessageID) }
}

extension ReceivedFrame {
    /// Parses one text frame.
    package static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>, limits: Limits
    ) throws(RefusedFrame) -> ReceivedFrame {
        let fields: ClientFields
        do throws(Refusal) { fields = try ClientFields(bytes) } catch { throw RefusedFrame(refusal: error) }
        do throws(Refusal) {
            return ReceivedFrame(
                frame: try ClientFrame(fields, limits: limits), ref: try fields.optionalString(.ref))
        } catch {
            throw RefusedFrame(
                refusal: error, ref: readable(.ref, in: fields),
                clientMessageID: readable(.clientMessageID, in: fields))
        }
    }

    package static func parse(_ bytes: [UInt8], limits: Limits) throws(RefusedFrame) -> ReceivedFrame {
        try JSONReader.withBytes(bytes) { bytes throws(RefusedFrame) in try parse(bytes, limits: limits) }
    }

    private static func readable(_ field: ClientField, in fields: ClientFields) -> String? {
        guard case .string(let text)? = fields[field] else { return nil }
        return text
    }
}

extension ClientFrame {
    fileprivate init(_ fields: ClientFields, limits: Limits) throws(Refusal) {
        switch try fields.string(.type) {
        case "send": self = .send(try SendBody(fields, limits: limits))
        case "status": self = .status(try fields.receiptStatus(), try Self.receiptTarget(fields))
        case "ping": self = .ping
        case "history": self = .history(try HistoryBody(fields, limits: limits))
        case "presence_subscribe":
            self = .presenceSubscribe(try fields.users(.userIDs, max: limits.presenceSubscriptionsMax))
        case "presence_unsubscribe":
            self = .presenceUnsubscribe(try fields.users(.userIDs, max: limits.presenceSubscriptionsMax))
        case "typing": self = try Self.typing(fields)
        case "away": self = .away
        case "active": self = .active
        default: throw ClientFields.bad(.type, "is unknown")
        }
    }

    private static func receiptTarget(_ fields: ClientFields) throws(Refusal) -> ReceiptRequest.Target {
        if let message: MessageID = try fields.optionalIdentity(.messageID) { return .message(message) }
        guard let conversation: ConversationID = try fields.optionalIdentity(.conversationID) else {
            throw ClientFields.missing(.messageID)
        }
        guard let seq = try fields.optionalInteger(.upToSeq, in: 0...Int64.max) else {
            throw ClientFields.missing(.upToSeq)
        }
        return .upTo(conversation, Seq(UInt64(seq)))
    }

    private static func typing(_ fields: ClientFields) throws(Refusal) -> ClientFrame {
        let conversation: ConversationID = try fields.identity(.conversationID)
        switch try fields.string(.state) {
        case "started": return .typing(conversation, isTyping: true)
        case "stopped": return .typing(conversation, isTyping: false)
        default: throw ClientFields.bad(.state, "must be started or stopped")
        }
    }
}
