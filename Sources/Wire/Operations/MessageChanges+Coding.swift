import Vocabulary

extension ByteWriter {
    package mutating func amendments(_ value: Amendments) {
        // Nearly every message has none: one byte.
        guard value != .none else { return u8(0) }
        u8(1)
        optional(value.editedAt) { $0.timestamp($1) }
        counter(value.editedRev)
        optional(value.deletedAt) { $0.timestamp($1) }
        varint(value.reactors)
        optional(value.expiresAt) { $0.timestamp($1) }
    }

    mutating func reactions(_ value: [Reaction]) {
        list(value) { writer, reaction in
            writer.text(reaction.emoji)
            writer.list(reaction.users) { $0.text($1) }
        }
    }

    package mutating func updateEvent(_ value: UpdateEvent) {
        identity(value.conversation)
        identity(value.messageID)
        counter(value.seq)
        text(value.user)
        timestamp(value.timestamp)
        counter(value.rev)
        switch value.change {
        case .edited(let content):
            u8(0)
            text(content)
        case .deleted(let deletion):
            u8(1)
            u8(deletion.rawValue)
        case .reaction(let emoji):
            u8(2)
            optional(emoji) { $0.text($1) }
        }
    }

    package mutating func messageChangeRequest(_ value: MessageChangeRequest) {
        identity(value.message)
        text(value.actor)
        switch value.change {
        case .edit(let content):
            u8(0)
            text(content)
        case .deleteForEveryone: u8(1)
        case .deleteForMe: u8(2)
        case .react(let emoji):
            u8(3)
            text(emoji)
        case .unreact: u8(4)
        }
    }

    mutating func messageChangeCommand(_ value: MessageChangeCommand) {
        identity(value.conversation)
        messageChangeRequest(value.request)
        varint(value.editWindowMilliseconds)
        varint(value.deleteWindowMilliseconds)
        timestamp(value.at)
    }

    mutating func expiryCommand(_ value: ExpiryCommand) {
        timestamp(value.at)
        list(value.places) { writer, place in
            writer.identity(place.conversation)
            writer.counter(place.seq)
        }
    }

    mutating func disappearingRequest(_ value: DisappearingRequest) {
        identity(value.conversation)
        text(value.actor)
        varint(value.milliseconds)
    }

    mutating func infoQuery(_ value: InfoQuery) {
        identity(value.message)
        text(value.user)
    }

    mutating func messageInfo(_ value: MessageInfo) {
        identity(value.message)
        list(value.members) { writer, member in
            writer.text(member.user)
            writer.optional(member.deliveredAt) { $0.timestamp($1) }
            writer.optional(member.readAt) { $0.timestamp($1) }
            writer.optional(member.leftAt) { $0.timestamp($1) }
        }
    }
}

extension ByteReader {
    package mutating func amendments() throws(DecodingFailure) -> Amendments {
        var value = Amendments()
        guard try bool() else { return value }
        value.editedAt = try optional { r throws(DecodingFailure) in try r.timestamp() }
        value.editedRev = try counter()
        value.deletedAt = try optional { r throws(DecodingFailure) in try r.timestamp() }
        value.reactors = try length()
        value.expiresAt = try optional { r throws(DecodingFailure) in try r.timestamp() }
        return value
    }

    mutating func reactions() throws(DecodingFailure) -> [Reaction] {
        try list { r throws(DecodingFailure) in Reaction(emoji: try r.text(), users: try r.userIDs()) }
    }

    package mutating func updateEvent() throws(DecodingFailure) -> UpdateEvent {
        var event = UpdateEvent(
            conversation: try identity(), messageID: try identity(), seq: try counter(),
            user: try textIdentity(), change: .reaction(nil), timestamp: try timestamp(), rev: try counter())
        switch try u8() {
        case 0: event.change = .edited(content: try text())
        case 1: event.change = .deleted(try deletion())
        case 2: event.change = .reaction(try optional { r throws(DecodingFailure) in try r.text() })
        case let tag: throw .unknown(field: "message update", value: UInt64(tag))
        }
        return event
    }

    package mutating func deletion() throws(DecodingFailure) -> UpdateEvent.Deletion {
        let raw = try u8()
        guard let deletion = UpdateEvent.Deletion(rawValue: raw) else {
            throw .unknown(field: "deletion", value: UInt64(raw))
        }
        return deletion
    }

    package mutating func messageChangeRequest() throws(DecodingFailure) -> MessageChangeRequest {
        let message: MessageID = try identity()
        let actor: UserID = try textIdentity()
        let change: MessageChangeRequest.Change
        switch try u8() {
        case 0: change = .edit(try text())
        case 1: change = .deleteForEveryone
        case 2: change = .deleteForMe
        case 3: change = .react(try text())
        case 4: change = .unreact
        case let tag: throw .unknown(field: "message change", value: UInt64(tag))
        }
        return MessageChangeRequest(message: message, actor: actor, change: change)
    }

    mutating func messageChangeCommand() throws(DecodingFailure) -> MessageChangeCommand {
        MessageChangeCommand(
            conversation: try identity(), request: try messageChangeRequest(),
            editWindowMilliseconds: try varint(), deleteWindowMilliseconds: try varint(), at: try timestamp())
    }

    mutating func expiryCommand() throws(DecodingFailure) -> ExpiryCommand {
        ExpiryCommand(
            at: try timestamp(),
            places: try list { r throws(DecodingFailure) in
                ExpiryCommand.Place(conversation: try r.identity(), seq: try r.counter())
            })
    }

    mutating func disappearingRequest() throws(DecodingFailure) -> DisappearingRequest {
        DisappearingRequest(
            conversation: try identity(), actor: try textIdentity(), milliseconds: try varint())
    }

    mutating func infoQuery() throws(DecodingFailure) -> InfoQuery {
        InfoQuery(message: try identity(), user: try textIdentity())
    }

    mutating func messageInfo() throws(DecodingFailure) -> MessageInfo {
        MessageInfo(
            message: try identity(),
            members: try list { r throws(DecodingFailure) in
                MessageInfo.Member(
                    user: try r.textIdentity(),
                    deliveredAt: try r.optional { r throws(DecodingFailure) in try r.timestamp() },
                    readAt: try r.optional { r throws(DecodingFailure) in try r.timestamp() },
                    leftAt: try r.optional { r throws(DecodingFailure) in try r.timestamp() })
            })
    }
}
