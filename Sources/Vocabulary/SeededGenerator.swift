/// A small deterministic generator, so that chance is an argument (SplitMix64, Steele et al. 2014).
///
/// Not for secrets: keys and nonces come from the operating system.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A generator of its own for a named purpose, drawn from this one.
    package mutating func split() -> SeededGenerator { SeededGenerator(seed: next()) }

    /// True with probability `percent` in 100.
    package mutating func chance(percent: Double) -> Bool {
        Double(next() >> 11) * (100.0 / 9007199254740992.0) < percent
    }
}
