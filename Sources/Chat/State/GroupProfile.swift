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
        value(of: Tables.groupProfile(group)).map { bytes in
            guard let profile = try? GroupProfile(bytes) else {
                preconditionFailure("stored profile of group \(group) does not decode")
            }
            return profile
        }
    }

    /// Those who wait to be let in, after `user` in the order of their ids.
    func joinRequests(_ group: ConversationID, after user: UserID? = nil, limit: Int = .max)
        -> [GroupJoinRequest]
    {
        var range = Tables.joinRequests(group)
        if let user { range.lower = Tables.joinRequest(group, user) + [0] }
        return pairs(in: range, limit: limit).map { pair in
            var reader = ByteReader(pair.value)
            guard let at = try? reader.timestamp() else {
                preconditionFailure("stored join request of group \(group) does not decode")
            }
            return GroupJoinRequest(user: Tables.joinRequestUser(atEndOf: pair.key), at: at)
        }
    }

    func hasJoinRequest(_ user: UserID, _ group: ConversationID) -> Bool {
        value(of: Tables.joinRequest(group, user)) != nil
    }

    func invite(_ secret: InviteSecret, _ group: ConversationID) -> GroupInvite? {
        value(of: Tables.invite(group, secret)).map { decodedInvite($0, group) }
    }

    func invites(_ group: ConversationID) -> [GroupInvite] {
        pairs(in: Tables.invites(group)).map { decodedInvite($0.value, group) }
    }
}

private func decodedInvite(_ bytes: [UInt8], _ group: ConversationID) -> GroupInvite {
    var reader = ByteReader(bytes)
    guard let invite = try? reader.groupInvite() else {
        preconditionFailure("stored invite of group \(group) does not decode")
    }
    return invite
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
