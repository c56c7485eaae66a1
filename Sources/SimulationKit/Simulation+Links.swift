import Chat
import Consensus
import Vocabulary
import Wire

/// Links between nodes: each dials every other that gossip has named, and again when a link ends.
extension Simulation {
    /// A frame that does not get through, or silence of a second, ends a link (rule L5).
    private static let silence: UInt64 = 1_000_000

    // MARK: Sending

    func send(_ frames: [PeerFrame], from node: SimulatedNode, to other: NodeID) {
        for frame in frames { send(frame, from: node, to: other) }
    }

    func send(_ frame: PeerFrame, from node: SimulatedNode, to other: NodeID) {
        let number = SimulatedNode.number(of: other)
        let frame = plan.usesCodec ? passed(frame) : frame
        if !plan.isStreamed && frame.needsNoLink {
            guard self.node(number).life != .gone else { return }
            for delay in network.delays(from: node.host, to: self.node(number).host) {
                schedule(.frame(.peer(frame), from: node.number, to: number, epoch: nil), after: delay)
            }
            return
        }
        let link = SimulatedNetwork.Link(from: node.number, to: number)
        let isCut = network.isCut(node.host, self.node(number).host)
        switch network.pass(link, isCut: isCut, now: now) {
        case .arrives(let delay, let epoch):
            schedule(.frame(.peer(frame), from: node.number, to: number, epoch: epoch), after: delay)
        case .breaks: schedule(.linkEnds(link), after: Self.silence)
        case .lost: break
        }
    }

    /// A datagram.
    func post(_ frame: SimulatedFrame, from node: SimulatedNode, toHost host: Int) {
        for delay in network.delays(from: node.host, to: host) {
            schedule(.post(frame, fromHost: node.host, toHost: host), after: delay)
        }
    }

    /// A call over a connection of its own: both directions must be open.
    func call(_ call: SimulatedCall, from node: SimulatedNode, toHost host: Int) {
        guard network.areConnected(node.host, host) else { return }
        post(.call(call), from: node, toHost: host)
    }

    /// The frame as it comes out of its codec.
    private func passed(_ frame: PeerFrame) -> PeerFrame {
        var writer = ByteWriter()
        frame.encode(into: &writer)
        do {
            return try PeerFrame(body: writer.bytes[4...])
        } catch {
            checker.fail("a frame does not pass its codec: \(error)")
            return frame
        }
    }

    // MARK: Receiving

    func receive(_ frame: PeerFrame, from number: Int, on node: SimulatedNode) {
        let sender = SimulatedNode.id(of: number)
        switch frame {
        case .raft(let messages): receive(messages, from: sender, on: node)
        case .heartbeat(let beat): node.raft.receive(beat, from: sender, now: tick)
        case .heartbeatAck(let ack): node.raft.receive(ack, from: sender, now: tick)
        case .snapshot(let snapshot): receive(snapshot, from: sender, on: node)
        case .leading(let groups):
            for led in groups where node.leaders.announce(led, by: sender) {
                leaderChanged(of: led.group, on: node)
            }
        case .control(_, .metadata(let command)):
            if node.raft.isLeader(of: .metadata) {
                _ = node.raft.propose(group: .metadata, command: command)
            }
        case .request, .response, .fanout, .fanoutAcks, .memberQueries, .memberSnapshots, .push, .typing:
            receive(chat: frame, from: sender, on: node)
        default: checker.fail("node \(node.number) got \(frame) from \(number)")
        }
    }

    /// I7: a message for another replica changes nothing.
    private func receive(_ messages: [RaftMessage], from sender: NodeID, on node: SimulatedNode) {
        for message in messages {
            let before = node.raft.status(of: message.group)
            node.raft.receive([message], from: sender, now: tick)
            guard let before, before.replica != message.to, let after = node.raft.status(of: message.group),
                before.isDifferent(from: after)
            else { continue }
            checker.fail(
                "group \(message.group): replica \(before.replica) takes a message for \(message.to) (rule M3)"
            )
        }
    }

