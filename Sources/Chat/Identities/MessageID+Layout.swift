import Vocabulary
import Wire

/// Bits of a message id, most significant first: 48 of the placement hash, version 8, 12 of the placement
/// hash, variant 10, 48 of seq, 14 zero. So any node finds the partition from the id alone, and the text is a
/// UUIDv8.
extension MessageID {
    /// The id of the message at `seq` of the conversation whose placement hash has `hash60` as its top 60
    /// bits.
    package init(hash60: UInt64, seq: Seq) {
        precondition(hash60 >> 60 == 0 && seq.raw >> 48 == 0, "message id out of range: \(hash60), \(seq)")
        self.init(
            high: (hash60 >> 12) << 16 | 0x8000 | hash60 & 0xFFF,
            low: 1 << 63 | seq.raw << 14)
    }

    /// The id of the message at `seq` of `conversation`.
    package init(conversation: ConversationID, seq: Seq) {
        self.init(hash60: conversation.placementHash >> 4, seq: seq)
    }

    /// The top 60 bits of the conversation's placement hash.
    package var hash60: UInt64 { (raw.high >> 16) << 12 | raw.high & 0xFFF }

    /// The message's place in its conversation.
    package var seq: Seq { Seq((raw.low << 2) >> 16) }

    /// Whether an id from outside has the layout at all.
    package var isWellFormed: Bool {
        raw.high & 0xF000 == 0x8000 && raw.low >> 62 == 0b10 && raw.low & 0x3FFF == 0 && seq > .zero
    }
}
