import Vocabulary

extension ByteWriter {
    package mutating func position(_ value: ConversationPosition) {
        counter(value.seq)
        counter(value.rev)
    }

    package mutating func sendRequest(_ value: SendRequest) {
        text(value.sender)
        optional(value.device) { $0.text($1) }
        text(value.clientMessageID)
        recipient(value.recipient)
        u8(value.type.tag)
        text(value.content)
        optional(value.clientTimestamp) { $0.timestamp($1) }
        optional(value.replyTo) { $0.identity($1) }
        list(value.mentions) { $0.text($1) }
        optional(value.expiresInMilliseconds) { $0.varint($1) }
        optional(value.recipientDevices) { $0.recipientDevices($1) }
        bool(value.isUnlimited)
    }

    mutating func receiptRequest(_ value: ReceiptRequest) {
        text(value.user)
        bool(value.status == .read)
        switch value.target {
        case .upTo(let conversation, let seq):
            u8(0)
            identity(conversation)
            counter(seq)
        case .message(let message):
            u8(1)
            identity(message)
        }
    }

    mutating func historyQuery(_ value: HistoryQuery) {
        identity(value.conversation)
        text(value.user)
        optional(value.bound) { $0.counter($1) }
        u8(value.order.rawValue)
        varint(value.limit)
        bool(value.proof)
        bool(value.isStaleAllowed)
        counter(value.minSeq)
        switch value.around {
        case nil: u8(0)
        case .seq(let seq):
            u8(1)
            counter(seq)
        case .message(let message):
            u8(2)
            identity(message)
        }
    }

    mutating func catchUpQuery(_ value: CatchUpQuery) {
        identity(value.conversation)
        text(value.user)
        position(value.after)
        varint(value.limit)
    }

    mutating func seqs(_ value: ClosedRange<Seq>) {
        counter(value.lowerBound)
        counter(value.upperBound)
    }

    mutating func groupRequest(_ value: GroupRequest) {
        identity(value.group)
        text(value.actor)
        groupChange(value.change)
    }

    mutating func groupResult(_ value: GroupResult) {
        identity(value.group)
        text(value.name)
        counter(value.seq)
        list(value.members) { writer, member in
            writer.text(member.user)
            writer.text(member.role.rawValue)
            writer.text(member.result.rawValue)
        }
        optional(value.invite) { $0.groupInvite($1) }
        bool(value.isPending)
    }
}

extension ByteReader {
    package mutating func position() throws(DecodingFailure) -> ConversationPosition {
        ConversationPosition(seq: try counter(), rev: try counter())
    }

    package mutating func sendRequest() throws(DecodingFailure) -> SendRequest {
        var request = SendRequest(
            sender: try textIdentity(),
            device: try optional { r throws(DecodingFailure) in try r.textIdentity(DeviceID.self) },
            clientMessageID: try textIdentity(), recipient: try recipient(), type: try messageType(),
            content: try text(),
            clientTimestamp: try optional { r throws(DecodingFailure) in try r.timestamp() },
            replyTo: try optional { r throws(DecodingFailure) in try r.identity(MessageID.self) },
            mentions: try userIDs(),
            expiresInMilliseconds: try optional { r throws(DecodingFailure) in try r.varint() })
        request.recipientDevices = try optional { r throws(DecodingFailure) in try r.recipientDevices() }
        request.isUnlimited = try bool()
        return request
    }

    mutating func receiptRequest() throws(DecodingFailure) -> ReceiptRequest {
        let user: UserID = try textIdentity()
        let status: ReceiptStatus = try bool() ? .read : .delivered
        let byMessage = try bool()
        let target: ReceiptRequest.Target =
            byMessage ? .message(try identity()) : .upTo(try identity(), try counter())
        return ReceiptRequest(user: user, status: status, target: target)
    }

    mutating func historyQuery() throws(DecodingFailure) -> HistoryQuery {
        let conversation: ConversationID = try identity()
        let user: UserID = try textIdentity()
        let bound = try optional { r throws(DecodingFailure) in try r.counter(Seq.self) }
        let order: HistoryQuery.Order = try bool() ? .ascending : .descending
        var query = HistoryQuery(
            conversation: conversation, user: user, bound: bound, order: order, limit: try length(),
            proof: try bool())
        query.isStaleAllowed = try bool()
        query.minSeq = try counter()
        switch try u8() {
        case 0: break
        case 1: query.around = .seq(try counter())
        case 2: query.around = .message(try identity())
        case let tag: throw .unknown(field: "history place", value: UInt64(tag))
        }
        return query
    }

    mutating func catchUpQuery() throws(DecodingFailure) -> CatchUpQuery {
        CatchUpQuery(
            conversation: try identity(), user: try textIdentity(), after: try position(), limit: try length()
        )
    }

    mutating func seqs() throws(DecodingFailure) -> ClosedRange<Seq> {
        let (first, last): (Seq, Seq) = (try counter(), try counter())
        guard first <= last else { throw .unknown(field: "range of seqs", value: first.raw) }
        return first...last
    }

    mutating func groupRequest() throws(DecodingFailure) -> GroupRequest {
        GroupRequest(group: try identity(), actor: try textIdentity(), change: try groupChange())
    }

    mutating func groupResult() throws(DecodingFailure) -> GroupResult {
        GroupResult(
            group: try identity(), name: try text(), seq: try counter(),
            members: try list { r throws(DecodingFailure) in
                let user: UserID = try r.textIdentity()
                guard let role = GroupRole(rawValue: try r.text()) else {
                    throw DecodingFailure.unknown(field: "group role", value: 0)
                }
                return GroupResult.Member(user: user, role: role, result: try r.memberResult())
            },
            invite: try optional { r throws(DecodingFailure) in try r.groupInvite() },
            isPending: try bool())
    }

    mutating func memberResult() throws(DecodingFailure) -> MemberResult {
        guard let result = MemberResult(rawValue: try text()) else {
            throw .unknown(field: "member result", value: 0)
        }
        return result
    }
}
