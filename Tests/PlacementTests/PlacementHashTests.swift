import Testing
import Vocabulary

@testable import Placement

@Suite struct PlacementHashTests {
    /// Vectors of the reference implementation (xxHash 0.8).
    @Test(
        arguments: [
            ([UInt8]("".utf8), 0xEF46_DB37_51D8_E999, 0x3D1C_97A4_7F2B_6A62),
            ([UInt8]("a".utf8), 0xD24E_C4F1_A98C_6E5B, 0x34A3_202A_F607_397E),
            ([UInt8]("abc".utf8), 0x44BC_2CF5_AD77_0999, 0x1020_ADDC_F2F6_17B1),
            (Array(0..<31), 0xC346_D2B5_9B4D_8EE1, 0x1026_DC37_88CD_1ACE),
            (Array(0..<32), 0xCBF5_9C51_16FF_32B4, 0xE1FB_5DE1_4DEC_F6D5),
            (Array(0..<101), 0xE990_3849_5F85_381E, 0x71B7_A9A5_F8C6_13EA),
        ] as [([UInt8], UInt64, UInt64)])
    func matchesTheReference(bytes: [UInt8], unseeded: UInt64, placed: UInt64) {
        #expect(XXH64.hash(bytes, seed: 0) == unseeded)
        #expect(PlacementHash.of(bytes: bytes) == placed)
    }

    @Test func textAndIdentityAreTheirBytes() {
        #expect(PlacementHash.of(text: "alice") == PlacementHash.of(bytes: [UInt8]("alice".utf8)))
        let id = UInt128ID(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F)
        #expect(PlacementHash.of(id: id) == PlacementHash.of(bytes: Array(0..<16)))
    }

    @Test func aPartitionIsTheTopBits() {
        #expect(PlacementHash.partition(hash: .max, count: 1) == PartitionID(0))
        #expect(PlacementHash.partition(hash: .max, count: 64) == PartitionID(63))
        #expect(PlacementHash.partition(hash: 1 << 58, count: 64) == PartitionID(1))
        #expect(PlacementHash.partition(hash: 1 << 58 - 1, count: 64) == PartitionID(0))
        #expect(PlacementHash.start(of: PartitionID(1), count: 64) == 1 << 58)
        // The top 60 bits that a message id keeps are enough for every partition count.
        let hash = PlacementHash.of(text: "bob")
        #expect(
            PlacementHash.partition(hash: hash & ~15, count: 256)
                == PlacementHash.partition(hash: hash, count: 256))
    }
}
