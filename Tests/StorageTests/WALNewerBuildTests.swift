import Testing
import Vocabulary
import Wire

@testable import Storage

/// What a newer build wrote is told from damage by its checksum: the node ends without condemning its directory.
@Suite struct WALNewerBuildTests {
    private func isOfNewerBuild(_ segment: [UInt8]) -> Bool? {
        do {
            _ = try LogFixture.scan([segment])
            return nil
        } catch { return (error as? StorageCorruption)?.isOfNewerBuild }
    }

    @Test func aBatchWithAnUnknownKindIsNotDamage() {
        let header = LogFixture.header(1)
        var payload = WALEncoder.payload(of: [LogFixture.created()])
        var encoder = WALEncoder(header: header)
        #expect(isOfNewerBuild(header.encoded() + encoder.seal(payload)) == nil)

        // Behind the number of items.
        payload.bytes[1] = 200
        encoder = WALEncoder(header: header)
        #expect(isOfNewerBuild(header.encoded() + encoder.seal(payload)) == true)

        payload.bytes.removeLast()
        payload.bytes[1] = WALEncoder.payload(of: [LogFixture.created()]).bytes[1]
        encoder = WALEncoder(header: header)
        #expect(isOfNewerBuild(header.encoded() + encoder.seal(payload)) == false, "cut short")
    }

    @Test func aSegmentOfALaterVersionIsNotDamage() {
        var bytes = LogFixture.header(1).encoded()
        bytes[8] += 1
        #expect(isOfNewerBuild(bytes) == false, "its checksum is wrong")
        let sum = SegmentHeader.byteCount - 8
        var writer = ByteWriter()
        writer.u32(CRC32C.checksum(bytes[..<sum]))
        bytes.replaceSubrange(sum..<(sum + 4), with: writer.bytes)
        #expect(isOfNewerBuild(bytes) == true)
    }
}
