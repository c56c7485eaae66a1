import Testing
import Vocabulary
import Wire

@testable import Chat

struct GroupRoleTests {
    private let store = TestStore()

    private func created(_ members: [UserID] = [bob, cat, dan]) throws {
        try store.apply(change(ann, .create(name: "g", members: members)))
    }

    private func refusal(_ actor: UserID, _ asked: GroupChange) throws -> RefusalCode? {
        try store.apply(change(actor, asked)).first?.refusal
    }

    private func role(_ user: UserID) -> GroupRole? { store.reader.member(user, of: club)?.role }

    private func lastEvent() throws -> String? {
        let query = HistoryQuery(conversation: club, user: bob, bound: nil, order: .descending, limit: 1)
        return try store.reader.history(query).get().messages.first?.content
    }

    @Test func adminsAreMadeAndUnmade() throws {
        try created()
        #expect(try refusal(bob, .setRole(cat, .admin)) == .forbidden)
        #expect(try refusal(ann, .setRole(bob, .admin)) == nil)
        #expect(role(bob) == .admin)
        #expect(try lastEvent() == #"{"event":"role","actor":"ann","user_ids":["bob"],"role":"admin"}"#)
        // An admin may do what an admin may, and no more.
        #expect(try refusal(bob, .setRole(cat, .admin)) == nil)
        #expect(try refusal(bob, .setRole(ann, .member)) == .forbidden)
        #expect(try refusal(bob, .setRole(bob, .owner)) == .forbidden)
        #expect(try refusal(bob, .close) == .forbidden)
        #expect(try refusal(ann, .setRole(bob, .member)) == nil)
        #expect(try refusal(bob, .rename("x")) == .forbidden)
        #expect(try refusal(ann, .setRole(UserID(unchecked: "eve"), .admin)) == .notFound)
        #expect(try refusal(ann, .setRole(ann, .member)) == .forbidden)
        #expect(store.reader.conversation(club)?.memberEpoch == 4)
    }

    @Test func theSameRoleAgainWritesNothing() throws {
        try created()
        try store.apply(change(ann, .setRole(bob, .admin)))
        let before = store.content
        #expect(try refusal(ann, .setRole(bob, .admin)) == nil)
        #expect(store.content == before)
    }

    @Test func anOwnerHandsTheGroupOver() throws {
        try created()
        #expect(try refusal(ann, .setRole(cat, .owner)) == nil)
        #expect(role(cat) == .owner && role(ann) == .admin)
        #expect(try lastEvent() == #"{"event":"owner","actor":"ann","user_ids":["cat"]}"#)
        #expect(try refusal(ann, .close) == .forbidden)
        #expect(try refusal(cat, .close) == nil)
    }

    @Test func theLastAdminsLeavingPromotesTheOldestMember() throws {
        try created([])
        try store.apply(change(ann, .add([dan])), change(ann, .add([bob, cat])))
        let outcome = try #require(try store.apply(change(ann, .leave)).first?.group)
        #expect(role(dan) == .owner)
        #expect(outcome.change?.message?.content.hasSuffix(#""promoted":"dan"}"#) == true)
        #expect(outcome.members.map(\.user) == [ann, dan])
        // A member's leaving promotes nobody, and the last one may go as well.
        try store.apply(change(bob, .leave))
        #expect(role(cat) == .member)
        try store.apply(change(dan, .leave), change(cat, .leave))
        #expect(store.reader.conversation(club)?.memberCount == 0)
    }

    @Test func anOwnersLeavingPromotesTheOldestAdminBeforeOlderMembers() throws {
        try created([bob])
        try store.apply(
            change(ann, .add([dan])), change(ann, .add([cat])), change(ann, .setRole(cat, .admin)),
            change(ann, .leave))
        #expect(role(cat) == .owner && role(bob) == .member && role(dan) == .member)
        // Not the owner: nobody moves up.
        try store.apply(change(cat, .setRole(bob, .admin)), change(bob, .leave))
        #expect(role(cat) == .owner && role(dan) == .member)
    }

    @Test func aGroupThatHasMembersHasOneOwner() throws {
        var generator = SeededGenerator(seed: 11)
        let people = [ann, bob, cat, dan]
        try created()
        for _ in 0..<400 {
            func any() -> UserID { people[Int(generator.next() % 4)] }
            let changes: [GroupChange] = [
                .leave, .add([any()]), .remove(any()), .setRole(any(), .admin), .setRole(any(), .member),
                .setRole(any(), .owner),
            ]
            try store.apply(change(any(), changes[Int(generator.next() % 6)]))
            let members = store.reader.members(of: club).filter(\.isMember)
            #expect(members.count == store.reader.conversation(club)?.memberCount)
            #expect(members.count { $0.role == .owner } == min(1, members.count))
        }
    }
}
