import Vocabulary

extension Command {
    /// One log entry's payload: a format byte, a count, then each command with its kind byte.
    package static func encode(_ commands: [Command]) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.u8(bundleFormat)
        writer.list(commands) { $1.write(into: &$0) }
        return writer.bytes
    }

    /// Reads what `encode` wrote. A format or kind of a later version is an error: the replica halts (rule
    /// A1).
    package static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> [Command] {
        var reader = ByteReader(bytes)
        let format = try reader.u8()
        guard format == bundleFormat else { throw .unknown(field: "bundle format", value: UInt64(format)) }
        let commands = try reader.list { (reader) throws(DecodingFailure) in try Command(from: &reader) }
        try reader.finish()
        return commands
    }

    private static let bundleFormat: UInt8 = 1

    private enum Kind: UInt8 {
        case sendMessage = 1
        case receipts = 2
        case changeGroup = 3
        case fanoutProgress = 4
        case ensureUsers = 16
        case registerDevice = 17
        case inboxBatch = 18
        case deviceAcks = 19
        case lastSeen = 20
        case changeMessage = 40
        case expireMessages = 41
        case account = 90
        case setDisappearing = 42
        case pushed = 120
        case privacy = 80
        case memberFlags = 81
        case eraseMember = 91
        case clear = 220
        case retention = 221
    }

    private func write(into writer: inout ByteWriter) {
        switch self {
        case .sendMessage(let send):
            writer.u8(Kind.sendMessage.rawValue)
            send.write(into: &writer)
        case .receipts(let batch):
            writer.u8(Kind.receipts.rawValue)
            batch.write(into: &writer)
        case .changeGroup(let change):
            writer.u8(Kind.changeGroup.rawValue)
            change.write(into: &writer)
        case .fanoutProgress(let marks):
            writer.u8(Kind.fanoutProgress.rawValue)
            writer.list(marks) { writer, mark in
                writer.identity(mark.conversation)
                writer.counter(mark.rev)
            }
        case .ensureUsers(let users, let at):
            writer.u8(Kind.ensureUsers.rawValue)
            writer.timestamp(at)
            writer.list(users) { $0.text($1) }
        case .registerDevice(let device):
            writer.u8(Kind.registerDevice.rawValue)
            writer.text(device.user)
            writer.text(device.device)
            writer.varint(device.devicesMax)
            writer.timestamp(device.at)
        case .inboxBatch(let updates):
            writer.u8(Kind.inboxBatch.rawValue)
            writer.list(updates) { writer, update in
                writer.text(update.user)
                ChatCodec.write(update.row, into: &writer)
            }
        case .deviceAcks(let batch):
            writer.u8(Kind.deviceAcks.rawValue)
            batch.write(into: &writer)
        case .lastSeen(let marks):
            writer.u8(Kind.lastSeen.rawValue)
            writer.list(marks) { writer, mark in
                writer.text(mark.user)
                writer.timestamp(mark.at)
            }
        case .changeMessage(let change):
            writer.u8(Kind.changeMessage.rawValue)
            writer.messageChangeCommand(change)
        case .expireMessages(let expiry):
            writer.u8(Kind.expireMessages.rawValue)
            writer.expiryCommand(expiry)
        case .account(let command):
            writer.u8(Kind.account.rawValue)
            command.write(into: &writer)
        case .setDisappearing(let request, let at):
            writer.u8(Kind.setDisappearing.rawValue)
            writer.timestamp(at)
            writer.disappearingRequest(request)
        case .pushed(let marks):
            writer.u8(Kind.pushed.rawValue)
            writer.list(marks) { $1.write(into: &$0) }
        case .privacy(let command):
            writer.u8(Kind.privacy.rawValue)
            command.write(into: &writer)
        case .memberFlags(let updates):
            writer.u8(Kind.memberFlags.rawValue)
            writer.list(updates) { $1.write(into: &$0) }
        case .eraseMember(let command):
            writer.u8(Kind.eraseMember.rawValue)
            writer.eraseMemberCommand(command)
        case .clear(let command):
            writer.u8(Kind.clear.rawValue)
            writer.clearCommand(command)
        case .retention(let command):
            writer.u8(Kind.retention.rawValue)
            command.write(into: &writer)
        }
    }

    private init(from reader: inout ByteReader) throws(DecodingFailure) {
        let raw = try reader.u8()
        guard let kind = Kind(rawValue: raw) else { throw .unknown(field: "command", value: UInt64(raw)) }
        switch kind {
        case .sendMessage: self = .sendMessage(try SendCommand(from: &reader))
        case .receipts: self = .receipts(try ReceiptBatch(from: &reader))
        case .changeGroup: self = .changeGroup(try GroupCommand(from: &reader))
        case .fanoutProgress:
            self = .fanoutProgress(
                try reader.list { (reader) throws(DecodingFailure) in
                    FanoutMark(conversation: try reader.identity(), rev: try reader.counter())
                })
        case .ensureUsers:
            let at = try reader.timestamp()
            self = .ensureUsers(try ChatCodec.users(from: &reader), at: at)
        case .registerDevice:
            self = .registerDevice(
                RegisterDevice(
                    user: try reader.textIdentity(), device: try reader.textIdentity(),
                    devicesMax: try reader.length(), at: try reader.timestamp()))
        case .inboxBatch:
            self = .inboxBatch(
                try reader.list { (reader) throws(DecodingFailure) in
                    InboxUpdate(user: try reader.textIdentity(), row: try ChatCodec.inboxRow(from: &reader))
                })
        case .deviceAcks: self = .deviceAcks(try DeviceAckBatch(from: &reader))
        case .lastSeen:
            self = .lastSeen(
                try reader.list { (reader) throws(DecodingFailure) in
                    LastSeenMark(user: try reader.textIdentity(), at: try reader.timestamp())
                })
        case .changeMessage: self = .changeMessage(try reader.messageChangeCommand())
        case .expireMessages: self = .expireMessages(try reader.expiryCommand())
        case .account: self = .account(try AccountCommand(from: &reader))
        case .setDisappearing:
            let at = try reader.timestamp()
            self = .setDisappearing(try reader.disappearingRequest(), at: at)
        case .pushed:
            self = .pushed(
                try reader.list { (reader) throws(DecodingFailure) in try PushedMark(from: &reader) })
        case .privacy: self = .privacy(try PrivacyCommand(from: &reader))
        case .memberFlags:
            self = .memberFlags(
                try reader.list { (reader) throws(DecodingFailure) in try MemberFlagsUpdate(from: &reader) })
        case .eraseMember: self = .eraseMember(try reader.eraseMemberCommand())
        case .clear: self = .clear(try reader.clearCommand())
        case .retention: self = .retention(try RetentionCommand(from: &reader))
        }
    }
}

