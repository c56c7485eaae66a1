import Consensus
import NIOConcurrencyHelpers
import Vocabulary
import Wire

/// What gossip says of the members, with the time since when it is so: for placement, links and redirects.
final class MemberRoster: Sendable {
    private struct Seen {
        var isAlive: Bool
        var since: Tick
    }

    private let node: NodeID
    private let clock: NodeClock
    private let clientScheme: String
    private let seen = NIOLockedValueBox<[NodeID: Seen]>([:])
    private let source = NIOLockedValueBox<(@Sendable () -> [MemberView])?>(nil)

    /// - Parameter clientScheme: `ws` or `wss`; the client ports of a cluster are alike.
    init(node: NodeID, clock: NodeClock, clientScheme: String) {
        self.clientScheme = clientScheme
        self.node = node
        self.clock = clock
    }

    func attach(_ members: @escaping @Sendable () -> [MemberView]) {
        source.withLockedValue { $0 = members }
    }

    var members: [MemberView] { source.withLockedValue { $0 }?() ?? [] }

    func changed(_ record: MemberRecord) {
        let isAlive = record.status.isPresent
        let now = clock.tick()
        seen.withLockedValue { seen in
            if seen[record.node]?.isAlive != isAlive {
                seen[record.node] = Seen(isAlive: isAlive, since: now)
            }
        }
    }

    /// For the coordinator; this node counts as alive.
    func liveness() -> [NodeID: Coordinator.Liveness] {
        var all = seen.withLockedValue { seen in
            seen.mapValues { Coordinator.Liveness(isAlive: $0.isAlive, since: $0.since) }
        }
        all[node] = Coordinator.Liveness(isAlive: true, since: .zero)
        return all
    }

    func alive() -> Set<NodeID> { Set(liveness().filter(\.value.isAlive).keys) }

    func peerAddress(of node: NodeID) -> String? {
        members.first { $0.record.node == node }?.record.addresses.peer
    }

    /// Where clients of this node may go.
    func clientURLs() -> [String] {
        members.filter {
            $0.record.node != node && $0.status == .alive && !$0.record.addresses.client.isEmpty
        }
        .map { "\(clientScheme)://\($0.record.addresses.client)/v1/ws" }
    }
}
