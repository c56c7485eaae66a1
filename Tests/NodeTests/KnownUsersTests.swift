import NIOCore
import Testing
import Vocabulary

@testable import Node

@Suite
struct KnownUsersTests {
    @Test func theNumberOfUsersIsBounded() {
        let known = KnownUsers()
        let users = (0..<200_010).map { UserID(unchecked: "user\($0)") }
        for user in users { known.insert(user) }
        #expect(users.count { known.contains($0) } == 200_000)
        #expect(known.contains(users[200_009]), "the newest is kept")
    }

    @Test func onlyWhatWasSeenIsKnown() {
        let known = KnownUsers()
        known.insert(UserID(unchecked: "ann"))
        #expect(known.contains(UserID(unchecked: "ann")))
        #expect(!known.contains(UserID(unchecked: "bob")))
    }

    /// An account may be deleted elsewhere.
    @Test func whatWasSeenIsBelievedForAMinute() {
        let known = KnownUsers()
        let ann = UserID(unchecked: "ann")
        let start = NIODeadline.now() + .hours(1)
        known.insert(ann, now: start)
        #expect(known.contains(ann, now: start + .seconds(29)))
        #expect(!known.contains(ann, now: start + .seconds(61)))
        known.insert(ann, now: start + .seconds(61))
        #expect(!known.contains(ann, now: start + .hours(1)))
    }

    /// For when the partition that could be asked has no leader.
    @Test func whatWasSeenIsRememberedForHalfAnHour() {
        let known = KnownUsers()
        let (ann, bob) = (UserID(unchecked: "ann"), UserID(unchecked: "bob"))
        let start = NIODeadline.now() + .hours(1)
        known.insert(ann, now: start)
        #expect(!known.contains(ann, now: start + .minutes(2)))
        #expect(known.remembers(ann, now: start + .minutes(20)))
        #expect(!known.remembers(bob, now: start + .minutes(20)))
        #expect(!known.remembers(ann, now: start + .hours(1)))
    }

    @Test func whoIsGoneIsForgotten() {
        let known = KnownUsers()
        let ann = UserID(unchecked: "ann")
        known.insert(ann)
        known.forget(ann)
        #expect(!known.contains(ann))
        #expect(!known.remembers(ann))
    }
}
