import Vocabulary
import Wire

/// What a node believes about who leads which group: hints, fed by announcements, never by guesses.
///
/// A wrong entry costs a redirect, never a message: the node asked checks its own role.
package struct LeaderHints: Sendable {
    private struct Entry: Sendable {
        var leader: NodeID?
        var term: Term
    }

    private var entries: [GroupID: Entry] = [:]

    package init() {}

    package func leader(of group: GroupID) -> NodeID? { entries[group]?.leader }

    /// The known leader of every group.
    package var all: [GroupID: NodeID] { entries.compactMapValues { $0.leader } }

    /// Takes an announcement; an older term than the known one is ignored.
    ///
    /// - Returns: true when the leader changed.
    package mutating func announce(_ led: LedGroup, by node: NodeID) -> Bool {
        if let known = entries[led.group] {
            if known.term > led.term || (known.term == led.term && known.leader == node) { return false }
        }
        entries[led.group] = Entry(leader: node, term: led.term)
        return true
    }

    /// `node` said that it does not lead `group`, or lost it.
    package mutating func withdraw(_ group: GroupID, from node: NodeID) {
        if entries[group]?.leader == node { entries[group]?.leader = nil }
    }

    /// Forgets everything that `node` led: its link broke.
    package mutating func withdrawAll(from node: NodeID) {
        for (group, entry) in entries where entry.leader == node { entries[group]?.leader = nil }
    }
}
