import Vocabulary

/// Asks a conversation to forget what one of its users wrote, from the leader of that user's partition. It takes many
/// steps when there is much; each is safe to repeat.
package struct EraseMemberRequest: Hashable, Sendable {
    package var user: UserID
    package var conversation: ConversationID
    /// Messages before this are done.
    package var from: Seq

    package init(user: UserID, conversation: ConversationID, from: Seq) {
        self.user = user
        self.conversation = conversation
        self.from = from
    }
}

/// One step as the conversation's leader proposes it.
package struct EraseMemberCommand: Hashable, Sendable {
    package var request: EraseMemberRequest
    package var at: Timestamp
    /// Whom the leader that proposed this answers when it is applied; no part of the state.
    package var token: UInt64

    package init(request: EraseMemberRequest, at: Timestamp, token: UInt64) {
        self.request = request
        self.at = at
        self.token = token
    }
}

extension ByteWriter {
    mutating func eraseMemberRequest(_ value: EraseMemberRequest) {
        text(value.user)
        identity(value.conversation)
        counter(value.from)
    }

    mutating func eraseMemberCommand(_ value: EraseMemberCommand) {
        eraseMemberRequest(value.request)
        timestamp(value.at)
        varint(value.token)
    }
}

extension ByteReader {
    mutating func eraseMemberRequest() throws(DecodingFailure) -> EraseMemberRequest {
        EraseMemberRequest(user: try textIdentity(), conversation: try identity(), from: try counter())
    }

    mutating func eraseMemberCommand() throws(DecodingFailure) -> EraseMemberCommand {
        EraseMemberCommand(
            request: try eraseMemberRequest(), at: try timestamp(), token: try varint())
    }
}
