import Testing
import Vocabulary
import Wire

@testable import Chat

struct InviteTests {
    private let store = TestStore()
    private let eve = UserID(unchecked: "eve")

    init() throws { try store.apply(change(ann, .create(name: "g", members: [bob]))) }

    private func at(_ time: Int64, _ actor: UserID, _ asked: GroupChange, membersMax: Int = 1_024) throws
        -> GroupOutcome
    {
        let command = GroupCommand(
            group: club, actor: actor, change: asked, membersMax: membersMax, at: Timestamp(time))
        return try #require(try store.apply(.changeGroup(command)).first?.group)
    }

    private func refusal(_ actor: UserID, _ asked: GroupChange, at time: Int64 = 2_000) throws -> RefusalCode?
    {
        try at(time, actor, asked).result.refusal
    }

    private func offer(_ number: UInt64, lasts: UInt64? = nil, uses: UInt64? = nil) -> GroupChange {
        .invite(InviteOffer(secret: secret(number), lastsMilliseconds: lasts, usesMax: uses))
    }

    private func approve(_ isOn: Bool) throws {
        var edit = GroupSettingsEdit()
        edit.approveJoins = isOn
        #expect(try refusal(ann, .edit(GroupEdit(settings: edit))) == nil)
    }

    @Test func anInviteLetsIn() throws {
        let invite = try #require(try at(2_000, ann, offer(1)).result.get().invite)
        #expect(invite.creator == ann && invite.expiresAt == nil && invite.uses == 0)
        let joined = try at(3_000, cat, .join(secret(1)))
        #expect(joined.change?.message?.content == #"{"event":"joined","actor":"cat","user_ids":["cat"]}"#)
        #expect(store.reader.member(cat, of: club)?.isMember == true)
        #expect(store.reader.member(cat, of: club)?.joinedSeq == Seq(2))
        let before = store.content
        #expect(try refusal(cat, .join(secret(1))) == nil, "a repeated join is answered alike")
        #expect(try refusal(dan, .join(secret(9))) == .notFound)
        #expect(store.content == before)
    }

    @Test func invitesEndByTimeAndByUse() throws {
        _ = try at(1_000, ann, offer(1, lasts: 500))
        #expect(try refusal(cat, .join(secret(1)), at: 1_500) == .gone)
        #expect(try refusal(cat, .join(secret(1)), at: 1_499) == nil)
        _ = try at(2_000, ann, offer(2, uses: 1))
        #expect(try refusal(dan, .join(secret(2))) == nil)
        #expect(try refusal(eve, .join(secret(2))) == .gone)
        #expect(try refusal(dan, .join(secret(2))) == nil, "the one who used it may repeat")
    }

    @Test func revokedInvitesLeadNowhere() throws {
        for number in 1...3 as ClosedRange<UInt64> { _ = try at(2_000, ann, offer(number)) }
        #expect(try refusal(ann, .revokeInvites(secret(1))) == nil)
        #expect(try refusal(cat, .join(secret(1))) == .notFound)
        #expect(try refusal(cat, .join(secret(2))) == nil)
        #expect(try refusal(ann, .revokeInvites(nil)) == nil)
        #expect(try refusal(dan, .join(secret(3))) == .notFound)
        let query = GroupQuery(group: club, actor: ann, subject: .invites)
        #expect(try store.reader.group(query).get() == .invites([]))
    }

    @Test func whoMayAddMayInvite() throws {
        #expect(try refusal(bob, offer(1)) == .forbidden)
        #expect(try refusal(dan, offer(1)) == .notMember)
        #expect(
            store.reader.group(GroupQuery(group: club, actor: bob, subject: .invites)).refusal == .forbidden)
        var edit = GroupSettingsEdit()
        edit.addMembers = .all
        #expect(try refusal(ann, .edit(GroupEdit(settings: edit))) == nil)
        #expect(try refusal(bob, offer(1)) == nil)
    }

    @Test func invitesHaveALimitAndThoseThatAreOverDoNotCount() throws {
        for number in 1...64 as ClosedRange<UInt64> { _ = try at(1_000, ann, offer(number, lasts: 1_000)) }
        #expect(try refusal(ann, offer(65), at: 1_999) == .invalidRequest)
        #expect(try refusal(ann, offer(65), at: 2_000) == nil)
        #expect(store.reader.view.invites(club).count == 1)
        let again = try at(9_000, ann, offer(65)).result.get().invite
        #expect(again?.createdAt == Timestamp(2_000), "a repeated request makes no second one")
    }

    @Test func aFullGroupLetsNobodyInAndKeepsTheUse() throws {
        _ = try at(2_000, ann, offer(1, uses: 1))
        #expect(try at(2_000, cat, .join(secret(1)), membersMax: 2).result.refusal == .invalidRequest)
        #expect(try refusal(cat, .join(secret(1))) == nil)
    }

    @Test func whereAdminsApproveJoinersWait() throws {
        _ = try at(2_000, ann, offer(1))
        try approve(true)
        #expect(try at(2_000, cat, .join(secret(1))).result.get().isPending)
        #expect(try at(2_001, cat, .join(secret(1))).result.get().isPending)
        #expect(try at(2_002, dan, .join(secret(1))).result.get().isPending)
        #expect(store.reader.member(cat, of: club) == nil)
        #expect(try store.apply(send(cat, to: .group(club), "1")).first?.refusal == .notMember)
        func waiting(_ actor: UserID, after: UserID? = nil, limit: Int = 10) -> Result<GroupAnswer, Refusal> {
            let subject = GroupQuery.Subject.requests(after: after, limit: limit)
            return store.reader.group(GroupQuery(group: club, actor: actor, subject: subject))
        }
        let cats = GroupJoinRequest(user: cat, at: Timestamp(2_000))
        let dans = GroupJoinRequest(user: dan, at: Timestamp(2_002))
        #expect(try waiting(ann).get() == .requests([cats, dans], hasMore: false))
        #expect(try waiting(ann, limit: 1).get() == .requests([cats], hasMore: true))
        #expect(try waiting(ann, after: cat).get() == .requests([dans], hasMore: false))
        #expect(waiting(bob).refusal == .forbidden)
        #expect(try refusal(bob, .decide(cat, admits: true)) == .forbidden)
        let admitted = try at(3_000, ann, .decide(cat, admits: true))
        #expect(admitted.change?.message?.content == #"{"event":"joined","actor":"ann","user_ids":["cat"]}"#)
        #expect(try refusal(ann, .decide(cat, admits: true)) == nil, "again is fine")
        #expect(try refusal(ann, .decide(dan, admits: false)) == nil)
        #expect(try refusal(ann, .decide(dan, admits: true)) == .notFound)
        #expect(store.reader.member(dan, of: club) == nil)
        #expect(store.reader.view.groupProfile(club)?.requestCount == 0)
        // Who is added needs no approval any more.
        #expect(try at(4_000, dan, .join(secret(1))).result.get().isPending)
        #expect(try refusal(ann, .add([dan])) == nil)
        #expect(store.reader.view.groupProfile(club)?.requestCount == 0)
    }

    @Test func aCodeLeadsToItsGroup() throws {
        let code = InviteCode(group: club, secret: secret(7))
        let text = code.description
        #expect(text.utf8.count == 43)
        #expect(InviteCode(text) == code)
        #expect(InviteCode(text + "A") == nil && InviteCode(String(text.dropLast())) == nil)
        #expect(InviteCode("") == nil && InviteCode(String(repeating: "!", count: 43)) == nil)
    }
}
