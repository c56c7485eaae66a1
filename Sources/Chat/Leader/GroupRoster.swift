import Placement
import Vocabulary
import Wire

/// The members of a group as its leader has them in memory, by the partition of each.
package struct GroupRoster: Hashable, Sendable {
    package private(set) var members: [UserID: ConversationMember] = [:]
    /// Members, without those who left, by partition.
    private(set) var byPartition: [(partition: PartitionID, users: [UserID])] = []
    let partitionCount: Int
    /// The member epoch that this is true of, at least.
    private(set) var epoch: UInt64

    package init(_ members: [ConversationMember], epoch: UInt64 = 0, partitionCount: Int) {
        self.epoch = epoch
        self.partitionCount = partitionCount
        for member in members { self.members[member.user] = member }
        arrange()
    }

    /// Rows that a change has written.
    package mutating func update(_ changed: [ConversationMember], epoch: UInt64) {
        self.epoch = max(self.epoch, epoch)
        var rearrange = false
        for member in changed {
            if members[member.user]?.isMember != member.isMember { rearrange = true }
            members[member.user] = member
        }
        if rearrange { arrange() }
    }

    /// The members in one partition; `nil` when the asker knows of a later epoch.
    package func snapshot(_ query: MemberQuery) -> MemberSnapshot? {
        guard epoch >= query.epoch else { return nil }
        let users = byPartition.first { $0.partition == query.partition }?.users ?? []
        return MemberSnapshot(
            conversation: query.conversation, partition: query.partition, epoch: epoch,
            members: users.compactMap { user in
                members[user].map { MemberSnapshot.Entry(user: user, joinedSeq: $0.joinedSeq) }
            })
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
