import Testing
import Vocabulary
import Wire

@testable import Chat

/// Conversations that a user takes out of its own list.
@Suite struct ClearTests {
    private let tablet = DeviceID(unchecked: "tablet")

    private func clear(
        _ cluster: TestCluster, _ user: UserID, upTo seq: UInt64? = nil,
        in conversation: ConversationID = annBob
    ) -> OperationResult? {
        let request = ClearRequest(conversation: conversation, user: user, upTo: seq.map { Seq($0) })
        defer { cluster.advance(3_000) }
        return cluster.call(.clear(request))
    }

    private func history(
        _ cluster: TestCluster, _ user: UserID, in conversation: ConversationID = annBob
    ) -> [UInt64] {
        let query = HistoryQuery(
            conversation: conversation, user: user, bound: nil, order: .ascending, limit: 100)
        guard case .history(let page)? = cluster.call(.history(query)) else { return [] }
        return page.messages.map(\.seq.raw)
    }

    /// Ann, with a phone that is connected, has three messages from bob.
    private func written() -> (TestCluster, TestDevice) {
        let cluster = TestCluster()
        for user in [ann, bob] { _ = cluster.call(.ensureUser(user)) }
        let anns = TestDevice(cluster, ann, phone)
        anns.connect()
        cluster.settle()
        for number in 1...3 { _ = cluster.send(bob, to: .user(ann), "\(number)", "text \(number)") }
        cluster.advance(2_000)
        return (cluster, anns)
    }

    @Test func itIsGoneForItsUserOnly() {
        let (cluster, _) = written()
        #expect(clear(cluster, ann) == .ok)
        #expect(cluster.rows(of: ann).isEmpty)
        #expect(history(cluster, ann) == [])
        #expect(cluster.rows(of: bob).map(\.conversation) == [annBob])
        #expect(history(cluster, bob) == [1, 2, 3])
        let row = AccountRequest(user: ann, ask: .row(annBob))
        guard case .refused(let refusal)? = cluster.call(.account(row)) else {
            Issue.record("the row is still there")
            return
        }
        #expect(refusal.code == .notFound)
        // Nobody is told, not even that it counts as read.
        let member = cluster.store(of: annBob).reader.conversation(annBob)?.sides.first { $0.user == ann }
        #expect(member?.read == .zero)
        #expect(cluster.store(of: annBob).reader.dirtyConversations() == [])
    }

    @Test func theNextMessageBringsItBackWithoutTheOldOnes() {
        let (cluster, anns) = written()
        _ = clear(cluster, ann)
        _ = cluster.send(bob, to: .user(ann), "4", "again")
        cluster.advance(2_000)
        let row = cluster.rows(of: ann).first
        #expect(row?.preview == "again" && row?.unread == 1)
        #expect(history(cluster, ann) == [4])
        #expect(anns.written[annBob] == [1, 2, 3, 4])
        let new = TestDevice(cluster, ann, tablet)
        new.connect()
        cluster.settle()
        new.finishOpening()
        #expect(!(new.written[annBob] ?? []).contains { $0 < 4 })
        #expect(history(cluster, ann) == [4])
    }

    @Test func otherDevicesLearnItLiveAndAtCatchUp() {
        let (cluster, anns) = written()
        let away = TestDevice(cluster, ann, tablet)
        away.connect()
        cluster.settle()
        cluster.advance(1_000)
        away.disconnect()
        cluster.advance(1_000)
        _ = clear(cluster, ann)
        let live = anns.events.compactMap { event -> InboxRow? in
            guard case .settings(let row) = event else { return nil }
            return row
        }
        #expect(live.last?.cleared == Seq(3) && live.last?.isListed == false)
        away.settings = [:]
        away.connect(withCursor: true)
        cluster.settle()
        away.finishOpening()
        #expect(away.settings[annBob] != nil)
    }

    /// A device that has nothing yet is not brought what is gone, and stands behind it.
    @Test func catchUpPassesOverWhatIsGone() throws {
        let (cluster, _) = written()
        _ = clear(cluster, ann, upTo: 2)
        #expect(history(cluster, ann) == [3])
        let query = CatchUpQuery(conversation: annBob, user: ann, after: .start, limit: 10)
        let page = try cluster.store(of: annBob).reader.catchUp(query).get()
        #expect(page.messages.map(\.seq) == [Seq(3)] && page.position.seq == Seq(3))
        #expect(cluster.rows(of: ann).first?.unread == 1, "what is left is listed")
        _ = clear(cluster, ann)
        let rest = try cluster.store(of: annBob).reader.catchUp(query).get()
        #expect(rest.messages.isEmpty && rest.position.seq == Seq(3))
    }

