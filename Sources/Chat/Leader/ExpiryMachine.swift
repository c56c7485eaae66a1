import Vocabulary
import Wire

/// Disappearing messages of one led partition: proposes those whose time is over, one batch at a time. It looks
/// into the state only when something can be due.
package struct ExpiryMachine: Sendable {
    /// Messages of one batch at most.
    private static let batchMax = 256

    /// The earliest time anything can be due; the first look finds out.
    private var dueAt: Timestamp? = .zero
    private var isProposed = false

    package init() {}

    /// A message was committed.
    package mutating func note(_ message: MessageRecord?) {
        guard let expiresAt = message?.amendments.expiresAt else { return }
        dueAt = dueAt.map { min($0, expiresAt) } ?? expiresAt
    }

    /// The next batch; call now and then.
    package mutating func take<View: StateView>(now: Timestamp, reader: ChatReader<View>) -> Command? {
        guard !isProposed, let due = dueAt, due <= now else { return nil }
        let (places, next) = reader.expired(at: now, limit: Self.batchMax)
        // Until the batch is applied the same messages are found again.
        dueAt = places.isEmpty ? next : .zero
        if places.isEmpty { return nil }
        isProposed = true
        return .expireMessages(ExpiryCommand(at: now, places: places))
    }

    /// The batch was applied, or was not proposed after all.
    package mutating func done() { isProposed = false }
}
