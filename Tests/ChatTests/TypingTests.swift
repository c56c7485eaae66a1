import Testing
import Vocabulary
import Wire

@testable import Chat

/// Typing reaches the other members' live sessions and nothing else.
struct TypingTests {
    private let cluster = TestCluster()

    private func connected(_ user: UserID) -> TestDevice {
        let device = TestDevice(cluster, user, phone)
        device.connect()
        cluster.settle()
        return device
    }

    private func type(_ user: UserID, in conversation: ConversationID) -> OperationResult? {
        cluster.call(.typing(TypingRequest(conversation: conversation, user: user, isTyping: true)))
    }

    @Test func theOtherOfTwoHearsIt() {
        let (annPhone, bobPhone) = (connected(ann), connected(bob))
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(2_000)
        let before = cluster.partitions.map(\.log.count)
        #expect(type(ann, in: annBob) == .ok)
        #expect(
            bobPhone.typings == [TypingRequest(conversation: annBob, user: ann, isTyping: true)])
        #expect(annPhone.typings.isEmpty)
        #expect(cluster.partitions.map(\.log.count) == before)
    }

    @Test func membersOfAGroupHearIt() {
        let (annPhone, bobPhone, catPhone) = (connected(ann), connected(bob), connected(cat))
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob]))))
        #expect(type(ann, in: club) == .ok)
        #expect(bobPhone.typings.map(\.user) == [ann])
        #expect(annPhone.typings.isEmpty && catPhone.typings.isEmpty)
        #expect(type(cat, in: club) == .refused(.notMember))
        #expect(type(cat, in: annBob) == .refused(.noSuchConversation))
        // Behind a block, in groups too.
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: true)))
        #expect(type(ann, in: club) == .ok)
        #expect(bobPhone.typings.count == 1)
    }

    @Test func largeGroupsAreNotTold() {
        let members = (0..<100).map { UserID(unchecked: "m\($0)") }
        let first = connected(members[0])
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: members))))
        #expect(type(ann, in: club) == .ok)
        #expect(first.typings.isEmpty)
        _ = cluster.call(.group(GroupRequest(group: club, actor: ann, change: .remove(members[99]))))
        #expect(type(ann, in: club) == .ok)
        #expect(first.typings.count == 1)
    }

    @Test func aBlockHidesItBothWays() {
        let (annPhone, bobPhone) = (connected(ann), connected(bob))
        _ = cluster.send(ann, to: .user(bob), "1")
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: true)))
        #expect(type(ann, in: annBob) == .ok)
        #expect(type(bob, in: annBob) == .ok)
        #expect(annPhone.typings.isEmpty && bobPhone.typings.isEmpty)
    }
}
