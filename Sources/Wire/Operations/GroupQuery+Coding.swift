import Vocabulary

extension ByteWriter {
    mutating func groupQuery(_ query: GroupQuery) {
        identity(query.group)
        text(query.actor)
        switch query.subject {
        case .description: u8(0)
        case .members(let after, let limit):
            u8(1)
            optional(after) { $0.text($1) }
            varint(limit)
        case .requests(let after, let limit):
            u8(2)
            optional(after) { $0.text($1) }
            varint(limit)
        case .invites: u8(3)
        }
    }

    mutating func groupAnswer(_ answer: GroupAnswer) {
        switch answer {
        case .description(let description):
            u8(0)
            groupDescription(description)
        case .members(let members, let hasMore):
            u8(1)
            list(members) { $0.groupMember($1) }
            bool(hasMore)
        case .requests(let requests, let hasMore):
            u8(2)
            list(requests) { writer, request in
                writer.text(request.user)
                writer.timestamp(request.at)
            }
            bool(hasMore)
        case .invites(let invites):
            u8(3)
            list(invites) { $0.groupInvite($1) }
        }
    }

    private mutating func groupDescription(_ value: GroupDescription) {
        identity(value.group)
        text(value.name)
        text(value.description)
        groupSettings(value.settings)
        counter(value.head)
        varint(value.memberEpoch)
        varint(value.memberCount)
        timestamp(value.createdAt)
        text(value.creator)
        bool(value.isClosed)
        u8(value.role.tag)
        list(value.members) { $0.groupMember($1) }
        bool(value.hasMoreMembers)
    }

    private mutating func groupMember(_ member: GroupMember) {
        text(member.user)
        u8(member.role.tag)
        counter(member.joinedSeq)
    }
}

extension ByteReader {
    mutating func groupQuery() throws(DecodingFailure) -> GroupQuery {
        let group: ConversationID = try identity()
        let actor: UserID = try textIdentity()
        let subject: GroupQuery.Subject
        switch try u8() {
        case 0: subject = .description
        case 1: subject = .members(after: try optionalUser(), limit: try length())
        case 2: subject = .requests(after: try optionalUser(), limit: try length())
        case 3: subject = .invites
        case let tag: throw .unknown(field: "group query", value: UInt64(tag))
        }
        return GroupQuery(group: group, actor: actor, subject: subject)
    }

    mutating func groupAnswer() throws(DecodingFailure) -> GroupAnswer {
        switch try u8() {
        case 0: return .description(try groupDescription())
        case 1:
            return .members(
                try list { r throws(DecodingFailure) in try r.groupMember() }, hasMore: try bool())
        case 2:
            let requests = try list { r throws(DecodingFailure) in
                GroupJoinRequest(user: try r.textIdentity(), at: try r.timestamp())
            }
            return .requests(requests, hasMore: try bool())
        case 3: return .invites(try list { r throws(DecodingFailure) in try r.groupInvite() })
        case let tag: throw .unknown(field: "group answer", value: UInt64(tag))
        }
    }

    private mutating func optionalUser() throws(DecodingFailure) -> UserID? {
        try optional { r throws(DecodingFailure) in try r.textIdentity(UserID.self) }
    }

    private mutating func groupDescription() throws(DecodingFailure) -> GroupDescription {
        GroupDescription(
            group: try identity(), name: try text(), description: try text(), settings: try groupSettings(),
            head: try counter(), memberEpoch: try varint(), memberCount: try length(),
            createdAt: try timestamp(), creator: try textIdentity(), isClosed: try bool(),
            role: try groupRole(),
            members: try list { r throws(DecodingFailure) in try r.groupMember() },
            hasMoreMembers: try bool())
    }

    private mutating func groupMember() throws(DecodingFailure) -> GroupMember {
        GroupMember(user: try textIdentity(), role: try groupRole(), joinedSeq: try counter())
    }
}
