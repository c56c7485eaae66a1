import Testing
import Vocabulary
import Wire

@testable import Chat

/// Groups above 64 members: senders get counts in place of each member's receipts.
struct ReceiptCountsTests {
    private let users = (0..<80).map { UserID(unchecked: "user\($0)") }

    private func cluster() -> TestCluster { .withGroup(of: users, partitions: 8) }

    private func read(_ cluster: TestCluster, _ users: some Sequence<UserID>, upTo seq: UInt64) {
        for user in users {
            cluster.ask(.receipt(ReceiptRequest(user: user, status: .read, target: .upTo(club, Seq(seq)))))
        }
    }

    private func info(_ cluster: TestCluster, _ message: MessageID, by user: UserID) throws -> MessageInfo {
        let query = InfoQuery(message: message, user: user)
        return try cluster.store(of: club).reader.info(query).get()
    }

    @Test func sendersAreToldHowManyAndNotWho() throws {
        let cluster = cluster()
        let sender = cluster.connected(ann)
        let idle = cluster.connected(users[70])
        for user in users.prefix(40) { _ = cluster.connected(user) }
        _ = cluster.send(ann, to: .group(club), "2")
        cluster.advance(2_500)
        read(cluster, users.prefix(25), upTo: 2)
        cluster.advance(2_500)
        let last = try #require(sender.counts.last)
        #expect((last.seq, last.delivered, last.read, last.members) == (Seq(2), 41, 25, 80))
        #expect(sender.counts.contains { $0.delivered == 41 && $0.read == 0 })
        #expect(!sender.statuses.contains { $0.user != ann })
        #expect(idle.counts.isEmpty, "who sent nothing is told nothing")
        let members = try info(cluster, last.messageID, by: ann).members
        #expect(members.count == last.members && members.count { $0.deliveredAt != nil } == last.delivered)
        #expect(members.count { $0.readAt != nil } == last.read)
        #expect(cluster.store(of: club).reader.dirtyConversations() == [])
    }

    @Test func atMostOnceASecondHoweverManyReceipts() {
        let cluster = cluster()
        let sender = cluster.connected(ann)
        _ = cluster.send(ann, to: .group(club), "2")
        cluster.advance(3_000)
        let before = sender.counts.count
        for user in users.prefix(60) {
            read(cluster, [user], upTo: 2)
            cluster.advance(50)
        }
        #expect((3...4).contains(sender.counts.count - before), "\(sender.counts.count - before) in 3 s")
        cluster.advance(1_000)
        #expect(sender.counts.last?.read == 60, "the last ones come too")
        let silent = sender.counts.count
        cluster.advance(5_000)
        #expect(sender.counts.count == silent)
    }

    @Test func whoWasAwayIsToldAtReconnect() {
        let cluster = cluster()
        let sender = cluster.connected(ann)
        _ = cluster.send(ann, to: .group(club), "2")
        cluster.advance(2_000)
        sender.disconnect()
        read(cluster, users, upTo: 2)
        cluster.advance(2_000)
        sender.counts = []
        sender.connect(withCursor: true)
        cluster.settle()
        sender.finishOpening()
        #expect(sender.counts.last?.read == 80)
    }

    /// The leader dies when the receipts are committed and nobody was told, however long that took.
    @Test func aNewLeaderTellsWhatTheOldOneOwed() {
        let cluster = cluster()
        let sender = cluster.connected(ann)
        _ = cluster.send(ann, to: .group(club), "2")
        cluster.advance(2_000)
        func deliver(_ users: some Sequence<UserID>) {
            for user in users {
                cluster.ask(
                    .receipt(ReceiptRequest(user: user, status: .delivered, target: .upTo(club, Seq(2)))))
            }
        }
        deliver(users.prefix(1))
        for _ in 0..<40 where sender.counts.isEmpty { cluster.advance(50) }
        // The next counts are due a second later; meanwhile all rows are acknowledged.
        deliver(users)
        cluster.advance(900)
        #expect(sender.counts.map(\.delivered) == [1])
        cluster.failover(cluster.index(of: club))
        cluster.advance(3_000)
        #expect(sender.counts.last?.delivered == 80)
    }

    /// Members come, go and come back while they receive and read: the counts are those of `info`.
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func countsAreThoseOfInfo(seed: UInt64) throws {
        let cluster = cluster()
        var random = SeededGenerator(seed: seed)
        for number in 0..<150 {
            let user = users.randomElement(using: &random) ?? ann
            let seq = cluster.store(of: club).reader.conversation(club)?.head ?? .zero
            switch Int.random(in: 0..<6, using: &random) {
            case 0: _ = cluster.send(user, to: .group(club), "\(number)")
            case 1:
                let change: GroupChange = Bool.random(using: &random) ? .remove(user) : .add([user])
                cluster.change(change)
            case 2, 3: read(cluster, [user], upTo: UInt64.random(in: 1...seq.raw, using: &random))
            default:
                cluster.ask(
                    .receipt(ReceiptRequest(user: user, status: .delivered, target: .upTo(club, seq))))
            }
            cluster.advance(50)
        }
        let members = cluster.store(of: club).reader.members(of: club)
        let tally = ReceiptTally(members)
        var compared = 0
        for sender in members where sender.isMember {
            guard let counts = tally.counts(for: sender, in: club, rev: .zero) else { continue }
            let expected = try info(cluster, counts.messageID, by: sender.user).members
            #expect(counts.members == expected.count)
            #expect(counts.delivered == expected.count { $0.deliveredAt != nil })
            #expect(counts.read == expected.count { $0.readAt != nil })
            compared += 1
        }
        #expect(compared > 3)
    }
}
