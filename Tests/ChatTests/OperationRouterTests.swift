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
    private var router = OperationRouter(limits: Limits(), bootEpoch: 1)
    private var out: [RouterDirective] = []
    private var now = Tick(1_000)

    private let read = Operation.ensureUser(UserID(unchecked: "ann"))
    private let removal = Operation.group(
        GroupRequest(
            group: ConversationID(high: 1, low: 1), actor: UserID(unchecked: "ann"),
            change: .remove(UserID(unchecked: "bob"))))

    /// What was ordered, without places and numbers of attempts.
    private mutating func take() -> [RouterDirective] {
        defer { out = [] }
        return out.map { directive in
            guard case .send(let id, _, let partition, let operation, let node) = directive else {
                return directive
            }
            return .send(id & 0xFF, Self.anywhere, partition, operation, to: node)
        }
    }

    private static let anywhere = StreamPlace(stream: 0, position: 0)

    /// The places of what was sent.
    private mutating func takePlaces() -> [StreamPlace] {
        defer { out = [] }
        return out.compactMap { if case .send(_, let place, _, _, _) = $0 { place } else { nil } }
    }

    private mutating func perform(_ id: UInt64, _ operation: Operation, _ view: View) {
        router.perform(id, operation, group: group, now: now, view: view, out: &out)
    }

    private mutating func answered(_ id: UInt64, _ answer: PeerAnswer, by node: NodeID) {
        router.answered(id, answer, by: node, now: now, out: &out)
    }

    private func sent(_ id: UInt64, _ operation: Operation, to node: NodeID) -> RouterDirective {
        .send(id, Self.anywhere, PartitionID(3), operation, to: node)
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

    /// Each of several that wait together was declined: none of them was ever proposed.
    @Test mutating func whatWasDeclinedIsUnavailableAndNotUnknown() {
        for id in 1...3 as ClosedRange<UInt64> { perform(id, read, View(leader: one)) }
        _ = take()
        for id in 1...3 as ClosedRange<UInt64> { answered(id, .notLeader(hint: nil), by: one) }
        tick(Limits().sendHoldMilliseconds, View())
        let refusals = take().compactMap { directive -> RefusalCode? in
            guard case .complete(_, .refused(let refusal)) = directive else { return nil }
            return refusal.code
        }
        #expect(refusals == [.unavailable, .unavailable, .unavailable])
    }

    /// Asked twice, declined once: the other time it may have been proposed.
    @Test mutating func whatWasAskedTwiceAndDeclinedOnceIsUnknown() {
        perform(1, read, View(leader: one))
        tick(2_050, View(leader: one))
        answered(1, .notLeader(hint: nil), by: one)
        _ = take()
        tick(Limits().sendHoldMilliseconds, View())
        guard case .complete(1, .refused(let refusal)) = take().first else {
            Issue.record("it is not over")
            return
        }
        #expect(refusal.code == .unknown)
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

    /// A node that was stopped has asked again, and only then reads the answer to its first attempt.
    @Test mutating func aRefusalOfAnEarlierAttemptIsNoOutcome() throws {
        let view = View(leader: one)
        perform(2, read, view)
        let first = requests()
        tick(2_001, view)
        let second = requests()
        let refusal = OperationResult.refused(Refusal(.notMember, "not a member"))
        answered(try #require(first.last), .result(refusal), by: one)
        #expect(out.isEmpty, "a later attempt is under way")
        answered(try #require(first.last), .notLeader(hint: nil), by: one)
        tick(50, view)
        #expect(out.isEmpty, "what an earlier attempt met says nothing of the later one")
        answered(try #require(second.last), .result(.ok), by: one)
        #expect(take() == [.complete(2, .ok)])
    }

    @Test mutating func whatAnEarlierAttemptDidIsDone() throws {
        let view = View(leader: one)
        perform(2, read, view)
        let first = requests()
        tick(2_001, view)
        _ = take()
        answered(try #require(first.last), .result(.ok), by: one)
        #expect(take() == [.complete(2, .ok)])
        #expect(router.isIdle)
    }

    /// The numbers of the attempts that were ordered.
    private mutating func requests() -> [UInt64] {
        defer { out = [] }
        return out.compactMap { if case .send(let request, _, _, _, _) = $0 { request } else { nil } }
    }

    @Test mutating func aLeaderWithoutALinkIsNotAsked() {
        perform(1, read, View(leader: one, broken: [one]))
        #expect(take() == [])
        router.linkOpened(now: now, view: View(leader: one), out: &out)
        #expect(take() == [sent(1, read, to: one)])
    }

    @Test mutating func whatIsSentAgainIsAHigherStream() {
        let view = View(leader: one)
        for id in 1...3 as ClosedRange<UInt64> { perform(id, read, view) }
        let first = takePlaces()
        #expect(first.map(\.position) == [0, 1, 2])
        #expect(Set(first.map(\.stream)).count == 1)
        answered(1, .notLeader(hint: nil), by: one)
        tick(50, view)
        let second = takePlaces()
        #expect(second.map(\.position) == [0, 1, 2])
        #expect(second[0].stream > first[0].stream)
        #expect(first[0].stream > 1 << 32)
    }

    private static func request(_ count: UInt64, of index: UInt64, bootEpoch: UInt64 = 3) -> UInt64 {
        OperationRouter.request(count, of: index, bootEpoch: bootEpoch)
    }

    /// What a process asked, and was not answered before it ended, is answered to the next one on its node.
    @Test mutating func anAnswerToAProcessThatIsGoneIsNone() {
        let old = Self.request(1, of: 2, bootEpoch: 3)
        let new = Self.request(1, of: 2, bootEpoch: 4)
        perform(new, read, View(leader: one))
        _ = take()
        answered(old, .result(.unknownSessions([])), by: one)
        #expect(take() == [])
        answered(new, .result(.ok), by: one)
        #expect(take() == [.complete(new, .ok)])
        #expect(OperationRouter.index(of: old) == 2 && OperationRouter.index(of: new) == 2)
    }

    @Test func nothingIsTakenBehindWhatWasDeclined() {
        var gate = StreamGate()
        let source = StreamGate.Source(node: one, request: Self.request(7, of: 0), group: group)
        let other = StreamGate.Source(node: one, request: Self.request(7, of: 1), group: group)
        func admits(_ stream: UInt64, _ position: UInt64, _ source: StreamGate.Source) -> Bool {
            gate.admits(StreamPlace(stream: stream, position: position), from: source)
        }
        let first = admits(5, 0, source)
        gate.declined(source)
        let behind = admits(5, 1, source)
        let others = admits(5, 0, other)
        let again = [admits(6, 0, source), admits(6, 1, source)]
        #expect([first, behind, others] == [true, false, true])
        #expect(again == [true, true])
        // A gap: something was lost on the way.
        let gap = [admits(6, 3, source), admits(6, 2, source)]
        #expect(gap == [false, false])
        // What comes late was sent again.
        let late = [admits(5, 2, source), admits(7, 1, source), admits(7, 0, source), admits(8, 0, source)]
        #expect(late == [false, false, false, true])
    }
}
