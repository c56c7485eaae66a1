/// Which endpoint to try next, and after how long.
///
/// Full jitter: a uniform wait between zero and a ceiling that doubles from `first` to `longest` with every
/// failure, so that the clients of a node that died do not come back at once. Chance is an argument.
package struct Backoff: Sendable {
    package let firstMilliseconds: UInt64
    package let longestMilliseconds: UInt64
    private var endpoints: [Endpoint]
    private var next = 0
    private var failures = 0

    /// `endpoints` must not be empty.
    package init(endpoints: [Endpoint], firstMilliseconds: UInt64 = 100, longestMilliseconds: UInt64 = 10_000)
    {
        precondition(!endpoints.isEmpty, "a client needs at least one endpoint")
        self.endpoints = endpoints
        self.firstMilliseconds = firstMilliseconds
        self.longestMilliseconds = longestMilliseconds
    }

    /// The endpoint of the next attempt; each call moves on.
    package mutating func endpoint() -> Endpoint {
        let chosen = endpoints[next % endpoints.count]
        next = (next + 1) % endpoints.count
        return chosen
    }

    /// A connection came up: the next failure starts from the beginning.
    package mutating func succeeded() { failures = 0 }

    /// A server named better places: they come first from now on.
    package mutating func prefer(_ preferred: [Endpoint]) {
        guard !preferred.isEmpty else { return }
        endpoints = preferred + endpoints.filter { !preferred.contains($0) }
        next = 0
    }

    /// Milliseconds to wait before the next attempt. Every other endpoint is tried once without growing waits.
    package mutating func delayAfterFailure(using random: inout some RandomNumberGenerator) -> UInt64 {
        let rounds = failures / endpoints.count
        failures += 1
        let doubled = firstMilliseconds << UInt64(min(rounds, 16))
        return UInt64.random(in: 0...min(doubled, longestMilliseconds), using: &random)
    }
}
