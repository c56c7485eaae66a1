import Vocabulary

/// A message's place in the hash chain of its conversation; three hashes of 32 bytes.
package struct ChainLink: Hashable, Sendable {
    /// The hash of the message as it was sent, whatever became of it.
    package var contentHash: [UInt8]
    /// The chain before this message.
    package var previous: [UInt8]
    /// The chain with this message.
    package var value: [UInt8]

    package init(contentHash: [UInt8], previous: [UInt8], value: [UInt8]) {
        self.contentHash = contentHash
        self.previous = previous
        self.value = value
    }
}

extension ByteWriter {
    mutating func chainLink(_ link: ChainLink) {
        blob(link.contentHash)
        blob(link.previous)
        blob(link.value)
    }
}

extension ByteReader {
    mutating func chainLink() throws(DecodingFailure) -> ChainLink {
        ChainLink(contentHash: try blob(), previous: try blob(), value: try blob())
    }
}

extension JSONWriter {
    /// What a client needs to recompute the chain.
    mutating func chainFields(_ link: ChainLink) {
        field("content_hash", hex(link.contentHash))
        field("previous_chain", hex(link.previous))
        field("chain", hex(link.value))
    }

    private func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 2 * bytes.count) { buffer in
            for (place, byte) in bytes.enumerated() {
                buffer[2 * place] = digits[Int(byte >> 4)]
                buffer[2 * place + 1] = digits[Int(byte & 15)]
            }
            return 2 * bytes.count
        }
    }
}
