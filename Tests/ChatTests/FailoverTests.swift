import Testing
import Vocabulary
import Wire

@testable import Chat

struct FailoverTests {
    // So many partitions that conversation and users do not share one.
    private let cluster = TestCluster(partitions: 64)

    @Test func aNewLeaderDrivesAgainWhatWasNotFinished() {
        let bobs = TestDevice(cluster, bob, phone)
        bobs.connect()
        cluster.settle()
        bobs.finishOpening()
        // Committed, and the leader dies before any fan-out leaves it.
        cluster.lossPercent = 100
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.lossPercent = 0
        #expect(bobs.written[annBob] == nil)
        #expect(cluster.store(of: annBob).reader.dirtyConversations() == [annBob])
        cluster.failover(cluster.index(of: annBob))
        cluster.settle()
        #expect(bobs.written[annBob] == [1])
        cluster.advance(3_000)
        #expect(cluster.rows(of: bob).first?.preview == "hello")
        #expect(cluster.rows(of: ann).first?.unread == 0)
        #expect(cluster.store(of: annBob).reader.dirtyConversations() == [])
    }

    @Test func aNewLeaderOfUsersIsToldAgainAndItsSessionsComeBack() {
        let bobs = TestDevice(cluster, bob, phone)
        bobs.connect()
        cluster.settle()
        bobs.finishOpening()
        _ = cluster.send(ann, to: .user(bob), "1")
        // Rows merged, never committed: lost with this leader.
        cluster.failover(cluster.index(of: bob))
        _ = cluster.send(ann, to: .user(bob), "2")
        cluster.advance(3_000)
        #expect(bobs.written[annBob] == [1, 2])
        #expect(bobs.closeCode == nil)
        #expect(cluster.store(of: bob).reader.inboxRow(bob, annBob)?.head == Seq(2))
    }

    @Test func lostReceiptsTravelUntilTheyAreAcknowledged() {
        let anns = TestDevice(cluster, ann, phone)
        anns.connect()
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        anns.statuses = []
        cluster.lossPercent = 100
        cluster.ask(.receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(annBob, Seq(1)))))
        cluster.advance(100)
        cluster.lossPercent = 0
        #expect(anns.statuses == [])
        _ = cluster.send(bob, to: .user(ann), "2")
        #expect(anns.known(.read, of: bob, in: annBob) == Seq(1))
        #expect(anns.positions[annBob]?.rev == cluster.store(of: annBob).reader.conversation(annBob)?.rev)
    }

    @Test func afterALeaderChangeABodyDoesNotHideReceiptsOfBefore() {
        let anns = TestDevice(cluster, ann, phone)
        anns.connect()
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        cluster.lossPercent = 100
        cluster.ask(.receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(annBob, Seq(1)))))
        cluster.advance(100)
        cluster.failover(cluster.index(of: annBob))
        cluster.settle()
        // What the new leader drives again is lost as well; then a message comes through.
        cluster.lossPercent = 0
        _ = cluster.send(bob, to: .user(ann), "2")
        #expect(anns.known(.read, of: bob, in: annBob) == Seq(1))
        #expect(anns.written[annBob] == [1, 2])
    }

    /// A device does not get its own messages, so none of them shows it what lacks before it.
    @Test func afterALeaderChangeADeviceHearsOfTheGapBeforeItsOwnMessage() {
        let anns = TestDevice(cluster, ann, phone)
        anns.connect()
        cluster.settle()
        anns.finishOpening()
        cluster.lossPercent = 100
        _ = cluster.send(ann, to: .user(bob), "1", device: laptop)
        cluster.failover(cluster.index(of: annBob))
        cluster.settle()
        // What the new leader drives again is lost as well; then the phone's own message comes through.
        cluster.lossPercent = 0
        _ = cluster.send(ann, to: .user(bob), "2", device: phone)
        #expect(anns.written[annBob]?.first == 1)
    }

    @Test func aRepeatedOpeningOfTheSameSessionReplacesNobody() {
        let bobs = TestDevice(cluster, bob, phone)
        bobs.connect()
        cluster.settle()
        bobs.finishOpening()
        bobs.connect(isRenewal: true)
        cluster.settle()
        #expect(bobs.closeCode == nil)
        #expect(cluster.partitions[cluster.index(of: bob)].users.sessionCount == 1)
    }

    @Test func aStaleRenewalGivesWayToTheNewerSession() {
        let old = TestDevice(cluster, bob, phone)
        old.connect()
        cluster.settle()
        old.finishOpening()
        cluster.failover(cluster.index(of: bob))
        let new = TestDevice(cluster, bob, phone)
        new.connect()
        old.connect(isRenewal: true)
        cluster.settle()
        #expect(old.closeCode == 4001 && new.closeCode == nil)
    }

    @Test func sessionsOfALostNodeMustRegisterAgain() {
        let bobs = TestDevice(cluster, bob, phone)
        bobs.connect()
        cluster.settle()
        bobs.finishOpening()
        cluster.partitions[cluster.index(of: bob)].users.lost(cluster.node, now: cluster.now)
        _ = cluster.send(ann, to: .user(bob), "1")
        #expect(bobs.written[annBob] == nil)
        cluster.advance(2_000)
        #expect(bobs.written[annBob] == [1])
    }

    @Test func fanoutInAnyOrderAndRepeatedEndsAlike() {
        var items: [FanoutItem] = []
        let source = TestCluster(partitions: 1)
        func collect() {
            items += source.network.compactMap { packet in
                if case .item(let item) = packet { item } else { nil }
            }
        }
        source.lossPercent = 100
        let operations: [Operation] = [
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob, cat]))),
            .send(request(ann, to: .group(club), "1")),
            .group(GroupRequest(group: club, actor: ann, change: .remove(cat))),
            .send(request(bob, to: .group(club), "2", "later")),
            .group(GroupRequest(group: club, actor: ann, change: .add([cat]))),
            .group(GroupRequest(group: club, actor: ann, change: .rename("h"))),
            .group(GroupRequest(group: club, actor: ann, change: .remove(cat))),
            .receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(club, Seq(3)))),
        ]
        for operation in operations {
            // A new leader each time, so that every state of the conversation is driven on its own.
            source.failover(0)
            source.ask(operation)
            source.advance(50)
            source.partitions[0].conversations.started(source.partitions[0].store.reader)
            items += source.partitions[0].conversations.takeFanout(now: source.now.tick)
        }
        var expected: [InboxRow]?
        for seed: UInt64 in 1...20 {
            var generator = SeededGenerator(seed: seed)
            let target = TestCluster(partitions: 1)
            for item in (items + items).shuffled(using: &generator) {
                target.deliver(.item(item))
                if generator.chance(percent: 30) { target.advance(1_000) }
            }
            target.advance(2_000)
            let rows = [ann, bob, cat].flatMap { target.rows(of: $0) }.map { row in
                var row = row
                row.version = .zero
                return row
            }
            expected = expected ?? rows
            #expect(rows == expected)
            #expect(rows.map(\.isMember) == [true, true, false])
            #expect(rows.map(\.head.raw) == [7, 7, 7])
        }
    }
}
