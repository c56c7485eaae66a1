/// The hash chain over the messages of one conversation (guarantee G3): two people who hold the same chain value
/// at the same seq have seen the same messages in the same order.
///
/// What may be edited or deleted later is covered by its hash only, so that the chain outlives it. The client
/// message id, which clients draw at random, is hashed with the content: a deleted text cannot be guessed from
/// its hash once that id is forgotten. Documented for clients in docs/clients.md.
package enum ConversationChain {
    /// The value before the first message.
    package static func start(conversationID: String) -> [UInt8] {
        SHA256.hash("martlet chain 1\n\(conversationID)".utf8)
    }

    /// The hash of what its sender may later change or delete; absent ids are empty.
    package static func contentHash(
        messageType: String, replyTo: String, clientMessageID: String, content: String
    ) -> [UInt8] {
        var hash = SHA256()
        // The length keeps a client message id with line breaks from passing for a part of the content.
        hash.update("\(messageType)\n\(replyTo)\n\(clientMessageID.utf8.count)\n\(clientMessageID)\n".utf8)
        hash.update(content.utf8)
        return hash.finish()
    }

    /// The value after a message, from the one before it.
    package static func next(
        after previous: [UInt8], seq: UInt64, messageID: String, senderID: String, timestamp: Int64,
        contentHash: [UInt8]
    ) -> [UInt8] {
        var hash = SHA256()
        hash.update(previous)
        hash.update("\(seq)\n\(messageID)\n\(senderID)\n\(timestamp)\n".utf8)
        hash.update(contentHash)
        return hash.finish()
    }
}
