import Testing
import Vocabulary
import Wire

@testable import Chat

/// The rules for what a node does with operations while leaders come and go.
struct OperationRouterTests {
    private struct View: RouteView {
        var leader: NodeID?
        var broken: Set<NodeID> = []
        func leader(of group: GroupID) -> NodeID? { leader }
        func isReachable(_ node: NodeID) -> Bool { !broken.contains(node) }
    }

    private let one = NodeID(high: 0, low: 1)
    private let two = NodeID(high: 0, low: 2)
    private let group = GroupID(PartitionID(3))
    private var router = OperationRouter(limits: Limits())
    private var out: [RouterDirective] = []
    private var now = Tick(1_000)

    private let read = Operation.ensureUser(UserID(unchecked: "ann"))
    private let removal = Operation.group(
        GroupRequest(
            group: ConversationID(high: 1, low: 1), actor: UserID(unchecked: "ann"),
            change: .remove(UserID(unchecked: "bob"))))

    private mutating func take() -> [RouterDirective] {
        defer { out = [] }
        return out
    }

    private mutating func perform(_ id: UInt64, _ operation: Operation, _ view: View) {
        router.perform(id, operation, group: group, now: now, view: view, out: &out)
    }

    private mutating func answered(_ id: UInt64, _ answer: PeerAnswer, by node: NodeID) {
        router.answered(id, answer, by: node, now: now, out: &out)
    }

    private func sent(_ id: UInt64, _ operation: Operation, to node: NodeID) -> RouterDirective {
        .send(id, PartitionID(3), operation, to: node)
    }

    private mutating func tick(_ milliseconds: UInt64, _ view: View) {
        now = now + milliseconds
        router.tick(now: now, view: view, out: &out)
    }

    @Test mutating func whatIsPipelinedIsAskedAgainInTheOrderItCame() {
        let view = View(leader: one)
        for id in 1...3 as ClosedRange<UInt64> { perform(id, read, view) }
        _ = take()
        answered(2, .notLeader(hint: nil), by: one)
        perform(4, read, view)
        #expect(take() == [])
        router.leaderChanged(of: group, now: now, view: View(leader: two), out: &out)
        #expect(take() == (1...4).map { sent($0, read, to: two) })
    }

    @Test mutating func nothingIsAskedWhileAnotherNodeIsBelievedToLead() {
        perform(1, read, View(leader: one))
        perform(2, read, View(leader: two))
        #expect(take() == [sent(1, read, to: one)])
        tick(50, View(leader: two))
        #expect(take() == [sent(1, read, to: two), sent(2, read, to: two)])
    }

    @Test mutating func anAnswerOfWhoWasAskedBeforeHoldsNothing() {
        perform(1, read, View(leader: one))
        router.leaderChanged(of: group, now: now, view: View(leader: two), out: &out)
        _ = take()
        answered(1, .notLeader(hint: nil), by: one)
        perform(2, read, View(leader: two))
        #expect(take() == [sent(2, read, to: two)])
    }

    @Test mutating func heldWithoutALeaderTheOutcomeIsUnavailable() {
        perform(1, read, View(leader: nil))
        tick(Limits().sendHoldMilliseconds, View(leader: nil))
        guard case .complete(1, .refused(let refusal))? = take().first else {
            Issue.record("no answer")
            return
        }
        #expect(refusal.code == .unavailable)
        #expect(router.isIdle)
    }

    @Test mutating func onceAskedTheOutcomeIsUnknown() {
        perform(1, read, View(leader: one))
        _ = take()
        router.linkClosed(one, now: now, view: View(leader: nil), out: &out)
        tick(Limits().sendHoldMilliseconds, View(leader: nil))
        guard case .complete(1, .refused(let refusal))? = take().first else {
            Issue.record("no answer")
            return
        }
        #expect(refusal.code == .unknown)
    }

    @Test mutating func whatIsNotRepeatableIsNotRepeated() {
        perform(1, removal, View(leader: one))
        answered(1, .interrupted(hint: nil), by: one)
        _ = take()
        router.leaderChanged(of: group, now: now, view: View(leader: two), out: &out)
        guard case .complete(1, .refused(let refusal))? = take().first else {
            Issue.record("no answer")
            return
        }
        #expect(refusal.code == .unknown)
    }

    @Test mutating func aLostAnswerIsAskedForAgain() {
        perform(1, read, View(leader: one))
        perform(2, read, View(leader: one))
        _ = take()
        tick(2_001, View(leader: one))
        #expect(take() == [sent(1, read, to: one), sent(2, read, to: one)])
    }

    @Test mutating func aLeaderWithoutALinkIsNotAsked() {
        perform(1, read, View(leader: one, broken: [one]))
        #expect(take() == [])
        router.linkOpened(now: now, view: View(leader: one), out: &out)
        #expect(take() == [sent(1, read, to: one)])
    }
}
