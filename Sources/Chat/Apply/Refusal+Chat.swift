import Vocabulary
import Wire

/// The refusals of the chat state; expected answers, not errors.
extension Refusal {
    static let noSuchRecipient = Refusal(.recipientUnknown, "no such recipient")
    static let noSuchConversation = Refusal(.notFound, "no such conversation")
    static let noSuchMessage = Refusal(.notFound, "no such message")
    static let noSuchReply = Refusal(.notFound, "no such message to reply to")
    static let noSuchMember = Refusal(.notFound, "no such member")
    static let notMember = Refusal(.notMember, "not a member of this conversation")
    static let adminsOnly = Refusal(.forbidden, "only an owner or admin may do this")
    static let ownerStays = Refusal(.forbidden, "the owner cannot be removed")
    static let duplicateMismatch = Refusal(
        .duplicateMismatch, "this client_message_id was used with another payload")

    static func tooManyMembers(max: Int) -> Refusal {
        Refusal(
            .invalidRequest, "a group has at most \(max) members",
            details: [RefusalDetail("max", .number(Int64(max)))])
    }
}

/// Refusals to change a message.
extension Refusal {
    static let systemMessage = Refusal(.forbidden, "a system message stays as it is")
    static let notOwnMessage = Refusal(.forbidden, "the message is somebody else's")
    static let messageGone = Refusal(.gone, "the message was deleted")
    static let onlyTextIsEdited = Refusal(.invalidRequest, "only a text can be edited")

    static func windowOver(_ word: String, milliseconds: UInt64) -> Refusal {
        Refusal(
            .forbidden, "the time to \(word) this message is over",
            details: [RefusalDetail("max", .number(Int64(clamping: milliseconds)))])
    }
}
