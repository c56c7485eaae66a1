import Vocabulary
import Wire

/// Notifications by push, from the outbox of this partition.
extension UserPartition {
    mutating func takePushes<View: StateView>(
        _ now: Moment, _ reader: ChatReader<View>, _ isQuiet: (QuietHours, Timestamp) -> Bool
    ) -> [ChatDirective] {
        if push.isIdle { return [] }
        let (inbox, acks) = (inbox, acks)
        return push.take(
            now: now, reader: reader, pending: { inbox.rows(of: $0) },
            positions: { Self.positions(of: $0, acks, reader) },
            isQuiet: { user in
                reader.settings(of: user).quietHours.map { isQuiet($0, now.wall) } ?? false
            })
    }

    /// The result of a job that this leadership ordered.
    package mutating func pushed(_ result: PushJobResult, now: Moment) -> [ChatDirective] {
        push.finished(result, now: now)
    }
}