extension SendCommand {
    fileprivate func write(into writer: inout ByteWriter) {
        writer.identity(conversation)
        writer.u64(digest)
        writer.timestamp(at)
        writer.text(request.sender)
        writer.optional(request.device) { $0.text($1) }
        writer.text(request.clientMessageID)
        ChatCodec.write(request.recipient, into: &writer)
        writer.u8(ChatCodec.code(of: request.type))
        writer.text(request.content)
        writer.optional(request.clientTimestamp) { $0.timestamp($1) }
        writer.optional(request.replyTo) { $0.identity($1) }
        writer.list(request.mentions) { $0.text($1) }
        writer.optional(request.expiresInMilliseconds) { $0.varint($1) }
        writer.optional(request.recipientDevices) { $0.recipientDevices($1) }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let conversation = try reader.identity(ConversationID.self)
        let digest = try reader.u64()
        let at = try reader.timestamp()
        var request = SendRequest(
            sender: try reader.textIdentity(), device: try ChatCodec.optionalDevice(from: &reader),
            clientMessageID: try reader.textIdentity(), recipient: try ChatCodec.recipient(from: &reader),
            type: try ChatCodec.messageType(from: &reader), content: try reader.text(),
            clientTimestamp: try ChatCodec.optionalTimestamp(from: &reader),
            replyTo: try ChatCodec.optionalMessageID(from: &reader),
            mentions: try ChatCodec.users(from: &reader),
            expiresInMilliseconds: try ChatCodec.optionalVarint(from: &reader))
        request.recipientDevices = try reader.optional { r throws(DecodingFailure) in
            try r.recipientDevices()
        }
        self.init(conversation: conversation, request: request, digest: digest, at: at)
    }
}

extension ReceiptBatch {
    fileprivate func write(into writer: inout ByteWriter) {
        writer.timestamp(at)
        writer.list(marks) { writer, mark in
            writer.identity(mark.conversation)
            writer.text(mark.user)
            writer.counter(mark.delivered)
            writer.counter(mark.read)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let at = try reader.timestamp()
        let marks = try reader.list { (reader) throws(DecodingFailure) in
            ReceiptMark(
                conversation: try reader.identity(), user: try reader.textIdentity(),
                delivered: try reader.counter(), read: try reader.counter())
        }
        self.init(at: at, marks: marks)
    }
}

extension GroupCommand {
    fileprivate func write(into writer: inout ByteWriter) {
        writer.identity(group)
        writer.text(actor)
        writer.varint(membersMax)
        writer.timestamp(at)
        writer.groupChange(change)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let group = try reader.identity(ConversationID.self)
        let actor = try reader.textIdentity(UserID.self)
        let membersMax = try reader.length()
        let at = try reader.timestamp()
        self.init(
            group: group, actor: actor, change: try reader.groupChange(), membersMax: membersMax, at: at)
    }
}

extension DeviceAckBatch {
    fileprivate func write(into writer: inout ByteWriter) {
        writer.timestamp(at)
        writer.list(acks) { writer, ack in
            writer.text(ack.user)
            writer.text(ack.device)
            writer.identity(ack.conversation)
            writer.counter(ack.position.seq)
            writer.counter(ack.position.rev)
        }
        writer.list(versions) { writer, version in
            writer.text(version.user)
            writer.text(version.device)
            writer.counter(version.version)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let at = try reader.timestamp()
        let acks = try reader.list { (reader) throws(DecodingFailure) in
            DeviceAck(
                user: try reader.textIdentity(), device: try reader.textIdentity(),
                conversation: try reader.identity(),
                position: ConversationPosition(seq: try reader.counter(), rev: try reader.counter()))
        }
        let versions = try reader.list { (reader) throws(DecodingFailure) in
            DeviceVersion(
                user: try reader.textIdentity(), device: try reader.textIdentity(),
                version: try reader.counter())
        }
        self.init(at: at, acks: acks, versions: versions)
    }
}
