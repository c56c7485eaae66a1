import Testing
import Vocabulary
import Wire

@testable import Chat

/// Groups above `fanoutDirectMax`: items name nobody but those whose own part changed.
struct LargeGroupTests {
    private let users = (0..<300).map { UserID(unchecked: "user\($0)") }
    private let partitions = 16

    private func cluster() -> TestCluster { .withGroup(of: users, partitions: partitions) }

    @Test func aMessageNamesItsSenderOnlyAndCarriesItsBodyOnce() throws {
        let store = TestStore()
        try store.apply(ChatTests.change(ann, .create(name: "large", members: users)))
        let roster = GroupRoster(store.reader.members(of: club), epoch: 1, partitionCount: partitions)
        var machine = FanoutMachine(partitionCount: partitions)
        let body = String(repeating: "x", count: 10_000)
        for number in 0..<3 {
            let outcome = try store.apply(send(ann, to: .group(club), "\(number)", body)).first?.message
            machine.committed(try #require(outcome?.change), roster: roster)
        }
        let items = machine.takeItems(now: Tick(1))
        #expect(items.count == roster.byPartition.count)
        #expect(items.flatMap(\.targets).map(\.user) == [ann])
        #expect(items.allSatisfy { $0.membersHead == Seq(4) && $0.messages.count == 3 })
        // One frame for a node that leads all of it.
        var writer = ByteWriter()
        PeerFrame.fanout(items).encode(into: &writer)
        #expect(writer.count < 3 * body.utf8.count + 2_000)
        #expect(try PeerFrame(body: writer.bytes.dropFirst(4)) == .fanout(items))
    }

    @Test func everybodyHasItLiveOrAtReconnect() {
        let cluster = cluster()
        let live = users.prefix(40).map { cluster.connected($0) }
        let asked = cluster.queryCount
        for number in 1...5 {
            _ = cluster.send(ann, to: .group(club), "\(number)")
            cluster.advance(50)
        }
        for device in live { #expect(device.written[club] == [1, 2, 3, 4, 5, 6]) }
        #expect(cluster.queryCount == asked, "the members are known since the group was made")
        cluster.advance(2_000)
        for user in users {
            let row = cluster.store(of: user).reader.inboxRow(user, club)
            #expect(row?.head == Seq(6) && row?.unread == 5)
        }
        #expect(cluster.store(of: club).reader.dirtyConversations() == [])
        let late = cluster.connected(users[299])
        #expect(late.written[club] == [1, 2, 3, 4, 5, 6])
    }

    @Test func rowsAreWrittenTwiceASecondAtMost() {
        let cluster = cluster()
        let user = users[7]
        let place = cluster.index(of: user)
        let before = cluster.partitions[place].log.count
        for number in 1...40 {
            _ = cluster.send(ann, to: .group(club), "\(number)")
            cluster.advance(50)
        }
        let batches = cluster.partitions[place].log[before...].filter { command in
            guard case .inboxBatch(let updates) = command else { return false }
            return updates.contains { $0.user == user }
        }
        #expect((2...5).contains(batches.count), "\(batches.count) in 2 s")
    }

    @Test func whoJoinsSeesFromThereAndWhoLeavesUpToThere() {
        let cluster = cluster()
        let cats = cluster.connected(cat)
        let firsts = cluster.connected(users[0])
        _ = cluster.send(ann, to: .group(club), "2")
        cluster.change(.add([cat]))
        _ = cluster.send(ann, to: .group(club), "4")
        cluster.change(.remove(users[0]))
        _ = cluster.send(ann, to: .group(club), "6")
        cluster.advance(2_000)
        #expect(cats.written[club] == [3, 4, 5, 6])
        #expect(firsts.written[club] == [1, 2, 3, 4, 5])
        #expect(cluster.store(of: users[0]).reader.inboxRow(users[0], club)?.isMember == false)
    }

    @Test func changesOfOneTurnKeepEveryMemberInItsBounds() {
        let cluster = cluster()
        let cats = cluster.connected(cat)
        let firsts = cluster.connected(users[0])
        // Proposed together, fanned out together.
        for (number, asked) in [GroupChange.add([cat]), .remove(users[0])].enumerated() {
            cluster.ask(.send(request(ann, to: .group(club), "a\(number)")))
            cluster.ask(.group(GroupRequest(group: club, actor: ann, change: asked)))
        }
        cluster.ask(.send(request(ann, to: .group(club), "end")))
        cluster.advance(2_000)
        #expect(cats.written[club] == [3, 4, 5, 6])
        #expect(firsts.written[club] == [1, 2, 3, 4, 5])
    }

    @Test func aNewLeaderOfUsersAsksWhoTheMembersAre() {
        let cluster = cluster()
        let devices = users.prefix(60).map { cluster.connected($0) }
        for place in 0..<partitions { cluster.failover(place) }
        cluster.advance(2_000)
        let asked = cluster.queryCount
        _ = cluster.send(ann, to: .group(club), "2")
        cluster.advance(3_000)
        #expect(cluster.queryCount > asked)
        for device in devices { #expect(device.written[club] == [1, 2]) }
    }

    /// The leader dies when it has told some of the partitions: nothing is lost and nothing comes twice.
    @Test(arguments: [0, 30, 60, 90])
    func aLeadersDeathInTheMiddleLosesAndDoublesNothing(lossPercent: Double) {
        let cluster = cluster()
        let devices = users.prefix(80).map { cluster.connected($0) }
        for round in 1...4 {
            cluster.lossPercent = lossPercent
            for number in 1...3 { _ = cluster.send(ann, to: .group(club), "\(round)-\(number)") }
            cluster.lossPercent = 0
            cluster.failover(cluster.index(of: club))
            cluster.advance(100)
        }
        cluster.advance(15_000)
        for device in devices { #expect(device.written[club] == Array(1...13)) }
        for user in users {
            #expect(cluster.store(of: user).reader.inboxRow(user, club)?.unread == 12)
        }
        #expect(cluster.store(of: club).reader.dirtyConversations() == [])
    }
}

struct GroupRateTests {
    @Test func oneGroupTakesSoMuchOfAllItsMembers() {
        var limits = Limits()
        limits.groupSendBurst = 3
        limits.groupSendRatePerSecond = 2
        let cluster = TestCluster(limits: limits)
        let create = GroupChange.create(name: "g", members: [bob, cat])
        _ = cluster.call(.group(GroupRequest(group: club, actor: ann, change: create)))
        for (number, sender) in [ann, bob, cat].enumerated() {
            #expect(cluster.send(sender, to: .group(club), "\(number)")?.isSent == true)
        }
        guard case .refused(let refusal)? = cluster.send(ann, to: .group(club), "3") else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == .rateLimited && refusal.retryAfterMilliseconds == 500)
        // A retry of what was taken, a backend, another conversation.
        #expect(cluster.send(ann, to: .group(club), "0")?.isSent == true)
        var backend = request(bob, to: .group(club), "b")
        backend.isUnlimited = true
        #expect(cluster.call(.send(backend))?.isSent == true)
        #expect(cluster.send(ann, to: .user(bob), "3")?.isSent == true)
        cluster.advance(500)
        #expect(cluster.send(ann, to: .group(club), "3")?.isSent == true)
        #expect(cluster.send(ann, to: .group(club), "4").refusal == .rateLimited)
    }
}

extension OperationResult {
    fileprivate var isSent: Bool {
        if case .sent = self { true } else { false }
    }
}

struct MemberSnapshotsTests {
    private func item(_ rev: UInt64, epoch: UInt64, to named: [UserID] = [], all: Bool = true) -> FanoutItem {
        var item = FanoutItem(
            partition: PartitionID(0), conversation: club, kind: .group, pair: [], title: "g",
            memberEpoch: epoch, rev: Rev(rev), headOrdinal: Ordinal(rev), lastAt: Timestamp(Int64(rev)),
            preview: "\(rev)",
            targets: named.map {
                FanoutItem.Target(
                    user: $0, markOrdinal: .zero, read: .zero, isMember: true, head: Seq(rev))
            }, messages: [], statuses: [])
        item.membersHead = all ? Seq(rev) : nil
        return item
    }

    private func snapshot(_ epoch: UInt64, _ members: [(UserID, UInt64)]) -> MemberSnapshot {
        MemberSnapshot(
            conversation: club, partition: PartitionID(0), epoch: epoch,
            members: members.map { .init(user: $0.0, joinedSeq: Seq($0.1)) })
    }

    @Test func itemsWaitInOrderUntilTheMembersAreKnown() {
        var snapshots = MemberSnapshots()
        var query: MemberQuery?
        #expect(snapshots.expand(item(5, epoch: 2), now: Tick(0), query: &query) == nil)
        #expect(query == MemberQuery(conversation: club, partition: PartitionID(0), epoch: 2))
        query = nil
        // Also what names its targets waits: sessions hear in order.
        let named = item(6, epoch: 2, to: [ann], all: false)
        #expect(snapshots.expand(named, now: Tick(10), query: &query) == nil)
        #expect(query == nil, "asked once")
        #expect(snapshots.tick(now: Tick(999)).isEmpty)
        #expect(snapshots.tick(now: Tick(1_000)).map(\.epoch) == [2])
        let ready = snapshots.take(snapshot(2, [(ann, 1), (bob, 6)]), now: Tick(1_100), query: &query)
        #expect(ready.map(\.rev) == [Rev(5), Rev(6)])
        #expect(ready.map { $0.targets.map(\.user) } == [[ann], [ann]], "bob joined later")
        #expect(query == nil && snapshots.tick(now: Tick(9_000)).isEmpty)
    }

    @Test func anEarlierEpochIsNotEnoughAndALaterOneIs() {
        var snapshots = MemberSnapshots()
        var query: MemberQuery?
        _ = snapshots.take(snapshot(3, [(ann, 1), (bob, 2)]), now: Tick(0), query: &query)
        #expect(snapshots.expand(item(5, epoch: 3), now: Tick(1), query: &query)?.targets.count == 2)
        #expect(snapshots.expand(item(4, epoch: 2), now: Tick(1), query: &query)?.targets.count == 2)
        #expect(snapshots.expand(item(6, epoch: 4), now: Tick(1), query: &query) == nil)
        #expect(query?.epoch == 4)
        query = nil
        #expect(snapshots.take(snapshot(3, [(ann, 1)]), now: Tick(2), query: &query).isEmpty)
        #expect(query?.epoch == 4, "asked again")
    }

    @Test func whatWaitsIsBoundedAndWhatIsUnusedIsForgotten() {
        var snapshots = MemberSnapshots()
        var query: MemberQuery?
        for rev in 1...100 as ClosedRange<UInt64> {
            _ = snapshots.expand(item(rev, epoch: 1), now: Tick(0), query: &query)
        }
        let ready = snapshots.take(snapshot(1, [(ann, 1)]), now: Tick(0), query: &query)
        #expect(ready.map(\.rev) == (37...100).map { Rev($0) })
        _ = snapshots.tick(now: Tick(59_999))
        #expect(snapshots.count == 1)
        _ = snapshots.tick(now: Tick(60_000))
        #expect(snapshots.count == 0)
    }
}
