import NIOConcurrencyHelpers
import Vocabulary
import Wire

/// What this node believes about who leads which group: hints, fed by announcements, never by guesses.
///
/// A wrong entry costs a redirect, never a message: the node asked checks its own role.
package final class LeaderTable: Sendable {
    private struct Entry {
        var leader: NodeID?
        var term: Term
    }

    private let entries = NIOLockedValueBox<[GroupID: Entry]>([:])

    package init() {}

    package func leader(of group: GroupID) -> NodeID? {
        entries.withLockedValue { $0[group]?.leader }
    }

    /// The known leader of every group.
    package func all() -> [GroupID: NodeID] {
        entries.withLockedValue { $0.compactMapValues { $0.leader } }
    }

    /// Takes an announcement; an older term than the known one is ignored.
    ///
    /// - Returns: true when the leader changed.
    package func announce(_ led: LedGroup, by node: NodeID) -> Bool {
        entries.withLockedValue { entries in
            if let known = entries[led.group] {
                if known.term > led.term || (known.term == led.term && known.leader == node) { return false }
            }
            entries[led.group] = Entry(leader: node, term: led.term)
            return true
        }
    }

    /// `node` said that it does not lead `group`, or lost it.
    package func withdraw(_ group: GroupID, from node: NodeID) {
        entries.withLockedValue { entries in
            if entries[group]?.leader == node { entries[group]?.leader = nil }
        }
    }

    /// Forgets everything that `node` led: its link broke.
    package func withdrawAll(from node: NodeID) {
        entries.withLockedValue { entries in
            for (group, entry) in entries where entry.leader == node { entries[group]?.leader = nil }
        }
    }
}
