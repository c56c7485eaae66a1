import Testing

@testable import MartletClient

@Suite struct BackoffTests {
    private let nodes = ["a:1", "b:1", "c:1"].compactMap { Endpoint($0) }

    /// Gives the largest value of every range: the ceiling of the jitter.
    private struct Ceiling: RandomNumberGenerator {
        mutating func next() -> UInt64 { .max }
    }

    @Test func goesRoundTheEndpoints() {
        var backoff = Backoff(endpoints: nodes)
        #expect((0..<4).map { _ in backoff.endpoint().host } == ["a", "b", "c", "a"])
    }

    @Test func preferredEndpointsComeFirstAndAreNotListedTwice() {
        var backoff = Backoff(endpoints: nodes)
        _ = backoff.endpoint()
        backoff.prefer(["c:1", "d:1"].compactMap { Endpoint($0) })
        #expect((0..<5).map { _ in backoff.endpoint().host } == ["c", "d", "a", "b", "c"])
    }

    @Test func theCeilingDoublesWithEveryRoundUpToTheLongest() {
        var backoff = Backoff(endpoints: [nodes[0]], firstMilliseconds: 100, longestMilliseconds: 500)
        var random = Ceiling()
        let waits = (0..<5).map { _ in backoff.delayAfterFailure(using: &random) }
        #expect(waits == [100, 200, 400, 500, 500])
        backoff.succeeded()
        #expect(backoff.delayAfterFailure(using: &random) == 100)
    }

    @Test func allEndpointsAreTriedBeforeTheWaitGrows() {
        var backoff = Backoff(endpoints: nodes, firstMilliseconds: 100, longestMilliseconds: 500)
        var random = Ceiling()
        #expect((0..<4).map { _ in backoff.delayAfterFailure(using: &random) } == [100, 100, 100, 200])
    }

    @Test func waitsAreSpread() {
        var backoff = Backoff(endpoints: [nodes[0]], firstMilliseconds: 1_000)
        var random = SystemRandomNumberGenerator()
        let waits = Set((0..<50).map { _ in backoff.delayAfterFailure(using: &random) })
        #expect(waits.count > 10)
    }
}
