import Chat
import NIOConcurrencyHelpers
import Vocabulary
import Wire

/// `LeaderHints` for all loops of a node.
package final class LeaderTable: Sendable {
    private let hints = NIOLockedValueBox(LeaderHints())

    package init() {}

    package func leader(of group: GroupID) -> NodeID? { hints.withLockedValue { $0.leader(of: group) } }

    /// The known leader of every group.
    package func all() -> [GroupID: NodeID] { hints.withLockedValue { $0.all } }

    /// Takes an announcement; true when the leader changed.
    package func announce(_ led: LedGroup, by node: NodeID) -> Bool {
        hints.withLockedValue { $0.announce(led, by: node) }
    }

    /// `node` said that it does not lead `group`, or lost it.
    package func withdraw(_ group: GroupID, from node: NodeID) {
        hints.withLockedValue { $0.withdraw(group, from: node) }
    }

    /// Forgets everything that `node` led: its link broke.
    package func withdrawAll(from node: NodeID) { hints.withLockedValue { $0.withdrawAll(from: node) } }
}
