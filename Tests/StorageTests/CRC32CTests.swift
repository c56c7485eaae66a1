import Storage
import Testing

@Suite struct CRC32CTests {
    /// Vectors of RFC 3720, appendix B.4, and the usual check value.
    @Test(
        arguments: [
            ([UInt8]("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), ([UInt8](0..<32), 0x46DD_794E), ([], 0),
        ] as [([UInt8], UInt32)])
    func matchesTheReference(bytes: [UInt8], expected: UInt32) {
        #expect(CRC32C.checksum(bytes) == expected)
    }

    @Test func partsChainToTheWhole() {
        let bytes = (0..<100).map { UInt8($0) }
        for cut in 0...100 {
            let first = CRC32C.checksum(bytes[..<cut])
            #expect(CRC32C.checksum(bytes[cut...], seed: first) == CRC32C.checksum(bytes))
        }
    }
}
