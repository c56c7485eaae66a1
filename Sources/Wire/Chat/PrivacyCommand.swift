import Vocabulary

/// One change on a user's partition: its settings, its blocks, or the note that conversations know of them.
package enum PrivacyCommand: Hashable, Sendable {
    case change(UserID, SettingsChange)
    case block(BlockCommand)
    /// Conversations have the member's flags of these versions.
    case flagsDelivered([FlagsMark])
}

/// One user blocks another, or does so no more.
package struct BlockCommand: Hashable, Sendable {
    package var user: UserID
    package var peer: UserID
    package var isBlocked: Bool
    /// The leader's limit, in the entry so that replicas with other settings apply alike.
    package var blocksMax: Int
    package var at: Timestamp
    package init(user: UserID, peer: UserID, isBlocked: Bool, blocksMax: Int, at: Timestamp) {
        self.user = user
        self.peer = peer
        self.isBlocked = isBlocked
        self.blocksMax = blocksMax
        self.at = at
    }
}

/// A user's flags of this version, in one direct conversation or (`nil`) in all of them.
package struct FlagsMark: Hashable, Sendable {
    package var user: UserID
    package var conversation: ConversationID?
    package var version: UInt64
    package init(user: UserID, conversation: ConversationID?, version: UInt64) {
        self.user = user
        self.conversation = conversation
        self.version = version
    }
}

extension PrivacyCommand {
    func write(into writer: inout ByteWriter) {
        switch self {
        case .change(let user, let change):
            writer.u8(1)
            writer.text(user)
            change.write(into: &writer)
        case .block(let block):
            writer.u8(2)
            writer.text(block.user)
            writer.text(block.peer)
            writer.bool(block.isBlocked)
            writer.varint(block.blocksMax)
            writer.timestamp(block.at)
        case .flagsDelivered(let marks):
            writer.u8(3)
            writer.list(marks) { writer, mark in
                writer.text(mark.user)
                writer.optional(mark.conversation) { $0.identity($1) }
                writer.varint(mark.version)
            }
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.u8() {
        case 1: self = .change(try reader.textIdentity(), try SettingsChange(from: &reader))
        case 2:
            self = .block(
                BlockCommand(
                    user: try reader.textIdentity(), peer: try reader.textIdentity(),
                    isBlocked: try reader.bool(), blocksMax: try reader.length(),
                    at: try reader.timestamp()))
        case 3:
            self = .flagsDelivered(
                try reader.list { (reader) throws(DecodingFailure) in
                    FlagsMark(
                        user: try reader.textIdentity(),
                        conversation: try reader.optional { (reader) throws(DecodingFailure) in
                            try reader.identity(ConversationID.self)
                        }, version: try reader.varint())
                })
        case let kind: throw .unknown(field: "privacy command", value: UInt64(kind))
        }
    }
}
