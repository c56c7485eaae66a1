import Admin
import Chat
import Consensus
import Logging
import NIOConcurrencyHelpers
import Observability
import PeerTransport
import Placement
import Storage
import Vocabulary
import Wire

/// Answers the admin port from the node's state. Everything is a copy of one moment. Before the node has joined
/// there are no parts, and the answers say so.
final class NodeAdmin: AdminSource {
    let name: String
    let logger: Logger
    let metrics: NodeMetrics
    let clock: NodeClock
    private let box: NIOLockedValueBox<NodeParts?>
    let rates = NIOLockedValueBox(RateMeters())
    /// The log and the state are being read: whether this process can work at all is not known yet.
    let isOpening = NIOLockedValueBox(false)
    /// Why no seed has admitted this node so far.
    let joinProblem = NIOLockedValueBox<String?>(nil)

    init(
        name: String, logger: Logger, metrics: NodeMetrics, clock: NodeClock,
        parts: NIOLockedValueBox<NodeParts?>
    ) {
        self.name = name
        self.logger = logger
        self.metrics = metrics
        self.clock = clock
        box = parts
    }

    var joined: NodeParts? { box.withLockedValue { $0 } }

    func parts() throws(AdminRefusal) -> NodeParts {
        guard let parts = joined else { throw .unavailable("this node has not joined a cluster yet") }
        return parts
    }

    func health() async -> HealthView {
        if isOpening.withLockedValue({ $0 }) { return HealthView(reasons: ["opening the log"]) }
        guard let parts = joined else { return HealthView(reasons: []) }
        var reasons: [String] = []
        let age = parts.log.ageOfOldestUnsynced
        if age > 10_000 { reasons.append("the log has not reached the disk for \(age) ms") }
        return HealthView(reasons: reasons)
    }

    func readiness() async -> HealthView {
        HealthView(
            reasons: joined?.readiness.reasons() ?? ["joining the cluster"]
                + [joinProblem.withLockedValue { $0 }].compactMap(\.self))
    }

    func cluster(committed: Bool) async throws(AdminRefusal) -> ClusterView {
        let parts = try parts()
        let metadata = committed ? try await committedMetadata(parts) : parts.state.metadata
        guard let formation = metadata.formation else {
            throw .unavailable("this node has not joined a cluster yet")
        }
        let gossip = Dictionary(parts.gossip.members.map { ($0.record.node, $0) }) { first, _ in first }
        let alive = Set(gossip.filter { $0.value.status.isPresent }.keys).union([parts.node])
        let leaders = leaderCounts(parts)
        let replicas = metadata.replicaCounts()
        let (boots, fenced) = (parts.ports.transport.bootEpochs, parts.ports.transport.fencedStarts)
        return ClusterView(
            clusterID: formation.cluster.description, name: formation.name, epoch: metadata.epoch.raw,
            replicationFactor: metadata.replicationFactor, partitionCount: metadata.partitionCount,
            featureLevel: Int(metadata.featureLevel), answeredBy: parts.node.description,
            underReplicated: metadata.underReplicated(alive: alive).count,
            unavailable: metadata.unavailable(alive: alive).count, moves: await moves(metadata, parts),
            members: metadata.membersByNumber.map { member in
                var member = view(
                    member, isSelf: member.node == parts.node, gossip: gossip[member.node],
                    leaders: leaders[member.node] ?? 0, replicas: replicas[member.node] ?? 0)
                let node = NodeID(member.nodeID)
                member.bootEpoch = node.flatMap { boots[$0] }
                member.fenced = node.flatMap { fenced[$0] }.map {
                    FencedView(bootEpoch: $0.bootEpoch, reason: $0.reason)
                }
                return member
            },
            losses: metadata.losses.map { event in
                LossView(
                    partition: event.group.partition.map { Int($0.raw) }, epoch: event.epoch.raw,
                    survivor: event.survivor.node.description, lastTerm: event.lastTerm.raw,
                    lastIndex: event.lastIndex.raw)
            })
    }

    private func committedMetadata(_ parts: NodeParts) async throws(AdminRefusal) -> ClusterMetadata {
        guard let metadata = await parts.readCommittedMetadata() else {
            throw .unavailable("group 0 has no leader that can confirm its state")
        }
        return metadata
    }

    private func leaderCounts(_ parts: NodeParts) -> [NodeID: Int] {
        parts.ports.leaders.all().reduce(into: [:]) { counts, entry in
            if entry.key != .metadata { counts[entry.value, default: 0] += 1 }
        }
    }

    private func moves(_ metadata: ClusterMetadata, _ parts: NodeParts) async -> [MoveView] {
        guard metadata.partitions.contains(where: { $0.move != nil }) else { return [] }
        // Asked for several times a second while something moves: nobody's state is applied for it.
        let reports = await replicaReports(parts, applied: [])
        return metadata.partitions.enumerated().compactMap { index, assignment in
            guard let move = assignment.move else { return nil }
            let group = GroupID(PartitionID(UInt32(index)))
            let report = reports[group].flatMap { $0.status.isLeader ? $0 : nil }
            let lag = report.map { report in
                let incoming = report.status.progress.filter { assignment.incoming.contains($0.replica) }
                return incoming.map { report.status.lastIndex.distance(after: $0.matched) }.max() ?? 0
            }
            return MoveView(
                partition: index, from: assignment.nodes.map(\.description),
                to: move.target.map(\.node.description), stage: move.stage.name,
                leader: parts.ports.leaders.leader(of: group)?.description, lagEntries: lag,
                snapshotBytes: report?.snapshotBytes)
        }
    }

