import Chat
import NIOConcurrencyHelpers
import NIOCore
import Observability
import PeerTransport
import Vocabulary
import Wire

/// Where an operation came from, and so where its answer goes.
enum RequestOrigin: Hashable, Sendable {
    /// A router of this node.
    case local(id: UInt64)
    case peer(NodeID, id: UInt64)
}

/// The ways between the loops of one node and to the other nodes. Everything crosses in batches.
///
/// Set up once by `NodeAssembly`; afterwards it only passes on.
package final class NodePorts: Sendable {
    private struct Targets: Sendable {
        var shards: [LoopMailbox<ShardInput>] = []
        var routers: [LoopMailbox<RouterInput>] = []
    }

    package let node: NodeID
    package let leaders = LeaderTable()
    package let sessions: SessionHub
    let heartbeats = HeartbeatSplitter()
    let transport: PeerTransport
    private let clock: NodeClock
    private let metrics: NodeMetrics
    private let targets = NIOLockedValueBox(Targets())
    /// What this node leads, for peers whose link opens.
    private let led = NIOLockedValueBox<[GroupID: Term]>([:])
    private let pushHandler = NIOLockedValueBox<
        (@Sendable (PushJob, @escaping @Sendable (PushJobResult) -> Void) -> Void)?
    >(nil)
    let pushRules: PushMachine.Rules
    private let leaderListener = NIOLockedValueBox<(@Sendable (GroupID) -> Void)?>(nil)

    init(
        node: NodeID, transport: PeerTransport, sessions: SessionHub, clock: NodeClock, metrics: NodeMetrics,
        pushRules: PushMachine.Rules = .off
    ) {
        self.pushRules = pushRules
        self.clock = clock
        self.metrics = metrics
        self.node = node
        self.transport = transport
        self.sessions = sessions
    }

    func connect(shards: [LoopMailbox<ShardInput>], routers: [LoopMailbox<RouterInput>]) {
        targets.withLockedValue { $0 = Targets(shards: shards, routers: routers) }
    }

    var shards: [LoopMailbox<ShardInput>] { targets.withLockedValue { $0.shards } }

    /// The shard that hosts a group on this node.
    func shard(of group: GroupID) -> LoopMailbox<ShardInput> {
        let shards = shards
        return shards[Int(group.raw) % shards.count]
    }

    package func isReachable(_ peer: NodeID) -> Bool { peer == node || transport.isOpen(to: peer) }

    func sendRequest(
        id: UInt64, place: StreamPlace, partition: PartitionID, operation: Operation, to peer: NodeID
    ) {
        if peer == node {
            let group = GroupID(partition)
            shard(of: group).post(.request(.local(id: id), place, group, operation))
        } else {
            transport.send(.request(id: id, place: place, partition: partition, operation), to: peer)
        }
    }

    /// Asks this node's own replica; answered like a request.
    func readStale(id: UInt64, group: GroupID, _ query: HistoryQuery) {
        shard(of: group).post(.staleRead(.local(id: id), group, query))
    }

    func answer(_ origin: RequestOrigin, _ answer: PeerAnswer) {
        switch origin {
        case .local(let id): deliver(answer, id: id, from: node)
        case .peer(let peer, let id): transport.send(.response(id: id, answer), to: peer)
        }
    }

    /// An answer for a router of this node; the id's upper bits name it.
    func deliver(_ answer: PeerAnswer, id: UInt64, from peer: NodeID) {
        let routers = targets.withLockedValue { $0.routers }
        let index = Int(OperationRouter.index(of: id))
        if index < routers.count { routers[index].post(.answer(id: id, answer, from: peer)) }
    }

    func tellRouters(_ input: RouterInput) {
        for router in targets.withLockedValue({ $0.routers }) { router.post(input) }
    }

    /// Takes fan-out items to the leaders of their partitions; what has no known leader is dropped here and
    /// driven again by the fan-out.
    func send(fanout items: [FanoutItem]) {
        let shards = shards
        var own = [[FanoutItem]](repeating: [], count: shards.count)
        var byPeer: [NodeID: [FanoutItem]] = [:]
        for item in items {
            let group = GroupID(item.partition)
            guard let leader = leaders.leader(of: group) else { continue }
            if leader == node {
                own[Int(group.raw) % shards.count].append(item)
            } else {
                byPeer[leader, default: []].append(item)
            }
        }
        for (shard, items) in zip(shards, own) where !items.isEmpty { shard.post(.fanout(items, from: node)) }
        for (peer, items) in byPeer { transport.send(.fanout(items), to: peer) }
    }

    /// Asks the leaders of large groups who their members are; what is lost is asked again.
    func send(queries: [MemberQuery], of group: (MemberQuery) -> GroupID) {
        var byPeer: [NodeID: [MemberQuery]] = [:]
        for query in queries {
            let group = group(query)
            guard let leader = leaders.leader(of: group) else { continue }
            if leader == node {
                shard(of: group).post(.memberQueries([query], from: node))
            } else {
                byPeer[leader, default: []].append(query)
            }
        }
        for (peer, queries) in byPeer { transport.send(.memberQueries(queries), to: peer) }
    }

    /// Answers a node's questions for members.
    func send(snapshots: [MemberSnapshot], to peer: NodeID) {
        guard peer == node else { return transport.send(.memberSnapshots(snapshots), to: peer) }
        for snapshot in snapshots {
            shard(of: GroupID(snapshot.partition)).post(.memberSnapshots([snapshot]))
        }
    }

    /// Acknowledges committed rows to the leader of the conversation's partition, wherever it is now.
    func send(acks: [FanoutAck], of group: (FanoutAck) -> GroupID) {
        var byPeer: [NodeID: [FanoutAck]] = [:]
        for ack in acks {
            let group = group(ack)
            guard let leader = leaders.leader(of: group) else { continue }
            if leader == node {
                shard(of: group).post(.fanoutAcks([ack]))
            } else {
                byPeer[leader, default: []].append(ack)
            }
        }
        for (peer, acks) in byPeer { transport.send(.fanoutAcks(acks), to: peer) }
    }

    /// Hints that somebody writes; what has no known leader is not worth keeping.
    func send(typing items: [TypingItem]) {
        var byPeer: [NodeID: [TypingItem]] = [:]
        for item in items {
            guard let leader = leaders.leader(of: GroupID(item.partition)) else { continue }
            if leader == node {
                shard(of: GroupID(item.partition)).post(.typing([item]))
            } else {
                byPeer[leader, default: []].append(item)
            }
        }
        for (peer, items) in byPeer { transport.send(.typing(items), to: peer) }
    }

    /// Has a router of this node carry out an operation for one of its shards; `completion` runs on its loop.
    func perform(
        _ operation: Operation, group: GroupID, on router: Int,
        completion: @escaping @Sendable (OperationResult) -> Void
    ) {
        let routers = targets.withLockedValue { $0.routers }
        if router < routers.count { routers[router].post(.perform(operation, group, completion)) }
    }

    func send(pushes: [(NodeID, SessionPush)]) {
        var byPeer: [NodeID: [SessionPush]] = [:]
        for (peer, push) in pushes { byPeer[peer, default: []].append(push) }
        for (peer, pushes) in byPeer {
            if peer == node { deliver(pushes) } else { transport.send(.push(pushes), to: peer) }
        }
    }

    /// Pushes for sockets of this node. The time since the leader's stamp is wall-clock time: between hosts it is
    /// as true as their clocks.
    func deliver(_ pushes: [SessionPush]) {
        let now = clock.timestamp()
        for push in pushes {
            guard case .message(let record, _) = push.event else { continue }
            metrics.delivered.add(push.addressees.count)
            let elapsed = now.milliseconds - record.timestamp.milliseconds
            metrics.sendToDeliver.observe(UInt64(max(0, elapsed)) * 1_000)
        }
        sessions.deliver(pushes)
    }

    // MARK: Push

    func onPush(
        _ handler: @escaping @Sendable (PushJob, @escaping @Sendable (PushJobResult) -> Void) -> Void
    ) {
        pushHandler.withLockedValue { $0 = handler }
    }

    func push(_ job: PushJob, answer: @escaping @Sendable (PushJobResult) -> Void) {
        pushHandler.withLockedValue { $0 }?(job, answer)
    }

    // MARK: Leaderships

    func ownLeaderships() -> [LedGroup] {
        led.withLockedValue {
            $0.map { LedGroup(group: $0.key, term: $0.value) }.sorted { $0.group < $1.group }
        }
    }

    func onLeaderChange(_ listener: @escaping @Sendable (GroupID) -> Void) {
        leaderListener.withLockedValue { $0 = listener }
    }

    /// This node leads the group and serves it: everybody may send there.
    func announceLeading(_ group: GroupID, term: Term) {
        led.withLockedValue { $0[group] = term }
        let announcement = LedGroup(group: group, term: term)
        transport.broadcast(.leading([announcement]))
        learned(announcement, from: node)
    }

    func withdrawLeading(_ group: GroupID) {
        _ = led.withLockedValue { $0.removeValue(forKey: group) }
        leaders.withdraw(group, from: node)
    }

    /// Says again what this node leads: an announcement that was lost is made good within a second.
    func reannounce() {
        let own = ownLeaderships()
        guard !own.isEmpty else { return }
        transport.broadcast(.leading(own))
        for announcement in own { learned(announcement, from: node) }
    }

    /// Sessions of a peer's sockets must register again: pushes to it may be lost.
    func peerLost(_ peer: NodeID) {
        for shard in shards { shard.post(.peerLost(peer)) }
    }

    /// A node announced that it leads a group.
    func learned(_ announcement: LedGroup, from leader: NodeID) {
        guard leaders.announce(announcement, by: leader) else { return }
        tellRouters(.leaderChanged(announcement.group))
        for shard in shards { shard.post(.leaderChanged(announcement.group)) }
        leaderListener.withLockedValue { $0 }?(announcement.group)
    }

    /// Takes a command to group 0's leader, without waiting: whoever needs it proposes it again.
    func proposeMetadata(_ command: [UInt8]) {
        guard let leader = leaders.leader(of: .metadata) else { return }
        if leader == node {
            shard(of: .metadata).post(.metadataCommand(command, answer: { _ in }))
        } else {
            transport.send(.control(id: 0, .metadata(command)), to: leader)
        }
    }
}
