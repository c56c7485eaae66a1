import Sealing
import Testing
import Vocabulary

@Suite struct GossipSealerTests {
    let cluster = ClusterID(high: 1, low: 2)
    let nonce = [UInt8](0..<12)

    @Test("what is sealed opens, and nothing of it can be read")
    func roundTrip() throws {
        let sealer = GossipSealer(cluster: cluster, keyRing: ring(1))
        for length in [0, 1, 15, 16, 17, 1_355] {
            let plaintext = [UInt8](repeating: 0x41, count: length)
            let sealed = sealer.seal(plaintext, nonce: nonce)
            #expect(sealed.count == length + GossipSealer.overheadByteCount)
            #expect(try sealer.open(sealed) == plaintext)
            #expect(length < 15 || !sealed.windows(ofCount: 4).contains([0x41, 0x41, 0x41, 0x41]))
        }
    }

    @Test("one changed bit anywhere is refused")
    func tampered() {
        let sealer = GossipSealer(cluster: cluster, keyRing: ring(1))
        let sealed = sealer.seal([1, 2, 3], nonce: nonce)
        for bit in 0..<sealed.count * 8 {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: GossipSealFailure.self) { try sealer.open(changed) }
        }
        for length in 0..<sealed.count {
            #expect(throws: GossipSealFailure.self) { try sealer.open([UInt8](sealed.prefix(length))) }
        }
    }

    @Test("another key is refused, another cluster too even with the same key")
    func strangers() {
        let sealed = GossipSealer(cluster: cluster, keyRing: ring(1)).seal([1], nonce: nonce)
        #expect(throws: GossipSealFailure.notAuthentic) {
            try GossipSealer(cluster: cluster, keyRing: ring(2)).open(sealed)
        }
        let other = GossipSealer(cluster: ClusterID(high: 1, low: 3), keyRing: ring(1))
        #expect(throws: GossipSealFailure.otherCluster) { try other.open(sealed) }
        // A stranger who writes the other cluster's id into the header meets the associated data.
        var forged = sealed
        forged[16] = 3
        #expect(throws: GossipSealFailure.notAuthentic) { try other.open(forged) }
    }

    @Test("a key is rotated without a gap")
    func rotation() throws {
        let old = GossipSealer(cluster: cluster, keyRing: ring(1))
        let both = GossipSealer(cluster: cluster, keyRing: GossipKeyRing(key(2), others: [key(1)]))
        let new = GossipSealer(cluster: cluster, keyRing: ring(2))
        #expect(try both.open(old.seal([9], nonce: nonce)) == [9])
        #expect(try new.open(both.seal([9], nonce: nonce)) == [9])
    }

    @Test("HMAC-SHA256, RFC 4231 cases 2 and 6")
    func authenticationCodes() {
        let code = HMACSHA256.code(for: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(hex(code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = HMACSHA256.code(
            for: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xAA, count: 131))
        #expect(hex(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
        #expect(
            HMACSHA256.isValid(code, for: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        )
        #expect(
            !HMACSHA256.isValid(code, for: Array("what do ya want for nothing".utf8), key: Array("Jefe".utf8))
        )
        #expect(!HMACSHA256.isValid([], for: [], key: []))
    }
}

@Suite struct GossipKeyRingTests {
    @Test("hex, base64 and raw bytes give the same key")
    func forms() throws {
        let bytes = key(0xF1).bytes
        let text = hex(bytes)
        let base64 = "8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fE"
        for contents in [
            bytes, Array(text.utf8), Array(" \(text.uppercased())\r\n\n".utf8), Array("\(base64)=\n".utf8),
            Array("# made by hand\n\(base64)\n".utf8),
        ] {
            #expect(try GossipKeyRing(fileContents: contents).keys.map(\.bytes) == [bytes])
        }
        let two = try GossipKeyRing(fileContents: Array("\(hex(key(2).bytes))\n\(text)".utf8))
        #expect(two.keys == [key(2), key(0xF1)])
    }

    @Test("a bad file is refused with the line and the reason")
    func refusals() {
        #expect(failure("") == .empty)
        #expect(failure(" \n# nothing\n") == .empty)
        #expect(failure("zz!") == .unreadable(line: 1))
        #expect(failure("\n\nabcdef") == .wrongLength(line: 3, byteCount: 3))
        // 16 bytes in hex are 32 characters: text, not 32 raw bytes.
        #expect(failure("000102030405060708090a0b0c0d0e0f") == .wrongLength(line: 1, byteCount: 16))
        #expect(!"\(key(7))".contains("7, 7"))
    }

    private func failure(_ contents: String) -> GossipKeyFailure? {
        do throws(GossipKeyFailure) {
            _ = try GossipKeyRing(fileContents: Array(contents.utf8))
            return nil
        } catch {
            return error
        }
    }
}

private func key(_ byte: UInt8) -> GossipKey {
    guard let key = GossipKey([UInt8](repeating: byte, count: 32)) else { preconditionFailure("32 bytes") }
    return key
}

private func ring(_ byte: UInt8) -> GossipKeyRing { GossipKeyRing(key(byte)) }

extension [UInt8] {
    fileprivate func windows(ofCount count: Int) -> [[UInt8]] {
        indices.dropLast(count - 1).map { Array(self[$0..<$0 + count]) }
    }
}