    @Test func pinsEndAndRepeatsChangeNothing() {
        let (cluster, _) = written()
        let pin = AccountChange.settings(annBob, RowSettingsChange(pinned: true), pending: nil)
        _ = cluster.call(.account(AccountRequest(user: ann, ask: .change(pin))))
        _ = clear(cluster, ann)
        let rev = cluster.store(of: annBob).reader.conversation(annBob)?.rev
        #expect(clear(cluster, ann) == .ok)
        #expect(cluster.store(of: annBob).reader.conversation(annBob)?.rev == rev)
        _ = cluster.send(bob, to: .user(ann), "4")
        cluster.advance(2_000)
        #expect(cluster.rows(of: ann).first?.settings.isPinned == false)
    }

    @Test func aNewLeaderFinishesIt() {
        let (cluster, _) = written()
        cluster.lossPercent = 100
        _ = cluster.call(.clear(ClearRequest(conversation: annBob, user: ann, upTo: nil)))
        cluster.failover(cluster.index(of: annBob))
        cluster.lossPercent = 0
        cluster.advance(15_000)
        #expect(cluster.rows(of: ann).isEmpty)
    }

    @Test func whoIsNoMemberIsRefused() {
        let (cluster, _) = written()
        _ = cluster.call(.ensureUser(cat))
        guard case .refused(let refusal)? = clear(cluster, cat) else {
            Issue.record("a stranger cleared it")
            return
        }
        #expect(refusal.code == .notMember)
    }

    /// Cat comes to a group that shows all of its past: seqs 1 to 4 are older than she, 5 is her joining.
    private func joined() -> (TestCluster, TestDevice) {
        let cluster = TestCluster()
        for user in [ann, bob, cat] { _ = cluster.call(.ensureUser(user)) }
        let cats = cluster.connected(cat)
        var settings = GroupSettingsEdit()
        settings.history = .all
        cluster.change(.create(GroupCreation(name: "g", settings: settings, members: [bob])))
        for number in 2...4 { _ = cluster.send(bob, to: .group(club), "\(number)") }
        cluster.change(.add([cat]))
        _ = cluster.send(bob, to: .group(club), "6")
        cluster.advance(2_000)
        return (cluster, cats)
    }

    @Test func whatIsOlderThanOnesJoiningGoesToo() {
        let (cluster, cats) = joined()
        #expect(history(cluster, cat, in: club) == [1, 2, 3, 4, 5, 6])
        #expect(clear(cluster, cat, upTo: 3, in: club) == .ok)
        #expect(history(cluster, cat, in: club) == [4, 5, 6])
        #expect(history(cluster, bob, in: club) == [1, 2, 3, 4, 5, 6])
        let row = cluster.rows(of: cat).first
        #expect(row?.cleared == Seq(3) && row?.unread == 1, "what is left is listed, and as unread as before")
        let told = cats.events.compactMap { event -> Seq? in
            guard case .settings(let row) = event else { return nil }
            return row.cleared
        }
        #expect(told == [Seq(3)])
        #expect(clear(cluster, cat, upTo: 2, in: club) == .ok, "goes forward only")
        #expect(history(cluster, cat, in: club) == [4, 5, 6])
    }

    @Test(arguments: [true, false])
    func whoComesBackDoesNotSeeItAgain(byInvite: Bool) {
        let (cluster, _) = joined()
        _ = clear(cluster, cat, upTo: 3, in: club)
        cluster.change(.remove(cat))
        if byInvite {
            cluster.change(.invite(InviteOffer(secret: secret(1), lastsMilliseconds: nil, usesMax: nil)))
            _ = cluster.call(.group(GroupRequest(group: club, actor: cat, change: .join(secret(1)))))
        } else {
            cluster.change(.add([cat]))
        }
        cluster.advance(2_000)
        #expect(history(cluster, cat, in: club) == [4, 5, 6, 7, 8])
        #expect(cluster.rows(of: cat).first?.cleared == Seq(3))
    }

    /// The same holds for a message that she deleted for herself.
    @Test func whoComesBackDoesNotSeeWhatItDeletedForItself() {
        let (cluster, _) = joined()
        let message = MessageID(conversation: club, seq: Seq(3))
        let hide = MessageChangeRequest(message: message, actor: cat, change: .deleteForMe)
        _ = cluster.call(.changeMessage(hide))
        cluster.change(.remove(cat))
        cluster.change(.add([cat]))
        let query = HistoryQuery(conversation: club, user: cat, bound: nil, order: .ascending, limit: 100)
        guard case .history(let page)? = cluster.call(.history(query)) else {
            Issue.record("no history")
            return
        }
        #expect(page.messages.filter { $0.amendments.deletedAt != nil }.map(\.seq) == [Seq(3)])
    }
}
