import Testing
import Vocabulary
import Wire

@testable import Chat

@Suite struct ConversationMemberTests {
    private func member(joined: UInt64, visible: UInt64, cleared: UInt64) throws -> ConversationMember {
        var member = ConversationMember(
            user: try #require(UserID("ann")), role: .member, joinedSeq: Seq(joined), joinedEpoch: 3,
            markOrdinal: .zero)
        member.firstVisible = Seq(visible)
        member.cleared = Seq(cleared)
        member.isReadPrivate = true
        return member
    }

    private func bytes(_ member: ConversationMember) -> [UInt8] {
        var writer = ByteWriter()
        member.write(into: &writer)
        return writer.bytes
    }

    /// A floor that `firstVisible` tells costs nothing: such rows are read and written by builds from before it.
    @Test(arguments: [(5, 5, 0, true), (5, 2, 0, true), (5, 9, 8, true), (5, 5, 4, false), (9, 9, 3, false)])
    func aFloorIsStoredWhereNothingElseTellsIt(
        joined: UInt64, visible: UInt64, cleared: UInt64, isImplied: Bool
    ) throws {
        let member = try member(joined: joined, visible: visible, cleared: cleared)
        let bytes = bytes(member)
        var reader = ByteReader(bytes)
        let again = try ConversationMember(from: &reader)
        try reader.finish()
        #expect(again == member)
        // A lone 1 ends the row of before; two more bytes tell the floor.
        let plain = self.bytes(try self.member(joined: joined, visible: visible, cleared: 0)).count
        #expect(isImplied ? bytes.last == 1 && bytes.count <= plain : bytes.count == plain + 1)
    }
}
