import Testing
import Vocabulary
import Wire

@testable import SimulationKit

/// What the simulation's judge of presence takes for wrong, and what not.
struct PresenceCheckerTests {
    private let ann = UserID(unchecked: "ann")
    private let bob = UserID(unchecked: "bob")
    private let second: UInt64 = 1_000_000

    private func checker() -> ChatChecker {
        let checker = ChatChecker()
        checker.presence.begin(0, bob, on: 7)
        checker.presence.aliveAt[ann] = 100 * second
        return checker
    }

    private func tell(
        _ checker: ChatChecker, _ status: String, seen: UInt64? = nil, at seconds: UInt64,
        on connection: UInt64 = 7
    ) throws {
        let more = seen.map { ",\"last_seen\":\($0)" } ?? ""
        let text = "{\"type\":\"presence\",\"user_id\":\"ann\",\"status\":\"\(status)\"\(more)}"
        guard case .object(let object) = try JSONReader.parse(Array(text.utf8)) else { return }
        let viewer = ChatChecker.Viewer(
            number: 0, user: bob, device: DeviceID(unchecked: "phone"), isLate: false)
        checker.presence(object, to: viewer, on: connection, at: seconds * second)
    }

    private func block(_ user: UserID, _ peer: UserID, _ isBlocked: Bool = true) -> Command {
        .privacy(
            .block(
                BlockCommand(user: user, peer: peer, isBlocked: isBlocked, blocksMax: 9, at: Timestamp(1))))
    }

    @Test func nobodyIsOnlinePastABlockThatHasStoodForAWhile() throws {
        for (user, peer) in [(ann, bob), (bob, ann)] {
            let checker = checker()
            checker.presence.committed(block(user, peer), at: 50 * second)
            try tell(checker, "online", at: 60)
            #expect(checker.violations == [], "on its way")
            try tell(checker, "offline", at: 100)
            #expect(checker.violations == [])
            try tell(checker, "online", at: 100)
            #expect(checker.violations.count == 1)
            checker.presence.committed(block(user, peer, false), at: 101 * second)
            try tell(checker, "online", at: 102)
            #expect(checker.violations.count == 1)
        }
    }

    @Test func whoHidesIsNotShownAndSeesNobody() throws {
        for user in [ann, bob] {
            let checker = checker()
            var change = SettingsChange()
            change.online = .nobody
            change.lastSeen = .nobody
            checker.presence.committed(.privacy(.change(user, change)), at: 0)
            try tell(checker, "online", at: 100)
            #expect(checker.violations.count == 1)
            try tell(checker, "offline", seen: 1_700_000_000_000, at: 100)
            #expect(checker.violations.count == 2)
        }
    }

    @Test func nobodyIsOnlineLongAfterItLeft() throws {
        let checker = checker()
        try tell(checker, "online", at: 150)
        #expect(checker.violations == [])
        try tell(checker, "online", at: 200)
        #expect(checker.violations.count == 1)
    }

    @Test func lastSeenIsNotToComeAndDoesNotGoBack() throws {
        let wall: UInt64 = 1_700_000_000_000
        let checker = checker()
        try tell(checker, "offline", seen: wall + 100_000, at: 100)
        try tell(checker, "offline", seen: wall + 50_000, at: 100)
        #expect(checker.violations == [], "written once a minute")
        try tell(checker, "offline", seen: wall + 10_000, at: 100)
        #expect(checker.violations.count == 1)
        try tell(checker, "offline", seen: wall + 130_000, at: 100)
        #expect(checker.violations.count == 2)
    }

    @Test func whatABrokenConnectionStillBringsIsNotOnTheScreen() throws {
        let checker = checker()
        try tell(checker, "online", at: 110, on: 6)
        #expect(checker.presence.devices[0]?.shown == [:])
        try tell(checker, "online", at: 110)
        #expect(checker.presence.devices[0]?.shown == [ann: true])
        checker.presence.begin(0, bob, on: 8)
        #expect(checker.presence.devices[0]?.shown == [:])
    }
}
