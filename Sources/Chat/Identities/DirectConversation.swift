import Placement
import Sealing
import Vocabulary
import Wire

extension ConversationID {
    /// The one conversation between two users, whoever of them asks: a UUIDv8 (RFC 9562, section 5.8) from
    /// the SHA-256 of the sorted pair. No protocol is needed to agree on it.
    package static func direct(between one: UserID, and other: UserID) -> ConversationID {
        let (first, second) = one <= other ? (one, other) : (other, one)
        var input = Array("martlet/direct-conversation/1".utf8)
        input.append(0)
        input.append(contentsOf: first.text.utf8)
        // Zero is no character of a user id, so no two pairs have the same bytes.
        input.append(0)
        input.append(contentsOf: second.text.utf8)
        let digest = SHA256.hash(input)
        let high = bigEndian(digest[0..<8])
        let low = bigEndian(digest[8..<16])
        return ConversationID(
            high: high & ~0xF000 | 0x8000, low: low & (UInt64.max >> 2) | 1 << 63)
    }

    /// Where the conversation lives: the top bits name its partition.
    package var placementHash: UInt64 { PlacementHash.of(id: raw) }

    /// The conversation that a message to `recipient` belongs to.
    package static func conversation(of sender: UserID, with recipient: Recipient) -> ConversationID {
        switch recipient {
        case .user(let peer): .direct(between: sender, and: peer)
        case .group(let group): group
        }
    }
}

extension UserID {
    /// Where the user's inbox lives: the top bits name its partition.
    package var placementHash: UInt64 { PlacementHash.of(text: text) }
}

extension PartitionID {
    /// The partition of a conversation, of `count` (a power of two).
    package static func of(_ conversation: ConversationID, count: Int) -> PartitionID {
        PlacementHash.partition(hash: conversation.placementHash, count: count)
    }

    /// The partition of a user, of `count` (a power of two).
    package static func of(_ user: UserID, count: Int) -> PartitionID {
        PlacementHash.partition(hash: user.placementHash, count: count)
    }

    /// The partition of a message's conversation, of `count` (a power of two, at most 4,096).
    package static func of(_ message: MessageID, count: Int) -> PartitionID {
        PlacementHash.partition(hash: message.hash60 << 4, count: count)
    }
}

private func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
}
