import Testing
import Vocabulary
import Wire

@testable import Chat

/// The end of an account.
@Suite struct ErasureTests {
    private func erase(_ cluster: TestCluster, _ user: UserID) -> OperationResult? {
        cluster.call(.account(AccountRequest(user: user, ask: .change(.erase))))
    }

    private func history(_ cluster: TestCluster, _ conversation: ConversationID, _ user: UserID)
        -> [MessageRecord]
    {
        let query = HistoryQuery(
            conversation: conversation, user: user, bound: nil, order: .ascending, limit: 200)
        guard case .history(let page)? = cluster.call(.history(query)) else { return [] }
        return page.messages
    }

    private func code(_ result: OperationResult?) -> RefusalCode? {
        guard case .refused(let refusal)? = result else { return nil }
        return refusal.code
    }

    /// Ann and bob, who have written to each other; ann in a group of bob's with two others.
    private func acquainted() -> (TestCluster, TestDevice, TestDevice) {
        let cluster = TestCluster()
        let anns = TestDevice(cluster, ann, phone)
        let bobs = TestDevice(cluster, bob, phone)
        for device in [anns, bobs] {
            device.connect()
            cluster.settle()
        }
        _ = cluster.call(.ensureUser(cat))
        _ = cluster.send(ann, to: .user(bob), "1", "mine 1")
        _ = cluster.send(bob, to: .user(ann), "2", "his")
        _ = cluster.send(ann, to: .user(bob), "3", "mine 2")
        _ = cluster.call(
            .group(
                GroupRequest(
                    group: club, actor: ann,
                    change: .create(
                        GroupCreation(name: "club", members: [bob, cat])))))
        _ = cluster.send(ann, to: .group(club), "4", "mine 3")
        cluster.advance(3_000)
        return (cluster, anns, bobs)
    }

    /// What was proposed before the end and is applied after it.
    @Test func nothingIsKeptOfSettingsAndBlocksThatComeLate() throws {
        let (cluster, _, _) = acquainted()
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        let store = cluster.store(of: ann)
        let before = store.content
        var settings = SettingsChange()
        settings.readReceipts = false
        let block = BlockCommand(user: ann, peer: bob, isBlocked: true, blocksMax: 10, at: Timestamp(1))
        for command in [PrivacyCommand.change(ann, settings), .block(block)] {
            guard case .privacy(let outcome)? = try store.apply(.privacy(command)).first,
                case .failure(let refusal) = outcome.result
            else {
                Issue.record("not refused: \(command)")
                continue
            }
            #expect(refusal.code == .gone)
        }
        #expect(store.content == before)
    }

    @Test func whatTheUserWroteIsGoneEverywhereAndTheRestStays() {
        let (cluster, anns, bobs) = acquainted()
        #expect(erase(cluster, ann) == .account(.done))
        #expect(anns.closeCode == 4003)
        cluster.advance(5_000)
        let direct = history(cluster, annBob, bob)
        #expect(direct.map(\.content) == ["", "his", ""])
        #expect(direct.map { $0.amendments.deletedAt != nil } == [true, false, true])
        let group = history(cluster, club, bob).filter { $0.type != .system }
        #expect(group.map(\.content) == [""])
        // Bob's list says so too, and heard of it live.
        let rows = cluster.rows(of: bob)
        #expect(rows.first { $0.conversation == annBob }?.title == "Deleted user")
        #expect(rows.allSatisfy { !$0.preview.contains("mine") })
        #expect(bobs.updates.count { $0.change == .deleted(.everyone) } == 3)
        #expect(cluster.store(of: ann).reader.erasures(limit: 10).isEmpty)
    }

    @Test func theUserLeavesItsGroupsAndAnotherOwns() {
        let (cluster, _, _) = acquainted()
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        let members = cluster.store(of: club).reader.members(of: club).filter(\.isMember)
        #expect(members.map(\.user) == [bob, cat])
        #expect(members.contains { $0.role == .owner })
    }

