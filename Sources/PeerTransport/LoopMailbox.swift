import NIOConcurrencyHelpers
import NIOCore

/// A many-senders, one-receiver queue onto an event loop: one wake-up per batch, order kept.
///
/// The receiver runs on `loop` with everything that was posted since its last run. Posting never blocks and
/// never runs the receiver inside the caller, also when the caller is on the same loop.
package final class LoopMailbox<Message: Sendable>: Sendable {
    package let loop: any EventLoop
    private let receiver: @Sendable ([Message]) -> Void
    private let waiting = NIOLockedValueBox<[Message]>([])

    package init(loop: any EventLoop, receiver: @escaping @Sendable ([Message]) -> Void) {
        self.loop = loop
        self.receiver = receiver
    }

    package func post(_ message: Message) {
        let wasEmpty = waiting.withLockedValue { queue in
            queue.append(message)
            return queue.count == 1
        }
        if wasEmpty { wake() }
    }

    package func post(contentsOf messages: [Message]) {
        if messages.isEmpty { return }
        let wasEmpty = waiting.withLockedValue { queue in
            let wasEmpty = queue.isEmpty
            queue.append(contentsOf: messages)
            return wasEmpty
        }
        if wasEmpty { wake() }
    }

    private func wake() {
        loop.execute {
            let batch = self.waiting.withLockedValue { queue in
                let batch = queue
                queue = []
                return batch
            }
            self.receiver(batch)
        }
    }
}
