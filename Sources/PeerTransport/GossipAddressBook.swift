import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Socket addresses for `host:port` texts. Names are looked up on a thread of their own, never on an event
/// loop, and forgotten after a while, because the address behind a name may change.
final class GossipAddressBook: Sendable {
    private struct Entry {
        var address: SocketAddress?
        var expires: NIODeadline
        var isResolving = false
    }

    private static let knownFor = TimeAmount.seconds(30)
    private static let unknownFor = TimeAmount.seconds(2)
    private static let entriesMax = 1_024

    private let entries = NIOLockedValueBox<[String: Entry]>([:])

    /// The address, when it is numeric or its name was looked up; a stale one rather than none. Otherwise
    /// `nil`, and a look-up is begun for the next time.
    func address(of text: String) -> SocketAddress? {
        guard let parsed = PeerAddress(text) else { return nil }
        if let numeric = try? SocketAddress(ipAddress: parsed.host, port: parsed.port) { return numeric }
        let (known, mustResolve) = entries.withLockedValue { entries in
            if entries.count >= GossipAddressBook.entriesMax { entries.removeAll() }
            var entry = entries[text] ?? Entry(expires: .now())
            let mustResolve = !entry.isResolving && NIODeadline.now() >= entry.expires
            if mustResolve { entry.isResolving = true }
            entries[text] = entry
            return (entry.address, mustResolve)
        }
        if mustResolve { resolve(parsed, for: text) }
        return known
    }

    private func resolve(_ parsed: PeerAddress, for text: String) {
        NIOThreadPool.singleton.submit { state in
            let found =
                state == .active
                ? try? SocketAddress.makeAddressResolvingHost(parsed.host, port: parsed.port) : nil
            self.entries.withLockedValue { entries in
                let lifetime = found == nil ? GossipAddressBook.unknownFor : GossipAddressBook.knownFor
                entries[text] = Entry(
                    address: found ?? entries[text]?.address, expires: .now() + lifetime)
            }
        }
    }
}
