import Sealing

/// A message of `GET /v1/conversations/{id}/messages?proof=1`, as far as the hash chain covers it.
public struct ProvenMessage: Decodable, Hashable, Sendable {
    public var messageID: String
    public var seq: UInt64
    public var senderID: String
    public var messageType: String?
    public var clientMessageID: String?
    public var replyTo: String?
    public var content: String?
    public var timestamp: Int64
    public var editedAt: Int64?
    public var deleted: Bool?
    public var contentHash: String
    public var previousChain: String
    public var chain: String

    private enum CodingKeys: String, CodingKey {
        case messageID = "message_id"
        case seq
        case senderID = "sender_id"
        case messageType = "message_type"
        case clientMessageID = "client_message_id"
        case replyTo = "reply_to"
        case content
        case timestamp
        case editedAt = "edited_at"
        case deleted
        case contentHash = "content_hash"
        case previousChain = "previous_chain"
        case chain
    }
}

/// Where a chain does not hold together.
public struct ChainBreak: Error, Hashable, Sendable, CustomStringConvertible {
    public var seq: UInt64
    public var reason: String
    public var description: String { "the chain breaks at seq \(seq): \(reason)" }
}

/// Recomputes the hash chain of a conversation from its messages in ascending order.
///
/// Two devices whose verifiers end at the same seq with the same ``value`` were shown the same messages in the
/// same order. It takes no part of the server's word except the hash of a content that was edited or deleted,
/// and the value before the first message that it is given when that is not seq 1.
public struct ChainVerifier: Sendable {
    /// The conversation whose chain it is.
    public let conversationID: String
    /// The seq of the last message, 0 before the first.
    public private(set) var seq: UInt64 = 0
    /// The chain at `seq`, 64 hex digits.
    public private(set) var value: String
    /// Messages whose content was compared with its hash: all that were neither edited nor deleted.
    public private(set) var comparedContents = 0
    /// Messages that were not shown (joined later, deleted for me): the chain across them is the server's word.
    public private(set) var skipped: UInt64 = 0

    public init(conversationID: String) {
        self.conversationID = conversationID
        value = hex(ConversationChain.start(conversationID: conversationID))
    }

    /// Takes the next message; throws where it does not continue the chain.
    public mutating func add(_ message: ProvenMessage) throws(ChainBreak) {
        func fail(_ reason: String) -> ChainBreak { ChainBreak(seq: message.seq, reason: reason) }
        guard message.seq > seq else { throw fail("it follows seq \(seq)") }
        skipped += message.seq - seq - 1
        guard message.seq > seq + 1 || message.previousChain == value else {
            throw fail("previous_chain is not the chain of seq \(seq)")
        }
        guard let previous = bytes(message.previousChain), let contentHash = bytes(message.contentHash) else {
            throw fail("a hash is not 64 hex digits")
        }
        if message.editedAt == nil, message.deleted != true {
            let own = ConversationChain.contentHash(
                messageType: message.messageType ?? "", replyTo: message.replyTo ?? "",
                clientMessageID: message.clientMessageID ?? "", content: message.content ?? "")
            guard own == contentHash else { throw fail("content_hash is not the hash of its content") }
            comparedContents += 1
        }
        let next = ConversationChain.next(
            after: previous, seq: message.seq, messageID: message.messageID, senderID: message.senderID,
            timestamp: message.timestamp, contentHash: contentHash)
        guard hex(next) == message.chain else { throw fail("chain is not the hash of its parts") }
        seq = message.seq
        value = message.chain
    }
}

private func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}

/// The 32 bytes of a hash.
private func bytes(_ hex: String) -> [UInt8]? {
    let digits = hex.utf8.map { UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") ? $0 - 48 : $0 &- 87 }
    guard digits.count == 64, digits.allSatisfy({ $0 < 16 }) else { return nil }
    return stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
