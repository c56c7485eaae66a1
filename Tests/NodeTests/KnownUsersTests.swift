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
}
