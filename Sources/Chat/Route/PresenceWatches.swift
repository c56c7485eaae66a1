import Vocabulary
import Wire

/// What a node remembers of its sessions' watches of presence, by the group whose leader is to know them.
///
/// A subscription first asks what the viewer's own settings let it see, and is a watch once that is answered.
/// `partitions` is the cluster's number of partitions.
package struct PresenceWatches: Sendable {
    /// Watches for the leader of one group.
    package typealias Batch = (group: GroupID, watches: [PresenceWatch])

    private struct Place: Hashable, Comparable {
        var session: UInt64
        var user: UserID
        static func < (a: Self, b: Self) -> Bool { (a.session, a.user) < (b.session, b.user) }
    }

    private var watches: [GroupID: [Place: PresenceWatch]] = [:]
    private var users: [UInt64: Set<UserID>] = [:]
    /// Subscriptions whose question is open, by the number of the last one that asked.
    private var asked: [Place: UInt64] = [:]
    private var lastAsked: UInt64 = 0

    package init() {}

    /// Groups whose leader is to know of a watch.
    package var groups: [GroupID] { watches.keys.sorted() }

    /// A subscription's question goes out. Returns the number to answer it by.
    package mutating func ask(_ subscription: PresenceSubscription) -> UInt64 {
        lastAsked += 1
        for user in subscription.users {
            asked[Place(session: subscription.session.number, user: user)] = lastAsked
        }
        return lastAsked
    }

    /// The question is answered; `nil` sights: refused, or the session is gone. Returns what to tell the leaders.
    ///
    /// Whom the session has unsubscribed from since, or asked about again, is not watched by this answer. A leader
    /// is told the end of an earlier watch first: that end may have been lost on its way, and who subscribes anew is
    /// owed a state, which a repeated watch is not.
    package mutating func answered(
        _ number: UInt64, _ subscription: PresenceSubscription, _ sights: [PresenceSight]?, partitions: Int
    ) -> [Batch] {
        let session = subscription.session.number
        var byGroup: [GroupID: [PresenceWatch]] = [:]
        for (position, user) in subscription.users.enumerated() {
            let place = Place(session: session, user: user)
            guard asked[place] == number else { continue }
            asked[place] = nil
            guard let sights else { continue }
            var watch = PresenceWatch(
                session: subscription.session, viewer: subscription.viewer, user: user, sight: nil)
            let group = GroupID(PartitionID.of(user, count: partitions))
            byGroup[group, default: []].append(watch)
            watch.sight = sights[position]
            byGroup[group]?.append(watch)
            users[session, default: []].insert(user)
            watches[group, default: [:]][place] = watch
        }
        return Self.sorted(byGroup)
    }

    /// The session watches these users no more. Returns what to tell the leaders.
    package mutating func end(_ session: UInt64, _ users: [UserID], partitions: Int) -> [Batch] {
        var byGroup: [GroupID: [PresenceWatch]] = [:]
        for user in users.sorted() {
            let place = Place(session: session, user: user)
            asked[place] = nil
            self.users[session]?.remove(user)
            let group = GroupID(PartitionID.of(user, count: partitions))
            guard var watch = watches[group]?.removeValue(forKey: place) else { continue }
            if watches[group]?.isEmpty == true { watches[group] = nil }
            watch.sight = nil
            byGroup[group, default: []].append(watch)
        }
        if self.users[session]?.isEmpty == true { self.users[session] = nil }
        return Self.sorted(byGroup)
    }

    /// The session is gone. Returns what to tell the leaders.
    package mutating func end(_ session: UInt64, partitions: Int) -> [Batch] {
        end(session, Array(users[session] ?? []), partitions: partitions)
    }

    /// What the group's leader is to know, said once more.
    package func repeated(of group: GroupID) -> [PresenceWatch] {
        watches[group]?.sorted { $0.key < $1.key }.map(\.value) ?? []
    }

    private static func sorted(_ byGroup: [GroupID: [PresenceWatch]]) -> [Batch] {
        byGroup.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
