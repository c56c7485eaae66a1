import Gateway
import NIOCore
import NIOPosix
import Testing
import Vocabulary
import Wire

@testable import Node

@Suite
struct SessionHubTests {
    private final class NoSink: SessionSink {
        func receive(_ pushes: [SessionDelivery]) {}
        func renew() {}
        func close(code: UInt16, reason: String) {}
    }

    private func session(_ number: UInt64, user: String) -> SessionRegistration {
        SessionRegistration(
            user: UserID(unchecked: user), device: DeviceID(unchecked: "d"),
            session: SessionKey(node: NodeID(high: 0, low: 1), number: number),
            loop: MultiThreadedEventLoopGroup.singleton.next(), sink: NoSink())
    }

    private func numbers(_ hub: SessionHub, of user: String, partitions: Int) -> [UInt64] {
        hub.sessions(of: .of(UserID(unchecked: user), partitions), partitions: partitions)
            .map(\.session.number)
    }

    @Test func sessionsAreFoundByTheirUsersGroup() {
        let hub = SessionHub(bootEpoch: 1)
        for number in 1...64 as ClosedRange<UInt64> {
            hub.attach(session(number, user: "user\(number)"), partitions: 16)
        }
        var found: [UInt64] = []
        for group in 1...16 as ClosedRange<UInt32> {
            let sessions = hub.sessions(of: GroupID(group), partitions: 16)
            #expect(sessions.allSatisfy { GroupID.of($0.user, 16) == GroupID(group) })
            found += sessions.map(\.session.number)
        }
        #expect(found.sorted() == Array(1...64))
    }

    @Test func sessionsFromBeforeThePartitionsAreIndexedLater() {
        let hub = SessionHub(bootEpoch: 1)
        hub.attach(session(1, user: "ann"), partitions: 0)
        hub.attach(session(2, user: "ann"), partitions: 0)
        hub.attach(session(3, user: "ann"), partitions: 16)
        hub.detach(2, partitions: 0)
        #expect(numbers(hub, of: "ann", partitions: 16) == [1, 3])
        hub.detach(1, partitions: 16)
        hub.detach(3, partitions: 16)
        #expect(numbers(hub, of: "ann", partitions: 16).isEmpty)
        #expect(hub.count == 0)
    }

    @Test func aSessionThatAttachesAgainIsThereOnce() {
        let hub = SessionHub(bootEpoch: 1)
        hub.attach(session(1, user: "ann"), partitions: 0)
        hub.attach(session(1, user: "ann"), partitions: 16)
        #expect(numbers(hub, of: "ann", partitions: 16) == [1])
        hub.detach(1, partitions: 16)
        #expect(numbers(hub, of: "ann", partitions: 16).isEmpty)
    }
}
