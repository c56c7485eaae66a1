import Placement
import Vocabulary
import Wire

/// The members of a group as its leader has them in memory, by the partition of each.
package struct GroupRoster: Hashable, Sendable {
    package private(set) var members: [UserID: ConversationMember] = [:]
    /// Members, without those who left, by partition.
    private(set) var byPartition: [(partition: PartitionID, users: [UserID])] = []
    private let partitionCount: Int

    package init(_ members: [ConversationMember], partitionCount: Int) {
        self.partitionCount = partitionCount
        for member in members { self.members[member.user] = member }
        arrange()
    }

    /// Rows that a change has written.
    package mutating func update(_ changed: [ConversationMember]) {
        var rearrange = false
        for member in changed {
            if members[member.user]?.isMember != member.isMember { rearrange = true }
            members[member.user] = member
        }
        if rearrange { arrange() }
    }

    private mutating func arrange() {
        var places: [PartitionID: [UserID]] = [:]
        for (user, member) in members where member.isMember {
            places[.of(user, count: partitionCount), default: []].append(user)
        }
        byPartition = places.keys.sorted().map { ($0, (places[$0] ?? []).sorted()) }
    }

    package static func == (a: Self, b: Self) -> Bool { a.members == b.members }
    package func hash(into hasher: inout Hasher) { hasher.combine(members) }
}
