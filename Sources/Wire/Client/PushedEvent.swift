import Vocabulary

/// A push with its frame, encoded once and shared by every session of a node that gets it.
package struct PushedEvent: Sendable {
    package let event: SessionPush.Event
    /// The JSON text; empty for events that are no frame.
    package let frame: [UInt8]

    package init(_ event: SessionPush.Event) {
        self.event = event
        switch event {
        case .message(let record, _): frame = ServerFrame.message(record)
        case .status(let status): frame = ServerFrame.status(status)
        case .update(let update): frame = ServerFrame.update(update)
        case .settings(let row): frame = ServerFrame.conversation(row)
        case .advanced, .version, .close, .privacyChanged, .presence: frame = []
        case .counts(let counts): frame = ServerFrame.receipts(counts)
        case .typing(let event):
            frame = ServerFrame.typing(event.conversation, user: event.user, isTyping: event.isTyping)
        }
    }
}
