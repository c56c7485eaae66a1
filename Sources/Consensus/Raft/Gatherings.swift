import Vocabulary

/// Groups that let committed entries gather before they are handed out for apply, in the order in which they began.
struct Gatherings: Sendable {
    private struct Gathering: Sendable {
        var slot: Int
        var since: Tick
    }

    /// One for each millisecond since the last, but not more at once than this, or than a part of all that wait: turns may be
    /// few.
    private static let burstMax = 4
    private static let burstPart = 64

    private var waiting: [Gathering] = []
    /// Those before it are over.
    private var first = 0
    private var lastTaken: Tick = .zero

    var isEmpty: Bool { first == waiting.count }

    /// The group at `slot` has something since `tick`; ticks never go back.
    mutating func began(_ slot: Int, at tick: Tick) { waiting.append(Gathering(slot: slot, since: tick)) }

    /// Slots that have gathered for `milliseconds`, those that waited longest.
    ///
    /// - Parameter isValid: the group at the slot is still gathering since then; it may have handed out meanwhile.
    mutating func take(now: Tick, after milliseconds: UInt64, isValid: (Int, Tick) -> Bool) -> [Int] {
        var slots: [Int] = []
        let burst = max(Self.burstMax, (waiting.count - first) / Self.burstPart)
        let allowed = min(Int(clamping: now.since(lastTaken)), burst)
        while first < waiting.count, slots.count < allowed {
            let gathering = waiting[first]
            if isValid(gathering.slot, gathering.since) {
                guard now.since(gathering.since) >= milliseconds else { break }
                slots.append(gathering.slot)
            }
            first += 1
        }
        if !slots.isEmpty { lastTaken = now }
        if first == waiting.count || first > 1_024 {
            waiting.removeFirst(first)
            first = 0
        }
        return slots
    }
}
