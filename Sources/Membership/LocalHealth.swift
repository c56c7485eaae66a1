/// How far this node trusts itself (Lifeguard's local health multiplier, section IV-A): a node that misses
/// answers it should have had waits longer before it accuses others.
struct LocalHealth: Sendable {
    private var score = 0
    private let scoreMax: Int

    init(multiplierMax: Int) { scoreMax = max(0, multiplierMax - 1) }

    /// 1 when healthy, up to the maximum.
    var multiplier: UInt64 { UInt64(score + 1) }

    mutating func improve() { score = max(0, score - 1) }
    mutating func worsen(by points: Int) { score = min(scoreMax, score + points) }
}
