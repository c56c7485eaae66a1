import Testing
import Vocabulary
import Wire

@testable import Node

@Suite
struct LeaderTableTests {
    private let a = NodeID(high: 0, low: 1)
    private let b = NodeID(high: 0, low: 2)
    private let group = GroupID(3)

    private func led(_ term: UInt64, _ group: UInt32 = 3) -> LedGroup {
        LedGroup(group: GroupID(group), term: Term(term))
    }

    @Test func anOlderTermIsIgnored() {
        let table = LeaderTable()
        #expect(table.announce(led(5), by: a))
        #expect(!table.announce(led(4), by: b))
        #expect(table.leader(of: group) == a)
        #expect(!table.announce(led(5), by: a), "nothing changed")
        #expect(table.announce(led(6), by: b))
        #expect(table.leader(of: group) == b)
    }

    @Test func anOlderTermIsIgnoredAfterAWithdrawalToo() {
        let table = LeaderTable()
        _ = table.announce(led(5), by: a)
        table.withdraw(group, from: a)
        #expect(table.leader(of: group) == nil)
        #expect(!table.announce(led(4), by: b))
        #expect(table.leader(of: group) == nil)
    }

    @Test func onlyTheNamedNodeIsWithdrawn() {
        let table = LeaderTable()
        _ = table.announce(led(5), by: a)
        table.withdraw(group, from: b)
        #expect(table.leader(of: group) == a)
        table.withdraw(GroupID(4), from: a)
        #expect(table.leader(of: group) == a)
        table.withdraw(group, from: a)
        #expect(table.leader(of: group) == nil)
    }

    @Test func allOfOneNodeAreWithdrawn() {
        let table = LeaderTable()
        _ = table.announce(led(1, 3), by: a)
        _ = table.announce(led(1, 4), by: b)
        _ = table.announce(led(1, 5), by: a)
        table.withdrawAll(from: a)
        #expect(table.all() == [GroupID(4): b])
    }
}