    private func view(
        _ member: ClusterMember, isSelf: Bool, gossip: MemberView?, leaders: Int, replicas: Int
    ) -> Admin.MemberView {
        let addresses = gossip?.record.addresses
        var view = Admin.MemberView(
            nodeID: member.node.description, name: member.name, number: Int(member.number),
            state: member.state.name,
            gossip: isSelf ? "alive" : gossip.map { "\($0.status)" } ?? "dead",
            client: addresses?.client ?? "", peer: addresses?.peer ?? "", admin: addresses?.admin ?? "",
            leaders: leaders, replicas: replicas, incarnation: gossip?.record.incarnation.raw ?? 0,
            rttMilliseconds: isSelf ? nil : gossip?.roundTripMilliseconds,
            version: gossip?.record.version ?? "", zone: member.profile.zone)
        let isExpected = member.state == .up || member.state == .draining || member.state == .leaving
        if isExpected && view.gossip == "dead" {
            view.advice =
                "start it again; if it ends with exit code 65 or its disk is lost: martlet rebuild there, start "
                + "it, then POST /cluster/members/\(member.node)/replace here"
        }
        return view
    }

    func partitions(from first: Int, limit: Int) async -> [PartitionView] {
        guard let parts = joined else { return [] }
        let metadata = parts.state.metadata
        let wanted = metadata.partitions.indices.dropFirst(first).prefix(limit)
        let reports = await replicaReports(
            parts, applied: Set(wanted.map { GroupID(PartitionID(UInt32($0))) }))
        return wanted.map { index in
            let partition = PartitionID(UInt32(index))
            return view(partition, metadata.partitions[index], reports[GroupID(partition)], parts)
        }
    }

    private func replicaReports(
        _ parts: NodeParts, applied: Set<GroupID>
    ) async -> [GroupID: ShardReport.Replica] {
        let reports = await parts.shardReports(applied: applied)
        return Dictionary(reports.flatMap(\.replicas).map { ($0.group, $0) }) { first, _ in first }
    }

    private func view(
        _ partition: PartitionID, _ assignment: PartitionAssignment, _ report: ShardReport.Replica?,
        _ parts: NodeParts
    ) -> PartitionView {
        let configuration = report?.status.configuration
        var lag: [String: Int] = [:]
        if let status = report?.status {
            for progress in status.progress where progress.replica.node != parts.node {
                lag[progress.replica.node.description] = status.lastIndex.distance(after: progress.matched)
            }
        }
        return PartitionView(
            partition: Int(partition.raw),
            leader: parts.ports.leaders.leader(of: GroupID(partition))?.description,
            voters: assignment.nodes.map(\.description),
            learners: (configuration?.learners.map(\.node) ?? assignment.incoming.map(\.node)).map(
                \.description),
            term: report?.status.term.raw ?? 0, commit: report?.status.commit.raw ?? 0,
            applied: report?.status.applied.raw ?? 0, persisted: report?.persisted.raw ?? 0,
            first: report?.status.firstIndex.raw ?? 0, stateHash: report?.digest.description, lag: lag)
    }

    func ring() async -> RingView {
        guard let parts = joined else { return RingView(partitionCount: 0, tokens: [], owners: []) }
        let metadata = parts.state.metadata
        let members = metadata.membersByNumber.filter { $0.state == .up || $0.state == .draining }
        let ring = Ring(
            members: members.map {
                PlacementMember(node: $0.node, zone: $0.profile.zone, weight: $0.profile.weight)
            })
        return RingView(
            partitionCount: metadata.partitionCount,
            tokens: ring.tokens.map { token in
                RingView.Token(
                    position: Double(token.position) / 18_446_744_073_709_551_616,
                    nodeID: token.node.description)
            },
            owners: metadata.partitions.enumerated().map { index, assignment in
                RingView.Owner(
                    partition: index,
                    leader: parts.ports.leaders.leader(of: GroupID(PartitionID(UInt32(index))))?.description,
                    replicas: assignment.nodes.map(\.description))
            })
    }

    func locate(_ query: LocateQuery) async throws(AdminRefusal) -> LocateView {
        let parts = try parts()
        let metadata = parts.state.metadata
        guard metadata.partitionCount > 0 else {
            throw .unavailable("this node has not joined a cluster yet")
        }
        let partition: PartitionID
        var devices: [LocateView.Device]?
        switch query {
        case .conversation(let text), .group(let text):
            guard let id = ConversationID(text) else { throw .invalid("'\(text)' is not a UUID") }
            partition = .of(id, count: metadata.partitionCount)
        case .user(let text):
            guard let user = UserID(text) else { throw .invalid("'\(text)' is not a user id") }
            partition = .of(user, count: metadata.partitionCount)
            devices = try await deviceNodes(of: user, parts)
        }
        return LocateView(
            partition: Int(partition.raw),
            leader: parts.ports.leaders.leader(of: GroupID(partition))?.description,
            replicas: metadata.assignment(of: partition)?.nodes.map(\.description) ?? [], devices: devices)
    }

    func perform(_ operation: AdminOperation) async throws(AdminRefusal) {
        try await parts().life.perform(operation)
    }
}
