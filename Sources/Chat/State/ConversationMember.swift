import Vocabulary
import Wire

/// A member of a conversation, also one who has left: the row stays, so that a late event cannot bring it
/// back.
package struct ConversationMember: Hashable, Sendable {
    package var user: UserID
    package var role: GroupRole
    /// The seq it joined with: what comes from then on is delivered to it.
    package var joinedSeq: Seq
    /// The first seq this member may read back to: before `joinedSeq` where the group shows its history.
    package var firstVisible: Seq
    /// Everything up to here this member took out of its list, for good: coming back does not bring it back.
    package var cleared: Seq = .zero
    /// The last seq this member may see; zero while it is a member.
    package var leftSeq: Seq = .zero
    /// The conversation's member epoch when it joined: who is the oldest member.
    package var joinedEpoch: UInt64
    package var delivered: Seq
    package var deliveredAt: Timestamp = .zero
    /// The conversation's rev at which `delivered` last changed.
    package var deliveredRev: Rev = .zero
    package var read: Seq
    package var readAt: Timestamp = .zero
    package var readRev: Rev = .zero
    /// User messages up to the later of own read mark and own last send: what is not unread.
    package var markOrdinal: Ordinal
    /// The last message this member sent; zero when it sent none.
    package var lastSent: Seq = .zero
    /// Messages this member deleted for itself, and the latest of them that was the head when it did.
    package var hiddenCount = 0
    package var hiddenHead: Seq = .zero
    /// A direct conversation's copy of what this member chose.
    package var flags = MemberFlags()
    /// The last advance of `delivered` and of `read` was made while the other might not see it.
    package var isDeliveredPrivate = false
    package var isReadPrivate = false

    /// A member from `joinedSeq` on, to whom everything before counts as read.
    package init(user: UserID, role: GroupRole, joinedSeq: Seq, joinedEpoch: UInt64, markOrdinal: Ordinal) {
        self.user = user
        self.role = role
        self.joinedSeq = joinedSeq
        self.firstVisible = joinedSeq
        self.joinedEpoch = joinedEpoch
        self.delivered = joinedSeq.previous
        self.read = joinedSeq.previous
        self.markOrdinal = markOrdinal
    }

    /// The first seq that is news for this member.
    package var firstDelivered: Seq { max(joinedSeq, firstVisible) }

    package var isMember: Bool { leftSeq == .zero }
    package var isAdmin: Bool { isMember && role != .member }

    /// The last seq this member may see of a conversation that stands at `head`.
    package func lastVisible(head: Seq) -> Seq {
        #if MUTANTS
        if Mutant.active == .removedSeesOn { return head }
        #endif
        return isMember ? head : min(head, leftSeq)
    }
}

extension ConversationMember {
    func write(into writer: inout ByteWriter) {
        writer.text(user)
        writer.u8(role.tag)
        writer.counter(joinedSeq)
        writer.counter(firstVisible)
        writer.counter(leftSeq)
        writer.varint(joinedEpoch)
        writer.counter(delivered)
        writer.timestamp(deliveredAt)
        writer.counter(deliveredRev)
        writer.counter(read)
        writer.timestamp(readAt)
        writer.counter(readRev)
        writer.counter(markOrdinal)
        writer.counter(lastSent)
        writer.varint(hiddenCount)
        writer.counter(hiddenHead)
        flags.write(into: &writer)
        writer.bool(isDeliveredPrivate)
        // The floor came later than the rest: a member without one is stored as it always was.
        writer.u8((isReadPrivate ? 1 : 0) | (hasFloorOfItsOwn ? 2 : 0))
        if hasFloorOfItsOwn { writer.counter(cleared) }
    }

    /// What was cleared by a member who joined before it was, and stayed, shows in what it may read back to.
    private var hasFloorOfItsOwn: Bool { cleared != impliedFloor }
    private var impliedFloor: Seq { firstVisible > joinedSeq ? firstVisible.previous : .zero }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        user = try reader.textIdentity()
        role = try reader.groupRole()
        joinedSeq = try reader.counter()
        firstVisible = try reader.counter()
        leftSeq = try reader.counter()
        joinedEpoch = try reader.varint()
        delivered = try reader.counter()
        deliveredAt = try reader.timestamp()
        deliveredRev = try reader.counter()
        read = try reader.counter()
        readAt = try reader.timestamp()
        readRev = try reader.counter()
        markOrdinal = try reader.counter()
        lastSent = try reader.counter()
        hiddenCount = try reader.length()
        hiddenHead = try reader.counter()
        flags = try MemberFlags(from: &reader)
        isDeliveredPrivate = try reader.bool()
        let marks = try reader.u8()
        guard marks < 4 else { throw DecodingFailure.unknown(field: "member marks", value: UInt64(marks)) }
        isReadPrivate = marks & 1 != 0
        cleared = impliedFloor
        if marks & 2 != 0 { cleared = try reader.counter() }
    }
}