    /// Tells everybody that this node leads the group.
    func announce(_ group: GroupID, term: Term, on node: SimulatedNode) {
        let led = LedGroup(group: group, term: term)
        if node.leaders.announce(led, by: node.id) { leaderChanged(of: group, on: node) }
        for other in node.peers.sorted() {
            send([.leading([led])], from: node, to: SimulatedNode.id(of: other))
        }
    }

    private func leaderships(of node: SimulatedNode) -> [LedGroup] {
        node.replicas.keys.sorted().compactMap { group in
            guard let replica = node.replicas[group], replica.isLeader,
                replica.isLeading || group == .metadata
            else { return nil }
            return LedGroup(group: group, term: replica.term)
        }
    }

    func announceAll(of node: SimulatedNode) {
        let led = leaderships(of: node)
        guard !led.isEmpty else { return }
        for other in node.peers.sorted() {
            send([.leading(led)], from: node, to: SimulatedNode.id(of: other))
        }
    }

    // MARK: Dialling

    /// Every node dials whom it knows and has no link to.
    func dial(_ node: SimulatedNode) {
        for number in node.peers.sorted() where number != node.number {
            let link = SimulatedNetwork.Link(from: node.number, to: number)
            let other = self.node(number)
            guard !network.isOpen(link), network.areConnected(node.host, other.host) else { continue }
            if !other.isUp {
                // Every other time its host is gone with it, and nothing answers.
                if other.boots % 2 == 0 { portRefused(by: other.id, on: node) }
                continue
            }
            guard other.isRunning, other.swim != nil,
                other.metadata.members[node.id]?.state != .left
            else { continue }
            if let refusal = other.identity.boots.admit(node.id, node.stamp, isHeard: false) {
                return checker.fail(
                    "node \(node.number) restarts and node \(number) refuses it: \(refusal) (rule M4)")
            }
            node.identity.unseen = nil
            network.open(link)
            let led = leaderships(of: node)
            send([.leading(led)], from: node, to: other.id)
            linkOpened(to: other.id, on: node)
        }
    }

    /// The node that dialled notices that the link is dead.
    func linkEnds(_ link: SimulatedNetwork.Link) {
        guard network.close(link) else { return }
        count(.linkBreaks)
        let node = node(link.from)
        guard node.isUp else { return }
        let other = SimulatedNode.id(of: link.to)
        node.leaders.withdrawAll(from: other)
        linkClosed(to: other, on: node)
        linkBroken(to: other, on: node)
        pump(node)
    }

    /// The node's process is gone, and so are its links; the others notice a little later.
    func dropLinks(of node: SimulatedNode) {
        for link in network.openLinks(of: node.number) {
            if link.from == node.number {
                _ = network.close(link)
            } else {
                network.breakDown(link)
                schedule(.linkEnds(link), after: UInt64.random(in: 0...1_000_000, using: &random))
            }
        }
    }

    /// Links over a cut path end after a second of silence, in whichever direction it is cut: without
    /// acknowledgements the other one ends too.
    func silenceLinks(_ links: [SimulatedNetwork.Link]) {
        schedule(.silence(links), after: Self.silence)
    }

    func endSilentLinks(_ links: [SimulatedNetwork.Link]) {
        for hosts in links where !network.areConnected(hosts.from, hosts.to) {
            guard let one = self.hosts[hosts.from], let other = self.hosts[hosts.to] else { continue }
            linkEnds(SimulatedNetwork.Link(from: one, to: other))
            linkEnds(SimulatedNetwork.Link(from: other, to: one))
        }
    }
}

extension PeerFrame {
    /// Traffic that may be lost, doubled and overtaken.
    fileprivate var needsNoLink: Bool {
        switch self {
        case .raft, .heartbeat, .heartbeatAck: true
        // Driven until it is acknowledged, in any order.
        case .fanout, .fanoutAcks, .memberQueries, .memberSnapshots: true
        default: false
        }
    }
}

extension RaftStatus {
    fileprivate func isDifferent(from other: RaftStatus) -> Bool {
        (term, lastIndex, commit) != (other.term, other.lastIndex, other.commit) || role != other.role
            || leader != other.leader
    }
}
