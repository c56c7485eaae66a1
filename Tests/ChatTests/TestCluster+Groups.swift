import Vocabulary
import Wire

@testable import Chat

extension TestCluster {
    /// A cluster in which `club` has been made by Ann with these members, and everybody knows.
    static func withGroup(of members: [UserID], partitions: Int) -> TestCluster {
        let cluster = TestCluster(partitions: partitions)
        cluster.change(.create(name: "large", members: members))
        cluster.advance(2_000)
        return cluster
    }

    /// Ann changes `club`.
    func change(_ asked: GroupChange) {
        _ = call(.group(GroupRequest(group: club, actor: ann, change: asked)))
    }

    /// A phone that has caught up.
    func connected(_ user: UserID) -> TestDevice {
        let device = TestDevice(self, user, phone)
        device.connect()
        settle()
        device.finishOpening()
        return device
    }
}
