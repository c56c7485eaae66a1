/// One 32-byte secret that every node of a cluster shares. Never printed.
package struct GossipKey: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of a key.
    package static let byteCount = 32

    /// The secret itself.
    package let bytes: [UInt8]

    /// `nil` unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == GossipKey.byteCount else { return nil }
        self.bytes = bytes
    }

    package var description: String { "gossip key (32 bytes, hidden)" }
}

/// The keys a node knows: the first seals, every one opens, so that a key is rotated without an outage (add
/// the new one last everywhere, then move it first everywhere, then remove the old one).
package struct GossipKeyRing: Sendable {
    /// The key that seals.
    package let first: GossipKey
    /// Keys that only open.
    package let others: [GossipKey]

    package init(_ first: GossipKey, others: [GossipKey] = []) {
        self.first = first
        self.others = others
    }

    /// Every key, the sealing one first.
    package var keys: [GossipKey] { [first] + others }

    /// Reads a key file: 32 raw bytes, or one key per line as 64 hex digits or as base64. Space around a key,
    /// empty lines and lines that start with `#` do not count.
    package init(fileContents: [UInt8]) throws(GossipKeyFailure) {
        if fileContents.count == GossipKey.byteCount, !fileContents.allSatisfy(isText),
            let key = GossipKey(fileContents)
        {
            self.init(key)
            return
        }
        var keys: [GossipKey] = []
        for (index, line) in fileContents.split(separator: newline, omittingEmptySubsequences: false)
            .enumerated()
        {
            let text = trimmed(line)
            if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
            keys.append(try parsedKey(text, line: index + 1))
        }
        guard let first = keys.first else { throw .empty }
        self.init(first, others: Array(keys.dropFirst()))
    }
}

/// Why a key file cannot be used. Lines count from 1; the text of a line is never repeated.
package enum GossipKeyFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file holds no key.
    case empty
    /// The line is neither hex nor base64.
    case unreadable(line: Int)
    /// The line is well formed and has the wrong number of bytes.
    case wrongLength(line: Int, byteCount: Int)

    package var description: String {
        switch self {
        case .empty:
            "the file holds no key; write one with: openssl rand -hex 32"
        case .unreadable(let line):
            "line \(line) is neither 64 hex digits nor base64 of 32 bytes"
        case .wrongLength(let line, let byteCount):
            "line \(line) holds \(byteCount) bytes; a gossip key has 32"
        }
    }
}

private let newline = UInt8(ascii: "\n")

/// Bytes that an editor or a shell writes; 32 random bytes are not all of this kind.
private func isText(_ byte: UInt8) -> Bool { (0x20..<0x7F).contains(byte) || (0x09...0x0D).contains(byte) }

private func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var line = line
    while let byte = line.first, byte <= 0x20 { line.removeFirst() }
    while let byte = line.last, byte <= 0x20 { line.removeLast() }
    return line
}

private func parsedKey(_ text: ArraySlice<UInt8>, line: Int) throws(GossipKeyFailure) -> GossipKey {
    // Hex first: 64 hex digits are also base64, of 48 bytes, which no key has.
    guard let bytes = decodedHex(text) ?? decodedBase64(text) else { throw .unreadable(line: line) }
    guard let key = GossipKey(bytes) else { throw .wrongLength(line: line, byteCount: bytes.count) }
    return key
}
