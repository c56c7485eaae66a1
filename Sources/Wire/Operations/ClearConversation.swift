import Vocabulary

/// A user takes a conversation out of its own list, with everything in it up to a seq: nobody else's affair, and it
/// comes back with the next message.
package struct ClearRequest: Hashable, Sendable {
    package var conversation: ConversationID
    package var user: UserID
    /// The last message to go; `nil` for all there are.
    package var upTo: Seq?

    package init(conversation: ConversationID, user: UserID, upTo: Seq?) {
        self.conversation = conversation
        self.user = user
        self.upTo = upTo
    }
}

/// The same as the conversation's leader proposes it.
package struct ClearCommand: Hashable, Sendable {
    package var request: ClearRequest
    /// Whom the leader that proposed this answers when it is applied; no part of the state.
    package var token: UInt64

    package init(request: ClearRequest, token: UInt64) {
        self.request = request
        self.token = token
    }
}

extension ByteWriter {
    mutating func clearRequest(_ value: ClearRequest) {
        identity(value.conversation)
        text(value.user)
        optional(value.upTo) { $0.counter($1) }
    }

    mutating func clearCommand(_ value: ClearCommand) {
        clearRequest(value.request)
        varint(value.token)
    }
}

extension ByteReader {
    mutating func clearRequest() throws(DecodingFailure) -> ClearRequest {
        ClearRequest(
            conversation: try identity(), user: try textIdentity(),
            upTo: try optional { r throws(DecodingFailure) in try r.counter() })
    }

    mutating func clearCommand() throws(DecodingFailure) -> ClearCommand {
        ClearCommand(request: try clearRequest(), token: try varint())
    }
}
