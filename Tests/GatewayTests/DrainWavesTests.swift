import Testing

@testable import Gateway

@Suite struct DrainWavesTests {
    /// A hundred a second where there is time; everybody within half of the deadline where there is not.
    @Test(
        arguments: [(1, 60_000), (133, 3_000), (5_000, 3_000), (50_000, 60_000), (10, 0)] as [(Int, UInt64)])
    func everybodyIsToldInTime(connections: Int, deadline: UInt64) {
        let waves = DrainWaves(connections: connections, deadlineMilliseconds: deadline)
        let count = (connections + waves.size - 1) / waves.size
        #expect(UInt64(count - 1) * UInt64(DrainWaves.spacingMilliseconds) <= deadline / 2)
        if connections <= 133 && deadline > 0 { #expect(waves.size == 2) }
    }
}
