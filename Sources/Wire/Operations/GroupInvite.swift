import Vocabulary

/// 128 random bits that only those know whom an invite was shown to. Drawn by the node that takes the request.
package struct InviteSecret: Hashable, Sendable, Comparable {
    package var raw: UInt128ID
    package init(raw: UInt128ID) { self.raw = raw }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
}

/// An invite as it is asked for.
package struct InviteOffer: Hashable, Sendable {
    package var secret: InviteSecret
    /// `nil`: for ever.
    package var lastsMilliseconds: UInt64?
    /// `nil`: any number.
    package var usesMax: UInt64?

    package init(secret: InviteSecret, lastsMilliseconds: UInt64?, usesMax: UInt64?) {
        self.secret = secret
        self.lastsMilliseconds = lastsMilliseconds
        self.usesMax = usesMax
    }
}

/// An invite as it stands.
package struct GroupInvite: Hashable, Sendable {
    package var secret: InviteSecret
    package var creator: UserID
    package var createdAt: Timestamp
    package var expiresAt: Timestamp?
    package var usesMax: UInt64?
    package var uses: UInt64 = 0

    package init(_ offer: InviteOffer, by creator: UserID, at: Timestamp) {
        secret = offer.secret
        self.creator = creator
        createdAt = at
        expiresAt = offer.lastsMilliseconds.map { Timestamp(at.milliseconds + Int64(clamping: $0)) }
        usesMax = offer.usesMax
    }

    /// Whether nobody can use it any more.
    package func isOver(at: Timestamp) -> Bool {
        if let expiresAt, expiresAt <= at { return true }
        if let usesMax, uses >= usesMax { return true }
        return false
    }
}

/// An invite as people pass it on: base64url of the group's id, which leads to its partition, and the secret.
package struct InviteCode: Hashable, Sendable, CustomStringConvertible {
    package var group: ConversationID
    package var secret: InviteSecret

    package init(group: ConversationID, secret: InviteSecret) {
        self.group = group
        self.secret = secret
    }

    /// `nil` when it is no code of this server.
    package init?(_ text: String) {
        guard text.utf8.count == 43, let bytes = Base64URL.decode(text), bytes.count == 32 else { return nil }
        var reader = ByteReader(bytes[...])
        guard let group = try? reader.identity(ConversationID.self), let high = try? reader.u64BigEndian(),
            let low = try? reader.u64BigEndian()
        else { return nil }
        self.init(group: group, secret: InviteSecret(raw: UInt128ID(high: high, low: low)))
    }

    package var description: String {
        var writer = ByteWriter(capacity: 32)
        writer.identity(group)
        writer.u64BigEndian(secret.raw.high)
        writer.u64BigEndian(secret.raw.low)
        return Base64URL.encode(writer.bytes)
    }
}
