import Chat
import ClientSession
import Consensus
import Vocabulary
import Wire

/// The chat side of one simulated node: the leaders' machines of the partitions it leads, its router, and the
/// sessions of its sockets. Interprets the machines as `Node/Shard`, `LoopRouter`, `SessionHub` and
/// `SessionKeeper` do. Lost with the process.
final class ChatShell {
    let node: NodeID
    let host: any ChatHost
    let limits: Limits
    let partitionCount: Int
    let bootEpoch: UInt64
    /// Of what is being handled.
    var now = Moment(tick: .zero, wall: .zero)

    // Leading.
    var led: [GroupID: LedPartition] = [:]
    var reads: [UInt64: (group: GroupID, origin: LedPartition.Origin, operation: Operation)] = [:]
    private var gate = StreamGate()
    private var withFanout: Set<GroupID> = []

    // Serving.
    var reachable: Set<NodeID> = []
    var router: OperationRouter
    var lastRequest: UInt64 = 0
    var completions: [UInt64: Completion] = [:]
    var sockets: [UInt64: Socket] = [:]
    var lastSocket: UInt64 = 0
    var foreground: Set<UInt64> = []
    var nextRefresh: Tick
    var nextRouterTick: Tick = .zero
    var lastRefreshAll: Tick = .zero
    var kept = KeptWatches()
    let rules: SessionRules

    // Notifications.
    let pushRules: PushMachine.Rules
    var pushes: [UInt64: RunningPush] = [:]
    var lastPush: UInt64 = 0

    // Out.
    var frames: [(to: NodeID, frame: PeerFrame)] = []
    var toDevices: [(connection: UInt64, DeviceBound)] = []
    var toProvider: [ProviderCall] = []
    private var ownFrames: [PeerFrame] = []

    init(
        node: NodeID, host: any ChatHost, partitionCount: Int, plan: ChatPlan, bootEpoch: Int, now: Tick
    ) {
        self.node = node
        self.host = host
        self.partitionCount = partitionCount
        self.bootEpoch = UInt64(bootEpoch)
        var limits = Limits()
        limits.fanoutDirectMax = plan.directMax
        limits.retentionMilliseconds = plan.retention
        self.limits = limits
        pushRules =
            plan.wakesDevices
            ? PushMachine.Rules(
                isEnabled: true, graceMilliseconds: 2_000, lifetimeMilliseconds: 24 * 3_600_000) : .off
        rules = SessionRules(limits: limits)
        router = OperationRouter(limits: limits, bootEpoch: self.bootEpoch)
        nextRefresh = now + 10_000
    }

    // MARK: Leadership

    /// The entry that opens this leader's term is applied: everything of earlier terms is in the state.
    func startLeading(_ group: GroupID, term: Term) {
        guard let partition = group.partition else { return }
        led[group] = LedPartition(
            term: term, partition: partition, partitionCount: partitionCount, limits: limits,
            push: pushRules)
        led[group]?.machines.started(host.reader(of: group), now: now.tick)
        withFanout.insert(group)
    }

    /// Whoever waits asks the next leader.
    func stopLeading(_ group: GroupID) {
        guard let partition = led.removeValue(forKey: group) else { return }
        for (_, origin) in partition.origins.sorted(by: { $0.key < $1.key }) {
            decline(origin, group, isInterrupted: true)
        }
        for (token, read) in reads.sorted(by: { $0.key < $1.key }) where read.group == group {
            reads[token] = nil
            decline(read.origin, group)
        }
    }

    /// Another node leads the group now.
    func leaderChanged(of group: GroupID) {
        route { $0.leaderChanged(of: group, now: now.tick, view: self, out: &$1) }
        if let partition = group.partition {
            for other in led.keys.sorted() {
                led[other]?.machines.conversations.leaderChanged(of: partition)
                withFanout.insert(other)
            }
        }
        renewSessions(of: group)
        repeatWatches(of: group)
    }

    // MARK: Operations

    private func take(
        _ operation: Operation, group: GroupID, origin: LedPartition.Origin, place: StreamPlace
    ) {
        guard gate.admits(place, from: source(of: origin, group)), led[group] != nil else {
            return decline(origin, group)
        }
        guard operation.mustConfirm(host.reader(of: group)) else {
            return carryOut(operation, group: group, origin: origin)
        }
        guard let token = host.confirmRead(group) else { return decline(origin, group) }
        reads[token] = (group, origin, operation)
    }

