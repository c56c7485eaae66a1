import Vocabulary

/// The time that a suspect has left (Lifeguard's dynamic suspicion timeout, section IV-B).
///
/// It starts at the maximum and falls with the logarithm of the independent confirmations to the minimum.
struct Suspicion: Sendable {
    /// Confirmations after which the timeout no longer falls.
    static let confirmationsMax = 3

    private let start: Tick
    private let minMilliseconds: UInt64
    private let maxMilliseconds: UInt64
    private let confirmationsNeeded: Int
    /// Who suspects it: the first accuser, then those who confirm.
    private var accusers: [NodeID]

    /// - Parameter possibleAccusers: members that could confirm; with fewer, fewer are needed. With none the
    ///   timeout stays at the maximum.
    init(
        accuser: NodeID, at start: Tick, minMilliseconds: UInt64, maxMilliseconds: UInt64,
        possibleAccusers: Int
    ) {
        self.start = start
        self.minMilliseconds = minMilliseconds
        self.maxMilliseconds = max(minMilliseconds, maxMilliseconds)
        confirmationsNeeded = max(0, min(Suspicion.confirmationsMax, possibleAccusers))
        accusers = [accuser]
    }

    var firstAccuser: NodeID? { accusers.first }

    /// Counts an accuser; false when it is known or no longer matters.
    mutating func confirm(by accuser: NodeID) -> Bool {
        guard accusers.count <= confirmationsNeeded, !accusers.contains(accuser) else { return false }
        accusers.append(accuser)
        return true
    }

    /// When the suspect is given up.
    var deadline: Tick {
        let share = Suspicion.fallPerMille[confirmationsNeeded][accusers.count - 1]
        return start + (maxMilliseconds - (maxMilliseconds - minMilliseconds) * share / 1_000)
    }

    /// log(c + 1) / log(k + 1) in thousandths, by needed confirmations k and received ones c.
    private static let fallPerMille: [[UInt64]] = [[0], [0, 1_000], [0, 631, 1_000], [0, 500, 792, 1_000]]
}
