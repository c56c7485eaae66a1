import Vocabulary
import Wire

extension Tables {
    static func groupProfile(_ group: ConversationID) -> [UInt8] { key(.groupProfiles, group) }

    static func joinRequest(_ group: ConversationID, _ user: UserID) -> [UInt8] {
        key(.joinRequests, group) + Array(user.text.utf8)
    }

    static func joinRequests(_ group: ConversationID) -> KeyRange {
        KeyRange(prefix: key(.joinRequests, group))
    }

    /// The user that ends a key of the join requests.
    static func joinRequestUser(atEndOf key: [UInt8]) -> UserID {
        UserID(unchecked: String(decoding: key.dropFirst(17), as: UTF8.self))
    }

    static func invite(_ group: ConversationID, _ secret: InviteSecret) -> [UInt8] {
        var writer = ByteWriter(capacity: 33)
        writer.raw(key(.invites, group))
        writer.inviteSecret(secret)
        return writer.bytes
    }

    static func invites(_ group: ConversationID) -> KeyRange { KeyRange(prefix: key(.invites, group)) }
}
