import Vocabulary

/// From the leader of users' partitions to the leader of a large group: who are its members here?
package struct MemberQuery: Hashable, Sendable {
    package var conversation: ConversationID
    /// The users' partition that asks.
    package var partition: PartitionID
    /// At least this member epoch.
    package var epoch: UInt64

    package init(conversation: ConversationID, partition: PartitionID, epoch: UInt64) {
        self.conversation = conversation
        self.partition = partition
        self.epoch = epoch
    }
}

/// The members of a group in one users' partition, as of a member epoch.
package struct MemberSnapshot: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var user: UserID
        package var joinedSeq: Seq
        package init(user: UserID, joinedSeq: Seq) {
            self.user = user
            self.joinedSeq = joinedSeq
        }
    }
    package var conversation: ConversationID
    package var partition: PartitionID
    package var epoch: UInt64
    package var members: [Entry]

    package init(conversation: ConversationID, partition: PartitionID, epoch: UInt64, members: [Entry]) {
        self.conversation = conversation
        self.partition = partition
        self.epoch = epoch
        self.members = members
    }
}

extension ByteWriter {
    mutating func memberQuery(_ value: MemberQuery) {
        identity(value.conversation)
        varint(UInt64(value.partition.raw))
        varint(value.epoch)
    }

    mutating func memberSnapshot(_ value: MemberSnapshot) {
        identity(value.conversation)
        varint(UInt64(value.partition.raw))
        varint(value.epoch)
        list(value.members) { writer, member in
            writer.text(member.user)
            writer.counter(member.joinedSeq)
        }
    }
}

extension ByteReader {
    mutating func memberQuery() throws(DecodingFailure) -> MemberQuery {
        MemberQuery(
            conversation: try identity(), partition: PartitionID(try varint32()), epoch: try varint())
    }

    mutating func memberSnapshot() throws(DecodingFailure) -> MemberSnapshot {
        MemberSnapshot(
            conversation: try identity(), partition: PartitionID(try varint32()), epoch: try varint(),
            members: try list { r throws(DecodingFailure) in
                MemberSnapshot.Entry(user: try r.textIdentity(), joinedSeq: try r.counter())
            })
    }
}
