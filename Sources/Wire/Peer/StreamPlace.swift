import Vocabulary

/// Where a request stands among those that one router sends to one group: numbered from 0 within a stream, and a
/// new, higher stream for everything each time a router sends again.
package struct StreamPlace: Hashable, Sendable {
    package var stream: UInt64
    package var position: UInt64

    package init(stream: UInt64, position: UInt64) {
        self.stream = stream
        self.position = position
    }
}
