import Testing
import Vocabulary
import Wire

@testable import Chat

struct FanoutMachineTests {
    private let store = TestStore()

    private func change(_ command: Command) throws -> ConversationChange {
        switch try #require(try store.apply(command).first) {
        case .message(let outcome): try #require(outcome.change)
        case .group(let outcome): try #require(outcome.change)
        default: try #require(nil)
        }
    }

    @Test func changesOfOneMomentAreOneItemAndBodiesTravelOnce() throws {
        var machine = FanoutMachine(partitionCount: 1)
        for id in ["1", "2"] { machine.committed(try change(send(ann, to: .user(bob), id)), roster: nil) }
        let items = machine.takeItems(now: Tick(1_000))
        #expect(items.count == 1)
        #expect(items[0].messages.map(\.seq) == [Seq(1), Seq(2)])
        #expect(items[0].targets.map(\.user) == [ann, bob])
        #expect(items[0].targets.map(\.markOrdinal) == [Ordinal(2), .zero])
        #expect(machine.takeItems(now: Tick(1_000)) == [])
        // Again after 1 s, 2 s, 4 s, 8 s, 8 s; without bodies.
        var times: [UInt64] = []
        for time in stride(from: UInt64(1_000), through: 32_000, by: 500) {
            let resent = machine.takeResends(now: Tick(time))
            if !resent.isEmpty { times.append(time) }
            #expect(resent.allSatisfy { $0.messages.isEmpty && $0.rev == Rev(2) })
        }
        #expect(times == [2_000, 4_000, 8_000, 16_000, 24_000, 32_000])
        machine.leaderChanged(of: PartitionID(0))
        #expect(machine.takeResends(now: Tick(32_001)).count == 1)
    }

    @Test func progressWaitsForTheLastPartitionAndForSilence() throws {
        let count = 64
        var machine = FanoutMachine(partitionCount: count)
        machine.committed(try change(send(ann, to: .user(bob), "1")), roster: nil)
        let partitions = machine.takeItems(now: Tick(1)).map(\.partition)
        #expect(Set(partitions) == [.of(ann, count: count), .of(bob, count: count)])
        func ack(_ partition: PartitionID, _ rev: UInt64) {
            machine.acknowledged(FanoutAck(partition: partition, conversation: annBob, rev: Rev(rev)))
        }
        ack(partitions[0], 1)
        #expect(machine.takeProgress() == [])
        machine.committed(try change(send(ann, to: .user(bob), "2")), roster: nil)
        ack(partitions[1], 1)
        ack(partitions[0], 2)
        #expect(machine.takeProgress() == [], "rev 1 says nothing of rev 2")
        ack(partitions[1], 2)
        #expect(machine.isQuiet)
        machine.committed(try change(send(ann, to: .user(bob), "3")), roster: nil)
        #expect(machine.takeProgress() == [], "dirty again before it was written down")
        for partition in partitions { ack(partition, 3) }
        #expect(machine.takeProgress() == [FanoutMark(conversation: annBob, rev: Rev(3))])
    }

    @Test func aRosterAheadOfAChangeAddsNobodyToIt() throws {
        var machine = FanoutMachine(partitionCount: 1)
        _ = try change(ChatTests.change(ann, .create(name: "g", members: [bob])))
        let message = try change(send(ann, to: .group(club), "1"))
        _ = try change(ChatTests.change(ann, .add([dan])))
        let roster = GroupRoster(store.reader.members(of: club), partitionCount: 1)
        machine.committed(message, roster: roster)
        #expect(machine.takeItems(now: Tick(1)).flatMap(\.targets).map(\.user) == [ann, bob])
    }
}

struct InboxMergerTests {
    private func item(_ rev: UInt64) -> FanoutItem {
        FanoutItem(
            partition: PartitionID(0), conversation: annBob, kind: .direct, pair: [ann, bob], title: "",
            memberEpoch: 1, rev: Rev(rev), headOrdinal: Ordinal(rev), lastAt: Timestamp(Int64(rev)),
            preview: "\(rev)",
            targets: [
                FanoutItem.Target(user: bob, markOrdinal: .zero, read: .zero, isMember: true, head: Seq(rev))
            ], messages: [], statuses: [])
    }

    @Test func oneBatchAtATimeAndOnlyWhatIsCommittedIsAcknowledged() {
        var merger = InboxMerger()
        merger.merge(item(1), now: Tick(1_000))
        let first = merger.takeBatch(now: Tick(1_000))
        #expect(first?.map(\.row.rev) == [Rev(1)])
        merger.merge(item(2), now: Tick(1_001))
        #expect(merger.takeBatch(now: Tick(5_000)) == nil, "the first is in flight")
        #expect(merger.row(of: bob, in: annBob)?.rev == Rev(2))
        #expect(merger.committed().map(\.rev) == [Rev(1)])
        #expect(merger.rows(of: bob).map(\.rev) == [Rev(2)])
        let early = merger.takeBatch(now: Tick(1_499))
        #expect(early == nil, "twice a second at most")
        let second = merger.takeBatch(now: Tick(1_500))
        #expect(second != nil)
        #expect(merger.committed().map(\.rev) == [Rev(2)])
        #expect(merger.isEmpty && merger.rows(of: bob).isEmpty)
    }

    @Test func aBatchThatWasNotProposedWaitsAgain() {
        var merger = InboxMerger()
        merger.merge(item(3), now: Tick(1_000))
        _ = merger.takeBatch(now: Tick(1_000))
        merger.merge(item(2), now: Tick(1_001))
        merger.refused()
        let again = merger.takeBatch(now: Tick(1_001))
        #expect(again?.map(\.row.head) == [Seq(3)] && again?.map(\.row.preview) == ["3"])
        #expect(merger.committed().map(\.rev) == [Rev(3)])
    }
}
