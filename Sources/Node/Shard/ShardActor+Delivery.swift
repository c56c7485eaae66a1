import Chat
import Consensus
import Observability
import Vocabulary
import Wire

/// What leaves a turn for sessions and other leaders, gathered so that each node gets one frame of a kind.
struct OutgoingDeliveries {
    var pushes: [(NodeID, SessionPush)] = []
    var acks: [FanoutAck] = []
    var queries: [MemberQuery] = []
}

extension ShardActor {
    /// Ticks between two looks at what the machines have due.
    private static let flushTicks: UInt64 = 3
    private static let slowTicks: UInt64 = 50

    // MARK: Receiving from conversations' leaders

    func receive(fanout items: [FanoutItem], from node: NodeID) {
        if let newest = items.lazy.compactMap(\.messages.last).last {
            let lag = clock.timestamp().milliseconds - newest.timestamp.milliseconds
            metrics.inboxLag.set(Int(max(0, lag)))
        }
        let now = moment()
        var live = LiveBatch()
        for item in items {
            let group = GroupID(item.partition)
            guard let leading = groups[group]?.leading else { continue }
            let reader = reader(group)
            perform(
                leading.machines.users.received(item, now: now, reader: reader, live: &live), in: leading)
            sendCopies(leading, now: now.tick)
        }
        for case .push(let node, let push) in live.take() { outgoing.pushes.append((node, push)) }
    }

    /// Who the members of large groups are: items have waited for it.
    func receive(_ snapshots: [MemberSnapshot]) {
        let now = moment()
        for snapshot in snapshots {
            let group = GroupID(snapshot.partition)
            guard let leading = groups[group]?.leading else { continue }
            let reader = reader(group)
            perform(leading.machines.users.received(snapshot, now: now, reader: reader), in: leading)
            sendCopies(leading, now: now.tick)
        }
    }

    /// For the leaders of users' partitions that have an item for all members of a large group.
    func answer(_ queries: [MemberQuery], to node: NodeID) {
        guard let metadata else { return }
        let now = moment()
        let snapshots = queries.compactMap { query -> MemberSnapshot? in
            let group = GroupID.of(query.conversation, metadata.partitionCount)
            let reader = reader(group)
            return groups[group]?.leading?.machines.conversations.members(query, now: now, reader: reader)
        }
        if !snapshots.isEmpty { ports.send(snapshots: snapshots, to: node) }
    }

    func receive(typing items: [TypingItem]) {
        for item in items {
            let group = GroupID(item.partition)
            guard let leading = groups[group]?.leading else { continue }
            perform(leading.machines.users.received(item, reader: reader(group)), in: leading)
        }
        schedulePump()
    }

    func receive(acks: [FanoutAck]) {
        guard let metadata else { return }
        for ack in acks {
            let group = GroupID.of(ack.conversation, metadata.partitionCount)
            groups[group]?.leading?.machines.conversations.acknowledged(ack)
        }
    }

    /// A partition has a new leader: what it has not acknowledged goes there.
    func leaderChanged(of group: GroupID) {
        guard let partition = group.partition else { return }
        for (id, hosted) in groups.sorted(by: { $0.key < $1.key }) {
            guard let leading = hosted.leading else { continue }
            leading.machines.conversations.leaderChanged(of: partition)
            withFanout.insert(id)
        }
    }

    /// Sessions behind a broken link register again, with where they stand: a push that was lost must not be
    /// stepped over.
    func peerLost(_ node: NodeID) {
        let now = moment()
        for (_, hosted) in groups.sorted(by: { $0.key < $1.key }) {
            guard let leading = hosted.leading else { continue }
            leading.machines.users.lost(node, now: now)
        }
    }

    // MARK: Sending

    /// The last step of a turn.
    func flushLeaderOutputs() {
        let now = clock.tick()
        var items: [FanoutItem] = []
        for group in withFanout.sorted() {
            items += groups[group]?.leading?.machines.conversations.takeFanout(now: now) ?? []
        }
        withFanout.removeAll(keepingCapacity: true)
        if !items.isEmpty { ports.send(fanout: items) }
        if !outgoing.pushes.isEmpty { ports.send(pushes: outgoing.pushes) }
        if !outgoing.acks.isEmpty, let metadata {
            let count = metadata.partitionCount
            ports.send(acks: outgoing.acks) { .of($0.conversation, count) }
        }
        if !outgoing.queries.isEmpty, let metadata {
            let count = metadata.partitionCount
            ports.send(queries: outgoing.queries) { .of($0.conversation, count) }
        }
        outgoing = OutgoingDeliveries()
    }

    /// Each partition has a phase of its own: all at once would be a burst of work that every message behind it
    /// waits for.
    func tickLeaders(now: Tick) {
        let shards = UInt64(ports.shards.count)
        for group in groups.keys.sorted() {
            guard let leading = groups[group]?.leading else { continue }
            let phase = ticks + UInt64(group.raw) / shards
            if phase % Self.flushTicks == 0 { tick(leading) }
        }
        guard ticks % Self.slowTicks == 0 else { return }
        expireSnapshots(now: now)
        balanceLeaders()
        if index == 0 { ports.reannounce() }
    }

    private func tick(_ leading: LeadingPartition) {
        let now = moment()
        let due = leading.machines.tick(now: now, reader: reader(leading.group)) { $0.isOn(at: $1) }
        perform(due.directives, in: leading)
        if !due.resends.isEmpty { ports.send(fanout: due.resends) }
        sendCopies(leading, now: now.tick)
    }
}

extension GroupID {
    static func of(_ conversation: ConversationID, _ count: Int) -> GroupID {
        GroupID(.of(conversation, count: count))
    }
}