    @Test func nobodyIsThereAnyMore() {
        let (cluster, anns, _) = acquainted()
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        #expect(code(cluster.send(bob, to: .user(ann), "5")) == .gone)
        #expect(code(cluster.send(ann, to: .user(bob), "6")) == .gone)
        #expect(code(cluster.send(ann, to: .group(club), "7")) == .notMember)
        #expect(code(cluster.call(.ensureUser(ann))) == .gone)
        #expect(cluster.call(.usersExist([ann])) == .usersExist([false]))
        #expect(code(cluster.call(.account(AccountRequest(user: ann, ask: .devices)))) == .gone)
        #expect(
            code(
                cluster.call(
                    .account(AccountRequest(user: ann, ask: .change(.takeKeys(KeyFetchID(high: 1, low: 1))))))
            )
                == .gone)
        anns.connect()
        cluster.settle()
        anns.finishOpening()
        #expect(anns.refusal?.code == .gone)
        #expect(cluster.store(of: ann).reader.devices(of: ann).isEmpty)
        // A retry is told the same.
        #expect(erase(cluster, ann) == .account(.done))
    }

    @Test func nothingOfPushIsLeft() {
        let (cluster, anns, _) = acquainted()
        let push = PushRegistration(target: .fcm(token: "secret"), content: .full, registeredAt: Timestamp(1))
        let register = AccountRequest(user: ann, ask: .change(.setPush(phone, push)))
        #expect(cluster.call(.account(register)) == .account(.done))
        let quiet = QuietHours(startMinute: 1, endMinute: 2, timeZone: "UTC")
        var change = SettingsChange()
        change.quietHours = .hours(quiet)
        _ = cluster.call(.privacy(.change(ann, change)))
        anns.disconnect()
        _ = cluster.send(bob, to: .user(ann), "8", "wake up")
        cluster.advance(2_000)
        #expect(!cluster.store(of: ann).reader.pushOutbox().isEmpty)
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        let store = cluster.store(of: ann)
        #expect(store.reader.pushOutbox().isEmpty)
        #expect(store.reader.view.pairs(in: Tables.pushOutbox(ann)).isEmpty)
        #expect(store.reader.pushRegistrations(of: ann).isEmpty)
        #expect(store.reader.view.deviceDetails(ann, phone) == nil)
        #expect(store.reader.settings(of: ann).quietHours == nil)
        // What reaches the erased account later makes no row again.
        _ = cluster.send(cat, to: .user(ann), "9", "are you there?")
        cluster.advance(5_000)
        #expect(store.reader.view.pairs(in: Tables.pushOutbox(ann)).isEmpty)
    }

    @Test func aNewLeaderFinishesWhatAnotherBegan() {
        let (cluster, _, _) = acquainted()
        let token = cluster.ask(.account(AccountRequest(user: ann, ask: .change(.erase))))
        cluster.settle()
        #expect(cluster.results[token] == .account(.done))
        #expect(cluster.store(of: ann).reader.erasures(limit: 10).count == 2)
        for place in cluster.partitions.indices { cluster.failover(place) }
        cluster.advance(30_000)
        #expect(cluster.store(of: ann).reader.erasures(limit: 10).isEmpty)
        #expect(history(cluster, annBob, bob).map(\.content) == ["", "his", ""])
    }

    @Test func longConversationsAreForgottenStepByStep() {
        let (cluster, _, _) = acquainted()
        for number in 0..<ChatRules.erasureStep * 2 {
            let (sender, other) = number % 2 == 0 ? (ann, bob) : (bob, ann)
            _ = cluster.send(sender, to: .user(other), "n\(number)", "text \(number)")
        }
        cluster.advance(3_000)
        cluster.proposed = []
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        let steps = cluster.proposed.compactMap { command -> EraseMemberRequest? in
            guard case .eraseMember(let command) = command else { return nil }
            return command.request
        }
        #expect(steps.filter { $0.conversation == annBob }.map(\.from) == [1, 65, 129].map { Seq($0) })
        #expect(history(cluster, annBob, bob).allSatisfy { ($0.sender == ann) == $0.content.isEmpty })
    }

    @Test func aReactionGoesToo() {
        let (cluster, _, _) = acquainted()
        guard let his = history(cluster, annBob, bob).first(where: { $0.sender == bob }) else {
            Issue.record("no message")
            return
        }
        let react = MessageChangeRequest(message: his.messageID, actor: ann, change: .react("👍"))
        _ = cluster.call(.changeMessage(react))
        #expect(history(cluster, annBob, bob)[1].reactions.count == 1)
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        #expect(history(cluster, annBob, bob)[1].reactions.isEmpty)
    }

    /// A conversation that began while the account went: its first message is on its way to the inbox.
    /// A node that has not heard of the end lets somebody add the user.
    @Test func aGroupThatTakesTheUserInAgainForgetsItToo() {
        let (cluster, _, _) = acquainted()
        _ = erase(cluster, ann)
        cluster.advance(30_000)
        func isMember() -> Bool {
            cluster.store(of: club).reader.members(of: club).contains { $0.user == ann && $0.isMember }
        }
        #expect(!isMember())
        for _ in 0..<2 {
            _ = cluster.call(.group(GroupRequest(group: club, actor: bob, change: .add([ann]))))
            #expect(isMember())
            cluster.advance(30_000)
            #expect(!isMember())
        }
        #expect(cluster.store(of: ann).reader.erasures(limit: 10).isEmpty)
    }

    /// Nothing answers for the flags of who is no more: they are not told for ever.
    @Test func whatIsStillToBeToldOfTheUserIsDropped() {
        let (cluster, _, _) = acquainted()
        var change = SettingsChange()
        change.readReceipts = false
        cluster.lossPercent = 100
        _ = cluster.call(.privacy(.change(ann, change)))
        #expect(!cluster.store(of: ann).reader.flagsDue().isEmpty)
        _ = erase(cluster, ann)
        cluster.lossPercent = 0
        cluster.advance(30_000)
        #expect(cluster.store(of: ann).reader.flagsDue().isEmpty)
    }

    /// Nobody tells who has left what becomes of messages: none stands in its list.
    @Test func theListOfWhoHasLeftShowsNothingOfIt() {
        let (cluster, _, _) = acquainted()
        #expect(cluster.rows(of: bob).first { $0.conversation == club }?.preview == "mine 3")
        _ = cluster.call(.group(GroupRequest(group: club, actor: bob, change: .leave)))
        cluster.advance(3_000)
        _ = erase(cluster, ann)
        cluster.advance(5_000)
        let row = cluster.rows(of: bob).first { $0.conversation == club }
        #expect(row?.isMember == false && row?.preview == "")
    }

    /// The first row of a group comes when its member has written, left and ended its account.
    @Test func aRowOfAGroupThatWasLeftCanComeLateToo() {
        let cluster = TestCluster()
        for user in [ann, bob] { _ = cluster.call(.ensureUser(user)) }
        cluster.lossPercent = 100
        let creation = GroupCreation(name: "club", members: [ann])
        _ = cluster.call(.group(GroupRequest(group: club, actor: bob, change: .create(creation))))
        _ = cluster.send(ann, to: .group(club), "1", "mine")
        _ = cluster.call(.group(GroupRequest(group: club, actor: ann, change: .leave)))
        #expect(cluster.store(of: ann).reader.inboxRow(ann, club) == nil)
        _ = erase(cluster, ann)
        cluster.lossPercent = 0
        cluster.advance(30_000)
        #expect(!history(cluster, club, bob).map(\.content).contains("mine"))
        #expect(cluster.store(of: ann).reader.erasures(limit: 10).isEmpty)
    }

    @Test func aRowThatComesLateIsForgottenToo() {
        let cluster = TestCluster()
        for user in [ann, bob] { _ = cluster.call(.ensureUser(user)) }
        _ = cluster.send(ann, to: .user(bob), "1", "mine")
        #expect(cluster.store(of: ann).reader.inboxRow(ann, annBob) == nil)
        _ = erase(cluster, ann)
        cluster.advance(30_000)
        #expect(history(cluster, annBob, bob).map(\.content) == [""])
        #expect(cluster.store(of: ann).reader.erasures(limit: 10).isEmpty)
        #expect(code(cluster.send(bob, to: .user(ann), "2")) == .gone)
    }
}
