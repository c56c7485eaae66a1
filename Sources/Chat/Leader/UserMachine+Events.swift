import Vocabulary
import Wire

extension UserMachine {
    /// An event for all of the user's live sessions that no position depends on.
    package func tell(_ event: SessionPush.Event) -> [LivePush] {
        sessions.map { session in
            LivePush(
                node: session.key.node,
                addressee: SessionPush.Addressee(session: session.key.number, position: .start),
                event: event, place: 0)
        }
    }

    /// Somebody writes: shown where somebody looks, in the foreground.
    package func typing(_ request: TypingRequest) -> [LivePush] {
        sessions.filter(\.foreground).map { session in
            LivePush(
                node: session.key.node,
                addressee: SessionPush.Addressee(session: session.key.number, position: .start),
                event: .typing(request), place: 0)
        }
    }
}
