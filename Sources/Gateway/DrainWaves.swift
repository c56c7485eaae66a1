/// In what portions the clients of one event loop are told to go elsewhere.
///
/// A hundred a second, or as many as it takes to have told everybody within half of the time they are given.
struct DrainWaves: Hashable, Sendable {
    static let spacingMilliseconds: Int64 = 20
    private static let gentleSize = 2

    /// Clients that are told at once; the next as many after `spacingMilliseconds`.
    let size: Int

    init(connections: Int, deadlineMilliseconds: UInt64) {
        let waves = max(1, Int(clamping: deadlineMilliseconds / 2) / Int(Self.spacingMilliseconds))
        size = max(Self.gentleSize, (connections + waves - 1) / waves)
    }
}
