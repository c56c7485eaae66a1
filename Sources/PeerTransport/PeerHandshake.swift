import Sealing
import Vocabulary
import Wire

/// The proofs of the link handshake: HMAC-SHA256 under the gossip key over both challenges and both ids, with
/// the role in front, so that a proof can be neither replayed nor sent back.
enum PeerHandshake {
    enum Role: UInt8 {
        case dialling = 1
        case answering = 2
    }

    /// What a proof signs.
    private static func message(
        role: Role, hello: Hello, answering node: NodeID, cluster: ClusterID,
        answerChallenge: [UInt8]
    ) -> [UInt8] {
        var message = ByteWriter()
        message.text("martlet peer handshake v1")
        message.u8(role.rawValue)
        message.identity(hello.cluster)
        message.identity(hello.node)
        message.varint(UInt64(hello.bootEpoch))
        message.u64(hello.bootNonce)
        message.identity(cluster)
        message.identity(node)
        message.blob(hello.challenge)
        message.blob(answerChallenge)
        return message.bytes
    }

    static func proof(
        role: Role, key: [UInt8], hello: Hello, answering node: NodeID, cluster: ClusterID,
        answerChallenge: [UInt8]
    ) -> [UInt8] {
        HMACSHA256.code(
            for: message(
                role: role, hello: hello, answering: node, cluster: cluster, answerChallenge: answerChallenge),
            key: key)
    }

    /// Whether `proof` is the other side's, under any of the keys: while keys are rotated two nodes may prove
    /// themselves with different ones.
    static func isValid(
        _ proof: [UInt8], role: Role, keys: [[UInt8]], hello: Hello, answering node: NodeID,
        cluster: ClusterID, answerChallenge: [UInt8]
    ) -> Bool {
        let message = message(
            role: role, hello: hello, answering: node, cluster: cluster, answerChallenge: answerChallenge)
        return keys.contains { HMACSHA256.isValid(proof, for: message, key: $0) }
    }

    static func freshChallenge() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var writer = ByteWriter()
        writer.u64(generator.next())
        writer.u64(generator.next())
        return writer.bytes
    }
}
