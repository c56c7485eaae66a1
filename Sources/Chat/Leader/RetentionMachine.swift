import Vocabulary
import Wire

/// The operator's retention in one led partition: proposes what is older than it, one batch at a time. It looks into
/// the state only when something can be due.
package struct RetentionMachine: Sendable {
    /// Conversations of one batch, and messages of each of them, at most.
    private static let batchMax = 16
    private static let step = 32
    /// A message may be stamped by a leader whose clock is behind: looked at now and then at least.
    private static let lookMilliseconds: Int64 = 60_000

    /// How long messages are kept; zero: for ever.
    private let milliseconds: Int64
    private var lookAt = Timestamp.zero
    private var isProposed = false

    package init(milliseconds: UInt64) { self.milliseconds = Int64(clamping: milliseconds) }

    /// The next batch; call now and then.
    package mutating func take<View: StateView>(now: Timestamp, reader: ChatReader<View>) -> Command? {
        guard milliseconds > 0, !isProposed, now >= lookAt else { return nil }
        let before = Timestamp(now.milliseconds - milliseconds)
        let (conversations, next) = reader.beyondRetention(before: before, limit: Self.batchMax)
        if conversations.isEmpty {
            let due = next.map { $0.milliseconds + milliseconds + 1 } ?? .max
            let latest = now.milliseconds + min(Self.lookMilliseconds, milliseconds)
            lookAt = Timestamp(min(due, latest))
            return nil
        }
        isProposed = true
        return .retention(
            RetentionCommand(before: before, conversations: conversations, step: Self.step))
    }

    /// The batch was applied, or was not proposed after all.
    package mutating func done() { isProposed = false }
}
