import Vocabulary
import Wire

/// What a leader knows of one other replica (thesis, section 3.5; pipelining: section 10.2.1).
struct FollowerProgress: Sendable {
    enum State: Hashable, Sendable {
        /// Where the logs agree is not known: one message at a time.
        case probe(isPaused: Bool)
        /// The logs agree: messages are sent ahead of their acknowledgements.
        case replicate
        /// A snapshot up to the index is on its way; nothing else is sent.
        case snapshot(LogIndex)
    }

    let replica: Replica
    var state: State = .probe(isPaused: false)
    /// The last index known to be durable there.
    var matched: LogIndex = .zero
    /// The next index to send.
    var next: LogIndex
    var inflight = InflightWindow()
    /// When it last answered at this term; before the first answer, when this began.
    private(set) var lastContact: Tick
    private(set) var hasAnswered = false
    var lastSent: Tick
    /// When `matched` last grew or a message of a new window left.
    var lastAdvance: Tick
    /// The commit index that it was last told.
    var sentCommit: LogIndex = .zero
    /// The latest read whose heartbeat round it has confirmed (rule Q1).
    var confirmedRead: UInt64 = 0
    /// What it has said of its state (rule R4).
    var marks = StateMarks()
    /// Its state is not what it must be; told until it ends.
    var verdict: StateVerdict?
    /// The last index at which it differs from this leader and nobody can decide yet.
    var disputed: LogIndex = .zero

    init(replica: Replica, next: LogIndex, now: Tick) {
        self.replica = replica
        self.next = next
        lastContact = now
        lastSent = now
        lastAdvance = now
    }

    mutating func answered(now: Tick) {
        lastContact = now
        hasAnswered = true
    }

    mutating func becomeProbe() {
        state = .probe(isPaused: false)
        next = matched.next
        inflight.reset()
    }

    /// Everything up to `index` is durable there. False when that is no news.
    mutating func acknowledge(_ index: LogIndex, logStart: LogIndex, now: Tick) -> Bool {
        inflight.free(through: index)
        let isNews = index > matched
        if isNews {
            matched = index
            lastAdvance = now
        }
        next = max(next, matched.next)
        switch state {
        case .probe where index >= matched: startReplicating()
        case .snapshot(let pending) where matched >= pending || matched.next >= logStart: startReplicating()
        default: break
        }
        return isNews
    }

    private mutating func startReplicating() {
        state = .replicate
        next = matched.next
        inflight.reset()
    }

    /// The follower does not have what follows `previous`. False when the answer is an old one.
    mutating func reject(previous: LogIndex, possibleMatch: LogIndex) -> Bool {
        switch state {
        case .replicate:
            guard previous > matched else { return false }
            becomeProbe()
            return true
        case .probe:
            guard previous == next.previous else { return false }
            next = max(min(previous, possibleMatch.next), matched.next)
            state = .probe(isPaused: false)
            return true
        case .snapshot: return false
        }
    }
}

/// Append messages that were sent and not acknowledged: their last index and their bytes.
struct InflightWindow: Sendable {
    private var messages: [(last: LogIndex, bytes: Int)] = []
    private(set) var bytes = 0

    var count: Int { messages.count }

    mutating func add(last: LogIndex, bytes count: Int) {
        messages.append((last, count))
        bytes += count
    }

    mutating func free(through index: LogIndex) {
        var freed = 0
        while freed < messages.count, messages[freed].last <= index {
            bytes -= messages[freed].bytes
            freed += 1
        }
        if freed > 0 { messages.removeFirst(freed) }
    }

    mutating func reset() {
        messages.removeAll(keepingCapacity: true)
        bytes = 0
    }
}