    /// Leadership is confirmed for a read, and the state is as new as it must be; `nil` when it was lost.
    func confirmed(_ token: UInt64, isLeader: Bool) {
        guard let read = reads.removeValue(forKey: token) else { return }
        guard isLeader, led[read.group] != nil else { return decline(read.origin, read.group) }
        carryOut(read.operation, group: read.group, origin: read.origin)
    }

    private func carryOut(_ operation: Operation, group: GroupID, origin: LedPartition.Origin) {
        guard let token = led[group]?.token(for: origin) else { return }
        let reader = host.reader(of: group)
        perform(led[group]?.machines.handle(token, operation, now: now, reader: reader) ?? [], group)
    }

    private func source(of origin: LedPartition.Origin, _ group: GroupID) -> StreamGate.Source {
        switch origin {
        case .own(let id): StreamGate.Source(node: node, request: id, group: group)
        case .peer(let peer, let id): StreamGate.Source(node: peer, request: id, group: group)
        }
    }

    /// This node does not lead the group, or not any more.
    private func decline(_ origin: LedPartition.Origin, _ group: GroupID, isInterrupted: Bool = false) {
        gate.declined(source(of: origin, group))
        answer(origin, isInterrupted ? .interrupted(hint: nil) : .notLeader(hint: nil))
    }

    private func answer(_ origin: LedPartition.Origin, _ answer: PeerAnswer) {
        switch origin {
        case .own(let id): ownFrames.append(.response(id: id, answer))
        case .peer(let peer, let id): frames.append((peer, .response(id: id, answer)))
        }
    }

    func perform(_ directives: [ChatDirective], _ group: GroupID) {
        for directive in directives {
            switch directive {
            case .propose(let command): propose(command, group)
            case .reply(let token, let result):
                if let origin = led[group]?.origins.removeValue(forKey: token) {
                    answer(origin, .result(result))
                }
            case .push(let peer, let push): post(.push([push]), to: peer)
            case .acknowledge(let ack):
                let partition = PartitionID.of(ack.conversation, count: partitionCount)
                if let leader = host.leaders.leader(of: GroupID(partition)) {
                    post(.fanoutAcks([ack]), to: leader)
                }
            case .askMembers(let query):
                let partition = PartitionID.of(query.conversation, count: partitionCount)
                if let leader = host.leaders.leader(of: GroupID(partition)) {
                    post(.memberQueries([query]), to: leader)
                }
            case .eraseMember(let request): perform(.eraseMember(request), .erasure(request, group))
            case .typing(let items):
                for item in items {
                    guard let leader = host.leaders.leader(of: GroupID(item.partition)) else { continue }
                    post(.typing([item]), to: leader)
                }
            case .notify(let job): order(job, group)
            case .seen, .covered, .presenceChanged:
                preconditionFailure("a partition merges \(directive) itself")
            }
        }
    }

    private func propose(_ command: Command, _ group: GroupID) {
        guard case .failure(let refusal) = host.propose(command, group: group) else { return }
        let isOverloaded = if case .overloaded = refusal { true } else { false }
        let word = Refusal(isOverloaded ? .overloaded : .unavailable, "not proposed")
        let directives = led[group]?.machines.refused(command, word, now: now.tick) ?? []
        if isOverloaded { return perform(directives, group) }
        // The leadership is going or gone: whoever waits asks the next leader.
        for case .reply(let token, _) in directives {
            if let origin = led[group]?.origins.removeValue(forKey: token) {
                decline(origin, group)
            }
        }
    }

    /// Outcomes of one entry, in the order of its commands.
    func applied(_ outcomes: [CommandOutcome], group: GroupID) {
        guard led[group] != nil else { return }
        let reader = host.reader(of: group)
        for outcome in outcomes {
            perform(led[group]?.machines.applied(outcome, now: now, reader: reader) ?? [], group)
        }
        withFanout.insert(group)
        sendCopies(of: group)
    }

    /// Members' flags for their conversations, wherever those are.
    private func sendCopies(of group: GroupID) {
        let copies =
            led[group]?.machines.users.takeCopies(now: now.tick, reader: host.reader(of: group)) ?? []
        for copy in copies { perform(.memberFlags([copy]), .flags([copy], group)) }
    }

    // MARK: Frames

    private func post(_ frame: PeerFrame, to peer: NodeID) {
        if peer == node { ownFrames.append(frame) } else { frames.append((peer, frame)) }
    }

