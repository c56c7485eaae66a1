import Testing
import Vocabulary
import Wire

@testable import Chat

/// Sends and a removal are ordered by the log (guarantee G8): every interleaving has exactly one outcome, and
/// nothing after the removal reaches the removed.
struct RemovalRaceTests {
    /// Two sends by the removed, two by another, one removal: all 30 orders that keep each sender's own.
    private static let orders: [[Character]] = {
        func merge(_ rest: [[Character]]) -> [[Character]] {
            if rest.allSatisfy(\.isEmpty) { return [[]] }
            return rest.indices.flatMap { place -> [[Character]] in
                guard let first = rest[place].first else { return [] }
                var less = rest
                less[place].removeFirst()
                return merge(less).map { [first] + $0 }
            }
        }
        return merge([["c", "C"], ["a", "A"], ["x"]])
    }()

    @Test func everyOrderHasExactlyOneOutcome() throws {
        #expect(Self.orders.count == 30)
        for order in Self.orders {
            let cluster = TestCluster(partitions: 8)
            let cats = TestDevice(cluster, cat, phone)
            let bobs = TestDevice(cluster, bob, phone)
            for device in [cats, bobs] {
                device.connect()
                cluster.settle()
                device.finishOpening()
            }
            let create = GroupChange.create(name: "g", members: [bob, cat])
            _ = cluster.call(.group(GroupRequest(group: club, actor: ann, change: create)))
            cluster.advance(1_000)
            // All at once: the leader proposes without knowing what the log will say.
            let tokens = order.map { step in
                switch step {
                case "x":
                    cluster.ask(.group(GroupRequest(group: club, actor: ann, change: .remove(cat))))
                case "c", "C":
                    cluster.ask(.send(request(cat, to: .group(club), String(step), device: laptop)))
                default: cluster.ask(.send(request(ann, to: .group(club), String(step), device: laptop)))
                }
            }
            cluster.advance(3_000)
            var isRemoved = false
            var seq: UInt64 = 1
            var removal: UInt64 = 0
            for (step, token) in zip(order, tokens) {
                switch cluster.results[token] {
                case .sent(let sent)?:
                    seq += 1
                    #expect(sent.seq == Seq(seq) && (!isRemoved || step.lowercased() == "a"))
                case .group(let result)?:
                    seq += 1
                    #expect(step == "x" && result.seq == Seq(seq))
                    (isRemoved, removal) = (true, seq)
                case .refused(let refusal)?:
                    #expect(isRemoved && step.lowercased() == "c" && refusal.code == .notMember)
                case let other: Issue.record("\(order): \(String(describing: other))")
                }
            }
            #expect(cats.written[club] == Array(1...removal), "\(order)")
            #expect(bobs.written[club] == Array(1...seq), "\(order)")
            let row = cluster.store(of: cat).reader.inboxRow(cat, club)
            #expect(row?.head == Seq(removal) && row?.isMember == false)
        }
    }
}
