import Vocabulary
import Wire

/// What of a group no send needs: apart from the conversation's row, which every send reads and writes.
package struct GroupProfile: Hashable, Sendable {
    package var description: String
    package var creator: UserID
    package var createdAt: Timestamp
    /// How many wait to be let in.
    package var requestCount: Int = 0
}

extension GroupProfile {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: description.utf8.count + 80)
        writer.text(description)
        writer.text(creator)
        writer.timestamp(createdAt)
        writer.varint(requestCount)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        description = try reader.text()
        creator = try reader.textIdentity()
        createdAt = try reader.timestamp()
        requestCount = try reader.length()
        try reader.finish()
    }
}

extension StateView {
    func groupProfile(_ group: ConversationID) -> GroupProfile? {
        record(Tables.groupProfile(group)) { (bytes) throws(DecodingFailure) in try GroupProfile(bytes) }
    }

    /// Those who wait to be let in, after `user` in the order of their ids.
    func joinRequests(_ group: ConversationID, after user: UserID? = nil, limit: Int = .max)
        -> [GroupJoinRequest]
    {
        var range = Tables.joinRequests(group)
        if let user { range.lower = Tables.joinRequest(group, user) + [0] }
        return pairs(in: range, limit: limit).map { pair in
            let at = decoded(pair) { (bytes) throws(DecodingFailure) in
                var reader = ByteReader(bytes)
                return try reader.timestamp()
            }
            return GroupJoinRequest(user: Tables.joinRequestUser(atEndOf: pair.key), at: at)
        }
    }

    func hasJoinRequest(_ user: UserID, _ group: ConversationID) -> Bool {
        value(of: Tables.joinRequest(group, user)) != nil
    }

    func invite(_ secret: InviteSecret, _ group: ConversationID) -> GroupInvite? {
        record(Tables.invite(group, secret), decodeInvite)
    }

    func invites(_ group: ConversationID) -> [GroupInvite] {
        pairs(in: Tables.invites(group)).map { decoded($0, decodeInvite) }
    }
}

private func decodeInvite(_ bytes: [UInt8]) throws(DecodingFailure) -> GroupInvite {
    var reader = ByteReader(bytes)
    return try reader.groupInvite()
}

extension StateTransaction {
    mutating func put(_ group: ConversationID, _ profile: GroupProfile) {
        set(Tables.groupProfile(group), profile.bytes)
    }

    mutating func put(_ group: ConversationID, _ invite: GroupInvite) {
        var writer = ByteWriter(capacity: 64)
        writer.groupInvite(invite)
        set(Tables.invite(group, invite.secret), writer.bytes)
    }

    mutating func putJoinRequest(_ group: ConversationID, _ request: GroupJoinRequest) {
        var writer = ByteWriter(capacity: 10)
        writer.timestamp(request.at)
        set(Tables.joinRequest(group, request.user), writer.bytes)
    }
}
