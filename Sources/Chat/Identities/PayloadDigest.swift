import Sealing
import Vocabulary
import Wire

extension SendRequest {
    /// What a retry must repeat: kind, content, reply_to, mentions and expires_in_ms; never ref, timestamp,
    /// device or connection. Eight bytes are enough against accidents, and only a client's own sends are
    /// compared.
    package var payloadDigest: UInt64 {
        var writer = ByteWriter(capacity: content.utf8.count + 64)
        writer.u8(ChatCodec.code(of: type))
        writer.text(content)
        writer.optional(replyTo) { $0.identity($1) }
        writer.list(mentions) { $0.text($1) }
        writer.optional(expiresInMilliseconds) { $0.varint($1) }
        return SHA256.hash(writer.bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
