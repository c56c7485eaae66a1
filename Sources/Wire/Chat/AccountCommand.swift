import Vocabulary

/// A change of what belongs to one user, as its leader proposes it.
package struct AccountCommand: Hashable, Sendable {
    package var user: UserID
    package var change: AccountChange
    package var at: Timestamp
    /// Whom the leader that proposed this answers when it is applied; no part of the state.
    package var token: UInt64

    package init(user: UserID, change: AccountChange, at: Timestamp, token: UInt64) {
        self.user = user
        self.change = change
        self.at = at
        self.token = token
    }
}

extension AccountCommand {
    func write(into writer: inout ByteWriter) {
        writer.text(user)
        writer.timestamp(at)
        writer.varint(token)
        writer.accountChange(change)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let user: UserID = try reader.textIdentity()
        let at = try reader.timestamp()
        let token = try reader.varint()
        self.init(user: user, change: try reader.accountChange(), at: at, token: token)
    }
}
