import Vocabulary

/// Seals and opens gossip datagrams with AES-256-GCM, so that a stranger can neither read the membership nor
/// declare a node dead.
///
/// A sealed datagram is: version (1 byte), cluster id (16), nonce (12), ciphertext, tag (16). Version and
/// cluster id are readable, to name the reason of a refusal, and are bound to the seal as associated data:
/// two clusters never merge even with one key (rule M5). Nonces are the caller's: random ones are safe for
/// 2^32 datagrams of a key, which a busy cluster of 32 nodes seals in about a year; rotate the key before.
///
/// It does not detect replays: what a datagram says is ordered by incarnation numbers.
package struct GossipSealer: Sendable {
    /// The version of the sealed layout and of the datagrams inside.
    package static let version: UInt8 = 1
    /// Bytes of a nonce.
    package static let nonceByteCount = 12
    /// Bytes that sealing adds to a datagram.
    package static let overheadByteCount = headerByteCount + tagByteCount

    private static let tagByteCount = 16
    private static let associatedByteCount = 17
    private static let headerByteCount = associatedByteCount + nonceByteCount

    private let keyRing: GossipKeyRing
    private let associated: [UInt8]

    package init(cluster: ClusterID, keyRing: GossipKeyRing) {
        self.keyRing = keyRing
        associated =
            [GossipSealer.version] + bigEndianBytes(cluster.raw.high) + bigEndianBytes(cluster.raw.low)
    }

    /// The sealed form of `plaintext` under the ring's first key. `nonce` has 12 bytes and is never used
    /// twice.
    package func seal(_ plaintext: [UInt8], nonce: [UInt8]) -> [UInt8] {
        precondition(
            nonce.count == GossipSealer.nonceByteCount, "a gossip nonce has 12 bytes, not \(nonce.count)")
        var sealed = associated
        sealed.reserveCapacity(plaintext.count + GossipSealer.overheadByteCount)
        sealed += nonce
        let box = AESGCM.seal(
            plaintext, key: keyRing.first.bytes, nonce: nonce, associated: associated,
            tagByteCount: GossipSealer.tagByteCount)
        return sealed + box
    }

    /// The datagram inside `sealed`, under whichever key of the ring fits.
    package func open(_ sealed: [UInt8]) throws(GossipSealFailure) -> [UInt8] {
        guard sealed.count >= GossipSealer.overheadByteCount else { throw .tooShort }
        guard sealed[0] == GossipSealer.version else { throw .unknownVersion(sealed[0]) }
        guard sealed[1..<GossipSealer.associatedByteCount] == associated[1...] else { throw .otherCluster }
        let nonce = [UInt8](sealed[GossipSealer.associatedByteCount..<GossipSealer.headerByteCount])
        let box = [UInt8](sealed[GossipSealer.headerByteCount...])
        for key in keyRing.keys {
            let opened = AESGCM.open(
                box, key: key.bytes, nonce: nonce, associated: associated,
                tagByteCount: GossipSealer.tagByteCount)
            if let opened { return opened }
        }
        throw .notAuthentic
    }
}

/// Why a datagram was not opened. Each is expected on an open port and costs nothing but a count.
package enum GossipSealFailure: Error, Hashable, Sendable {
    /// It is shorter than an empty sealed datagram.
    case tooShort
    /// It was sealed by another version of this layout, or is not ours at all.
    case unknownVersion(UInt8)
    /// It belongs to another cluster.
    case otherCluster
    /// It was changed on its way, or sealed with a key that is not in the ring.
    case notAuthentic
}

private func bigEndianBytes(_ value: UInt64) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { [UInt8]($0) }
}
