import Admin
import Synchronization

/// A cluster of two members and `count` partitions that remembers what it was ordered to do.
final class FakeSource: AdminSource {
    let operations = Mutex<[AdminOperation]>([])
    let reasons = Mutex<[String]>([])
    let partitionCount = 100

    func health() async -> HealthView { HealthView(reasons: []) }
    func readiness() async -> HealthView { HealthView(reasons: reasons.withLock { $0 }) }
    func metrics() async -> String { "martlet_sessions 3\n" }

    func cluster(committed: Bool) async throws(AdminRefusal) -> ClusterView {
        if committed { throw .unavailable("group 0 has no quorum") }
        return ClusterView(
            clusterID: "c", name: "test", epoch: 7, replicationFactor: 3, partitionCount: partitionCount,
            featureLevel: 1, answeredBy: "a1", underReplicated: 2, unavailable: 0,
            moves: [MoveView(partition: 4, from: ["a1"], to: ["b2"], stage: "joint")],
            members: [member("a1", number: 1, rtt: nil), member("b2", number: 2, rtt: 0.5)])
    }

    private func member(_ id: String, number: Int, rtt: Double?) -> MemberView {
        MemberView(
            nodeID: id, name: "node\(number)", number: number, state: "up", gossip: "alive",
            client: "127.0.0.1:8410", peer: "127.0.0.1:8411", admin: "127.0.0.1:8412", leaders: 1,
            replicas: 2,
            incarnation: 9, rttMilliseconds: rtt, version: "1", zone: nil)
    }

    func content(of partition: Int) async -> ContentHashView? {
        partition == 7 ? ContentHashView(partition: 7, applied: 3, contentHash: "00ff") : nil
    }

    func partitions(from first: Int, limit: Int) async -> [PartitionView] {
        (first..<max(first, min(partitionCount, first + limit))).map { number in
            PartitionView(
                partition: number, leader: number == 0 ? nil : "a1", voters: ["a1", "b2"], learners: [],
                term: 3,
                commit: 5, applied: 5, persisted: 4, lag: ["b2": 1])
        }
    }

    func ring() async -> RingView {
        RingView(
            partitionCount: partitionCount, tokens: [RingView.Token(position: 0.25, nodeID: "a1")],
            owners: [RingView.Owner(partition: 0, leader: "a1", replicas: ["a1"])])
    }

    func locate(_ query: LocateQuery) async throws(AdminRefusal) -> LocateView {
        switch query {
        case .user(let user):
            LocateView(
                partition: 1, leader: "a1", replicas: ["a1"],
                devices: [LocateView.Device(deviceID: user + "-phone", nodeID: "b2")])
        case .conversation: LocateView(partition: 2, leader: nil, replicas: [])
        case .group: throw .notFound("no such group")
        }
    }

    func node() async -> NodeView {
        NodeView(
            nodeID: "a1", name: "node1", version: "1", uptimeMilliseconds: 5, connections: 1, sessions: 1,
            actors: ["users": 0], rates: ["sent": 1.5], latencies: [:], walBytes: 1, storeBytes: 2,
            queues: ["proposals": NodeView.Queue(depth: 0, limit: 4_096)],
            progress: NodeView.Progress(state: "serving"))
    }

    func testPush(user: String, device: String?) async throws(AdminRefusal) -> PushTestView {
        if user == "nobody" { throw .notFound("there is no such user") }
        return PushTestView(devices: [
            .init(
                deviceID: device ?? "phone", provider: "fcm", result: "failed", reason: "SENDER_ID_MISMATCH")
        ])
    }

    func perform(_ operation: AdminOperation) async throws(AdminRefusal) {
        if operation == .decommission(nodeID: "b2") { throw .refused("partition 3 would have no quorum") }
        operations.withLock { $0.append(operation) }
    }
}
