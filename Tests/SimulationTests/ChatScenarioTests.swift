import SimulationKit
import Testing

/// The failure cases of fan-out and sync, by name (docs/testing.md). Each run ends only when every screen, receipt
/// and list is as the log says.
struct ChatScenarioTests {
    private func run(_ scenario: ChatScenario, seeds: ClosedRange<UInt64> = 1...3, atLeast: Int) {
        for seed in seeds {
            let (result, happened) = scenario.run(seed: seed)
            #expect(result.violations == [], "seed \(seed)")
            #expect(happened >= atLeast, "seed \(seed)")
        }
    }

    @Test func f1ALeaderDiesAfterTheCommitAndBeforeTheFanout() { run(.f1LeaderDiesBeforeFanout, atLeast: 2) }
    @Test func f2AUsersPartitionHasNoQuorum() { run(.f2UserPartitionWithoutQuorum, atLeast: 1) }
    @Test func f3InboxRowsComeInAnotherOrder() { run(.f3RowsReordered, atLeast: 10) }
    @Test func f4RemovedAddedAndRemovedOverLeaderChanges() {
        run(.f4RemoveAddRemoveOverLeaders, atLeast: 2)
    }
    @Test func f5ADriverOfAnOldTermStillSends() { run(.f5DriverOfAnOldTerm, atLeast: 1) }
    @Test func f6APartitionChangesHandsInTheMiddleOfAFanout() { run(.f6PartitionMovesMidFanout, atLeast: 3) }
    @Test func f7AGatewayDies() { run(.f7GatewayDies, atLeast: 2) }
    @Test func f8AMemberIsInNoSnapshot() { run(.f8UserInNoSnapshot, atLeast: 2) }
    @Test func f9InboxesLagBehind() { run(.f9InboxLags, atLeast: 2) }
    @Test func f10APushComesBeforeTheRow() { run(.f10PushBeforeTheRow, atLeast: 3) }
    @Test func f11BlocksRaceWithSends() { run(.f11BlocksRaceWithSends, atLeast: 3) }
    @Test func f13ADeviceHangsUpInTheMiddleOfACatchUp() { run(.f13HungUpInTheMiddleOfACatchUp, atLeast: 8) }
    @Test func f14AnOldMembershipComesLate() { run(.f14OldMembershipComesLate, atLeast: 20) }
    @Test func f15AnswersComeToAProcessThatIsGone() {
        run(.f15AnswersToAProcessThatIsGone, seeds: 9...11, atLeast: 2)
    }
    @Test func f16AnAccountOfManyMessagesIsForgotten() { run(.f16AnAccountOfManyMessages, atLeast: 1) }
    @Test func f12AMemberIsRemovedWhileOffline() { run(.f12RemovedWhileOffline, atLeast: 2) }
}
