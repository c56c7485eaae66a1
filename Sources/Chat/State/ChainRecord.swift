import Sealing
import Vocabulary
import Wire

/// A message's row in the chain table: written once with the message and never again, so that editing, deleting
/// and expiring messages cannot touch the chain.
struct ChainRecord: Hashable, Sendable {
    var contentHash: [UInt8]
    var value: [UInt8]

    /// The link of `message` after `previous`.
    init(_ message: MessageRecord, after previous: [UInt8]) {
        contentHash = ConversationChain.contentHash(
            messageType: message.type.rawValue, replyTo: message.replyTo?.description ?? "",
            clientMessageID: message.clientMessageID.text, content: message.content)
        value = ConversationChain.next(
            after: previous, seq: message.seq.raw, messageID: message.messageID.description,
            senderID: message.sender.text, timestamp: message.timestamp.milliseconds, contentHash: contentHash
        )
    }

    var bytes: [UInt8] { contentHash + value }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        guard bytes.count == 2 * SHA256.digestByteCount else { throw .lengthOutOfRange }
        contentHash = Array(bytes.prefix(SHA256.digestByteCount))
        value = Array(bytes.suffix(SHA256.digestByteCount))
    }
}

extension StateTransaction {
    /// Appends a new head to the chain; the caller writes `record`.
    mutating func extendChain(with message: MessageRecord, in record: inout ConversationRecord) {
        let previous = record.chain.isEmpty ? Self.chainStart(of: message.conversation) : record.chain
        let link = ChainRecord(message, after: previous)
        set(Tables.chain(message.conversation, message.seq), link.bytes)
        record.chain = link.value
    }
}

extension StateView {
    /// The links of `messages`, each with the value before it.
    func chainLinks(of messages: [MessageRecord], in id: ConversationID) -> [ChainLink] {
        var records: [Seq: ChainRecord] = [:]
        let seqs = messages.map(\.seq)
        guard let first = seqs.min(), let last = seqs.max() else { return [] }
        // One more below, whose value is the previous one of the first.
        let range = KeyRange(lower: Tables.chain(id, first.previous), upper: Tables.chain(id, last.next))
        for pair in pairs(in: range) {
            if let seq = Tables.seq(atEndOf: pair.key) { records[seq] = link(pair) }
        }
        return seqs.map { seq in
            guard let record = records[seq] else { preconditionFailure("message \(id) \(seq) has no link") }
            let previous = seq == Seq(1) ? Self.chainStart(of: id) : records[seq.previous]?.value
            guard let previous else { preconditionFailure("chain of \(id) breaks before \(seq)") }
            return ChainLink(contentHash: record.contentHash, previous: previous, value: record.value)
        }
    }

    private func link(_ pair: StatePair) -> ChainRecord {
        decoded(pair) { (bytes) throws(DecodingFailure) in try ChainRecord(bytes) }
    }

    static func chainStart(of id: ConversationID) -> [UInt8] {
        ConversationChain.start(conversationID: id.description)
    }
}
