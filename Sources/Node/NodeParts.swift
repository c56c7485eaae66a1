import Admin
import Consensus
import Gateway
import Logging
import NIOCore
import NIOPosix
import NodeConfig
import PeerTransport
import RocksStorage
import Storage
import Vocabulary
import Wire

/// The running parts of a node that has joined: what the admin port and the life cycle work with.
struct NodeParts: Sendable {
    let node: NodeID
    let configuration: NodeConfiguration
    let state: NodeState
    let ports: NodePorts
    let log: WriteAheadLog
    let store: RocksStateStore
    let readPool: NIOThreadPool
    let shards: [ShardActor]
    let gateway: GatewayServer
    let gossip: MembershipShell
    let keeper: SessionKeeper
    let presence: PresenceKeeper
    let life: NodeOperations
    let readiness: Readiness
    let disk: DiskWatch
    let dispatcher: NodeDispatcher
    /// `nil` when no provider is set up.
    let push: PushService?

    /// One report per shard, in their order. Followers of the groups in `applied` apply first what they have gathered, so
    /// that their states are as far as their logs are known to be committed.
    func shardReports(applied: Set<GroupID> = []) async -> [ShardReport] {
        var reports: [ShardReport] = []
        for mailbox in ports.shards {
            let report = await withCheckedContinuation { continuation in
                mailbox.post(.report(applied: applied) { continuation.resume(returning: $0) })
            }
            reports.append(report)
        }
        return reports
    }

    /// Group 0's state, confirmed by its leader; `nil` when this node does not lead it or cannot confirm.
    func readCommittedMetadata() async -> ClusterMetadata? {
        let mailbox = ports.shard(of: .metadata)
        return await withCheckedContinuation { continuation in
            mailbox.post(.readMetadata { continuation.resume(returning: $0) })
        }
    }
}

/// Whether clients should be sent here, and why not.
final class Readiness: Sendable {
    private let state: NodeState
    private let ports: NodePorts
    private let node: NodeID
    private let disk: DiskWatch

    init(node: NodeID, state: NodeState, ports: NodePorts, disk: DiskWatch) {
        self.disk = disk
        self.node = node
        self.state = state
        self.ports = ports
    }

    /// True once the cluster may serve clients at all: every partition has its replica set.
    var isFormed: Bool {
        let metadata = state.metadata
        return metadata.partitionCount > 0 && metadata.isReadyForClients
    }

    /// Empty when ready.
    func reasons() -> [String] {
        var reasons: [String] = []
        let metadata = state.metadata
        guard let formation = metadata.formation else { return ["joining the cluster"] }
        if metadata.members[node]?.state == .joining { reasons.append("joining the cluster") }
        if !metadata.isReadyForClients {
            reasons.append(
                "partitions are not assigned yet: \(metadata.members.count) of \(formation.expectedNodes) nodes"
            )
        }
        if let reason = disk.reason { reasons.append(reason) }
        if state.service != .serving { reasons.append("\(state.service)") }
        let leaders = ports.leaders.all()
        let held = metadata.replicas(on: node).map(\.group)
        let leaderless = held.filter { leaders[$0] == nil }.count
        if leaderless > 0 { reasons.append("\(leaderless) partitions held here have no leader yet") }
        return reasons
    }
}
