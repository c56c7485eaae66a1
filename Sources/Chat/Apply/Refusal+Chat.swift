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
    static let accountErased = Refusal(.gone, "this account was deleted")
    static let noSuchUser = Refusal(.notFound, "no such user")
    static let deviceRevoked = Refusal(.forbidden, "this device was revoked")
    static let tokenRevoked = Refusal(.unauthenticated, "the device of this token was revoked")
    static let noSuchDevice = Refusal(.notFound, "no such device")
    static let tooManyPins = Refusal(
        .invalidRequest, "at most \(ChatRules.pinsMax) conversations can be pinned",
        details: [RefusalDetail("max", .number(Int64(ChatRules.pinsMax)))])
    static let tooManyPrekeys = Refusal(
        .invalidRequest, "a device stores at most \(ChatRules.oneTimePrekeysMax) one-time prekeys",
        details: [RefusalDetail("max", .number(Int64(ChatRules.oneTimePrekeysMax)))])
    static let adminsOnly = Refusal(.forbidden, "only an owner or admin may do this")
    static let ownerStays = Refusal(.forbidden, "the owner cannot be removed")
    static let ownerRoleStays = Refusal(.forbidden, "the owner's role changes by handing the group over")
    static let ownerOnly = Refusal(.forbidden, "only the owner may do this")
    static let mayNotAdd = Refusal(.forbidden, "this group lets only an owner or admin add members")
    static let mayNotEdit = Refusal(.forbidden, "this group lets only an owner or admin change it")
    static let sendRestricted = Refusal(
        .groupSendRestricted, "in this group only an owner or admin may write")
    static let groupClosed = Refusal(.gone, "this group was deleted")
    static let noSuchInvite = Refusal(.notFound, "no such invite")
    static let inviteOver = Refusal(.gone, "this invite is over")
    static let noSuchRequest = Refusal(.notFound, "this user does not wait to be let in")
    static let blocked = Refusal(.blocked, "one of you has blocked the other")
    static let duplicateMismatch = Refusal(
        .duplicateMismatch, "this client_message_id was used with another payload")

    static func missing(_ field: String) -> Refusal {
        Refusal(
            .missingField, "\(field) is missing", details: [RefusalDetail("field", .text(field))])
    }

    static func tooManyBlocks(max: Int) -> Refusal {
        Refusal(
            .invalidRequest, "a user blocks at most \(max) others",
            details: [RefusalDetail("max", .number(Int64(max)))])
    }

    static func tooManyMembers(max: Int) -> Refusal {
        Refusal(
            .invalidRequest, "a group has at most \(max) members",
            details: [RefusalDetail("max", .number(Int64(max)))])
    }

    static let tooManyInvites = Refusal(
        .invalidRequest, "a group has at most \(ChatRules.groupInvitesMax) invites; revoke some",
        details: [RefusalDetail("max", .number(Int64(ChatRules.groupInvitesMax)))])
    static let tooManyRequests = Refusal(
        .invalidRequest, "too many wait to be let in",
        details: [RefusalDetail("max", .number(Int64(ChatRules.groupRequestsMax)))])
}

/// Refusals to change a message.
extension Refusal {
    static let systemMessage = Refusal(.forbidden, "a system message stays as it is")
    static let notOwnMessage = Refusal(.forbidden, "the message is somebody else's")
    static let messageGone = Refusal(.gone, "the message was deleted")
    static let onlyTextIsEdited = Refusal(.invalidRequest, "only a text can be edited")

    /// Somebody who has left may be mentioned: whoever writes cannot know that yet.
    static func noSuchMention(_ user: UserID) -> Refusal {
        Refusal(
            .invalidRequest, "\(user) is mentioned and was never a member",
            details: [RefusalDetail("field", .text("mentions"))])
    }

    static func windowOver(_ word: String, milliseconds: UInt64) -> Refusal {
        Refusal(
            .forbidden, "the time to \(word) this message is over",
            details: [RefusalDetail("max", .number(Int64(clamping: milliseconds)))])
    }
}