    func receive(_ frame: PeerFrame, from peer: NodeID) {
        switch frame {
        case .request(let id, let place, let partition, let operation):
            let origin = peer == node ? LedPartition.Origin.own(id: id) : .peer(peer, id: id)
            take(operation, group: GroupID(partition), origin: origin, place: place)
        case .response(let id, let answer):
            route { $0.answered(id, answer, by: peer, now: now.tick, out: &$1) }
        case .fanout(let items): receive(items)
        case .fanoutAcks(let acks):
            for ack in acks {
                let group = GroupID(PartitionID.of(ack.conversation, count: partitionCount))
                led[group]?.machines.conversations.acknowledged(ack)
            }
        case .memberQueries(let queries): for query in queries { answer(query, to: peer) }
        case .memberSnapshots(let snapshots):
            for snapshot in snapshots {
                let group = GroupID(snapshot.partition)
                let directives = led[group]?.machines.users.received(
                    snapshot, now: now, reader: host.reader(of: group))
                perform(directives ?? [], group)
            }
        case .push(let pushes): deliver(pushes)
        case .typing(let items):
            for item in items {
                let group = GroupID(item.partition)
                perform(
                    led[group]?.machines.users.received(item, reader: host.reader(of: group)) ?? [], group)
            }
        default: break
        }
    }

    private func answer(_ query: MemberQuery, to peer: NodeID) {
        let group = GroupID(PartitionID.of(query.conversation, count: partitionCount))
        let snapshot = led[group]?.machines.conversations.members(
            query, now: now, reader: host.reader(of: group))
        if let snapshot { post(.memberSnapshots([snapshot]), to: peer) }
    }

    private func receive(_ items: [FanoutItem]) {
        var live = LiveBatch()
        for item in items {
            let group = GroupID(item.partition)
            let reader = host.reader(of: group)
            let directives = led[group]?.machines.users.received(item, now: now, reader: reader, live: &live)
            perform(directives ?? [], group)
        }
        for case .push(let peer, let push) in live.take() { post(.push([push]), to: peer) }
    }

    /// Sends what the last steps made; call after each, until it returns false.
    func settle() -> Bool {
        var items: [FanoutItem] = []
        for group in withFanout.sorted() {
            items += led[group]?.machines.conversations.takeFanout(now: now.tick) ?? []
        }
        withFanout.removeAll(keepingCapacity: true)
        send(items)
        let own = ownFrames
        ownFrames.removeAll(keepingCapacity: true)
        for frame in own { receive(frame, from: node) }
        return !own.isEmpty
    }

    /// What has no known leader is dropped here and driven again by the fan-out.
    private func send(_ items: [FanoutItem]) {
        var byPeer: [NodeID: [FanoutItem]] = [:]
        for item in items {
            guard let leader = host.leaders.leader(of: GroupID(item.partition)) else { continue }
            byPeer[leader, default: []].append(item)
        }
        for (peer, items) in byPeer.sorted(by: { $0.key < $1.key }) { post(.fanout(items), to: peer) }
    }

    // MARK: Links and time

    /// The link to a peer is new: what it must know, and who may have missed something.
    func linkOpened(to peer: NodeID) {
        reachable.insert(peer)
        for group in led.keys.sorted() { led[group]?.machines.users.lost(peer, now: now) }
        route { $0.linkOpened(now: now.tick, view: self, out: &$1) }
        refreshAll()
        repeatAllWatches()
    }

    func linkClosed(to peer: NodeID) {
        reachable.remove(peer)
        for group in led.keys.sorted() { led[group]?.machines.users.lost(peer, now: now) }
        route { $0.linkClosed(peer, now: now.tick, view: self, out: &$1) }
    }

    func tick(every milliseconds: UInt64) {
        // As the shard: machines of a partition every 60 ms.
        if now.tick.raw / 60 != (now.tick.raw - min(now.tick.raw, milliseconds)) / 60 {
            for group in led.keys.sorted() {
                let reader = host.reader(of: group)
                // Whoever has quiet hours has them all the time here.
                let due = led[group]?.machines.tick(now: now, reader: reader) { _, _ in true }
                guard let due else { continue }
                perform(due.directives, group)
                send(due.resends)
                sendCopies(of: group)
            }
        }
        tickServing()
    }
}

extension ChatShell: RouteView {
    func leader(of group: GroupID) -> NodeID? { host.leaders.leader(of: group) }
    func isReachable(_ peer: NodeID) -> Bool { peer == node || reachable.contains(peer) }
}
