import NIOCore

/// The sends that have no final answer yet: what makes a send exactly once from the caller's side.
///
/// A send stays here under one client message id until the cluster says `sent` or refuses for good. A lost
/// connection, an answer `unknown` and a passing refusal all lead to the same frame again; the cluster's dedup
/// (guarantee G4) makes the repetition harmless. The wire order of sends that were never answered is kept.
/// A value without clock: times are nanoseconds handed in by the caller.
package struct SendLedger: Sendable {
    /// Names one send on the wire (`ref`) and in this ledger.
    package typealias Ref = UInt64

    /// What to do about an answer.
    package enum Verdict: Hashable, Sendable {
        /// Tell the caller; the send is forgotten.
        case settled
        /// Keep it; it is written again at the deadline handed in.
        case retrying
        /// Not one of ours, or settled before.
        case unknownRef
    }

    private struct Entry {
        let frame: ByteBuffer
        let deadline: UInt64
        /// Written on this connection and not answered.
        var isInFlight = false
        /// Not before this time, after a passing refusal.
        var notBefore: UInt64 = 0
    }

    /// Frames on the wire without answer; the server stops reading a connection at 64.
    package let window: Int
    private var entries: [Ref: Entry] = [:]
    /// The order of the calls.
    private var order: [Ref] = []
    private var inFlight = 0

    package init(window: Int = 64) { self.window = window }

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }

    /// Adds a send behind all others; `ref` was never used before, `deadline` is when the caller stops waiting.
    package mutating func add(_ ref: Ref, frame: ByteBuffer, deadline: UInt64) {
        precondition(entries[ref] == nil, "send ref \(ref) is in the ledger already")
        entries[ref] = Entry(frame: frame, deadline: deadline)
        order.append(ref)
    }

    /// The frames to write now, in order, as far as the window allows. They count as in flight from here on.
    package mutating func due(now: UInt64) -> [ByteBuffer] {
        guard inFlight < window, inFlight < entries.count else { return [] }
        var frames: [ByteBuffer] = []
        for ref in order {
            guard inFlight < window else { break }
            guard var entry = entries[ref], !entry.isInFlight, entry.notBefore <= now else { continue }
            entry.isInFlight = true
            entries[ref] = entry
            inFlight += 1
            frames.append(entry.frame)
        }
        return frames
    }

    /// The cluster has committed it.
    package mutating func received(sent ref: Ref) -> Verdict {
        remove(ref) ? .settled : .unknownRef
    }

    /// The cluster refused: for good, or for now and then it is tried again at `retryAt`.
    package mutating func received(_ refusal: Refusal, for ref: Ref, retryAt: UInt64) -> Verdict {
        guard refusal.isTransient else { return remove(ref) ? .settled : .unknownRef }
        guard var entry = entries[ref], entry.isInFlight else { return .unknownRef }
        entry.isInFlight = false
        entry.notBefore = retryAt
        entries[ref] = entry
        inFlight -= 1
        return .retrying
    }

    /// The connection is gone: what was in flight must be written again.
    package mutating func disconnected() {
        for ref in order { entries[ref]?.isInFlight = false }
        inFlight = 0
    }

    /// Removes and names the sends whose callers wait no longer.
    package mutating func expire(now: UInt64) -> [Ref] {
        let expired = order.filter { ref in entries[ref].map { $0.deadline <= now } ?? false }
        for ref in expired { _ = remove(ref) }
        return expired
    }

    /// Forgets one send, as when its caller was cancelled. False when it was not here.
    package mutating func remove(_ ref: Ref) -> Bool {
        guard let entry = entries.removeValue(forKey: ref) else { return false }
        if entry.isInFlight { inFlight -= 1 }
        // Answers mostly come in order, so the search mostly ends at the first element.
        if let index = order.firstIndex(of: ref) { order.remove(at: index) }
        return true
    }

    /// Empties the ledger and names what was in it, oldest first.
    package mutating func removeAll() -> [Ref] {
        let all = order
        entries.removeAll()
        order.removeAll()
        inFlight = 0
        return all
    }

    /// When to look again: the earliest deadline or retry.
    package var nextWake: UInt64? {
        var earliest: UInt64?
        for ref in order {
            guard let entry = entries[ref] else { continue }
            var wake = entry.deadline
            if !entry.isInFlight, entry.notBefore > 0 { wake = min(wake, entry.notBefore) }
            earliest = min(earliest ?? wake, wake)
        }
        return earliest
    }
}
