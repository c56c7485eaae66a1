import Consensus
import Logging
import NIOConcurrencyHelpers
import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// Takes what arrives on peer links to the loops that it is for.
final class NodeLinks: PeerTransportDelegate {
    private let ports: NodePorts
    private let state: NodeState
    private let logger: Logger
    private let gossip: @Sendable ([UInt8], @escaping @Sendable ([UInt8]?) -> Void) -> Void
    private let linkIsBroken: @Sendable (NodeID) -> Void
    private let portIsClosed: @Sendable (NodeID) -> Void
    /// Sessions of this node may have to register again with leaders behind the link.
    private let linkIsBack: @Sendable () -> Void
    private let forward: @Sendable (ControlRequest, @escaping @Sendable (ControlAnswer) -> Void) -> Void
    private let handover: PartitionHandover
    private let fence: Fence

    /// - Parameters:
    ///   - gossip: answers a full sync.
    ///   - forward: takes a question for group 0 to its leader when that is another node.
    ///   - linkIsBroken: gossip is to see whether that node is still there.
    ///   - portIsClosed: gossip may take it that no process is there.
    init(
        ports: NodePorts, state: NodeState, logger: Logger, handover: PartitionHandover, fence: Fence,
        gossip: @escaping @Sendable ([UInt8], @escaping @Sendable ([UInt8]?) -> Void) -> Void,
        forward: @escaping @Sendable (ControlRequest, @escaping @Sendable (ControlAnswer) -> Void) -> Void,
        linkIsBack: @escaping @Sendable () -> Void, linkIsBroken: @escaping @Sendable (NodeID) -> Void,
        portIsClosed: @escaping @Sendable (NodeID) -> Void
    ) {
        self.portIsClosed = portIsClosed
        self.linkIsBroken = linkIsBroken
        self.linkIsBack = linkIsBack
        self.ports = ports
        self.state = state
        self.logger = logger
        self.handover = handover
        self.fence = fence
        self.gossip = gossip
        self.forward = forward
    }

    func received(_ frames: [PeerFrame], from node: NodeID) {
        var inputs = [[ShardInput]](repeating: [], count: ports.shards.count)
        for frame in frames { sort(frame, from: node, into: &inputs) }
        for (index, batch) in inputs.enumerated() { ports.shards[index].post(contentsOf: batch) }
    }

    private func sort(_ frame: PeerFrame, from node: NodeID, into inputs: inout [[ShardInput]]) {
        let count = inputs.count
        func shard(_ group: GroupID) -> Int { Int(group.raw) % count }
        switch frame {
        case .raft(let messages):
            for (index, messages) in split(messages, count: count, by: { shard($0.group) }) {
                inputs[index].append(.raft(messages, from: node))
            }
        case .heartbeat(let heartbeat):
            for (index, part) in ports.heartbeats.split(heartbeat, from: node, shards: count) {
                inputs[index].append(.heartbeat(part, from: node))
            }
        case .heartbeatAck(var ack):
            let index = HeartbeatRound.shard(of: ack.round)
            guard index < count else { return }
            ack.round = HeartbeatRound.round(of: ack.round)
            inputs[index].append(.heartbeatAck(ack, from: node))
        case .leading(let groups): leading(groups, node: node)
        case .snapshot(let snapshot):
            for index in snapshotShards(snapshot, count: count) {
                inputs[index].append(.snapshot(snapshot, from: node))
            }
        case .request(let id, let place, let partition, let operation):
            let group = GroupID(partition)
            inputs[shard(group)].append(.request(.peer(node, id: id), place, group, operation))
        case .response(let id, let answer): ports.deliver(answer, id: id, from: node)
        case .fanout(let items):
            for (index, items) in split(items, count: count, by: { shard(GroupID($0.partition)) }) {
                inputs[index].append(.fanout(items, from: node))
            }
        case .fanoutAcks(let acks):
            let partitions = state.partitionCount
            guard partitions > 0 else { return }
            let parts = split(acks, count: count, by: { shard(.of($0.conversation, partitions)) })
            for (index, acks) in parts { inputs[index].append(.fanoutAcks(acks)) }
        case .push(let pushes): ports.deliver(pushes)
        case .memberQueries(let queries):
            let partitions = state.partitionCount
            guard partitions > 0 else { return }
            let parts = split(queries, count: count, by: { shard(.of($0.conversation, partitions)) })
            for (index, queries) in parts { inputs[index].append(.memberQueries(queries, from: node)) }
        case .memberSnapshots(let snapshots):
            let parts = split(snapshots, count: count, by: { shard(GroupID($0.partition)) })
            for (index, snapshots) in parts { inputs[index].append(.memberSnapshots(snapshots)) }
        case .typing(let items):
            for (index, items) in split(items, count: count, by: { shard(GroupID($0.partition)) }) {
                inputs[index].append(.typing(items))
            }
        default: break
        }
    }

    private func split<Element>(
        _ elements: [Element], count: Int, by shard: (Element) -> Int
    ) -> [(Int, [Element])] {
        if count == 1 { return [(0, elements)] }
        var parts = [[Element]](repeating: [], count: count)
        for element in elements { parts[shard(element)].append(element) }
        return parts.enumerated().filter { !$0.element.isEmpty }.map { ($0.offset, $0.element) }
    }

    /// A transfer's first frame names its group; the rest are known by their transfer, which only one shard has.
    private func snapshotShards(_ frame: SnapshotFrame, count: Int) -> [Int] {
        switch frame {
        case .begin(_, let group, _, _, _, _): [Int(group.raw) % count]
        case .progress(let transfer, _), .finished(let transfer, _): [Int(transfer >> 48) % count]
        case .chunk, .end: Array(0..<count)
        }
    }

    private func leading(_ groups: [LedGroup], node: NodeID) {
        for led in groups { ports.learned(led, from: node) }
    }

    func asked(
        _ request: ControlRequest, from node: NodeID, answer: @escaping @Sendable (ControlAnswer) -> Void
    ) {
        switch request {
        case .fullSync(let bytes):
            gossip(bytes) { reply in
                answer(reply.map { .fullSync($0) } ?? .refused("not a gossip exchange for this node"))
            }
        case .join, .metadata: forward(request, answer)
        case .transfer(let partition, let node): answer(handover.performHere(partition, to: node))
        }
    }

    func refused(by node: NodeID, _ refusal: HandshakeRefusal) {
        // The others have committed that this node has left; it may never hear of that commit itself.
        if refusal == .removed { state.set(service: .left) }
        fence.refused(by: node, refusal)
    }

    func linkOpened(to node: NodeID) {
        fence.admitted(by: node)
        let led = ports.ownLeaderships()
        ports.transport.send(.leading(led), to: node)
        ports.peerLost(node)
        ports.tellRouters(.linkOpened(node))
        linkIsBack()
        logger.debug("peer link opened", metadata: ["peer.node": "\(node)"])
    }

    func linkClosed(to node: NodeID) {
        // A restarted node counts its rounds from the beginning.
        ports.heartbeats.forget(node)
        ports.peerLost(node)
        ports.tellRouters(.linkClosed(node))
        linkIsBroken(node)
        logger.debug("peer link closed", metadata: ["peer.node": "\(node)"])
    }

    func portRefused(by node: NodeID) { portIsClosed(node) }

    func isRemoved(_ node: NodeID) -> Bool { state.metadata.members[node]?.state == .left }
}
