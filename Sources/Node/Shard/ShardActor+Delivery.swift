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
    /// Receipts, rows and positions are proposed this often, one batch per partition.
    private static let flushTicks: UInt64 = 3
    private static let slowTicks: UInt64 = 50

    // MARK: Receiving from conversations' leaders

    func receive(fanout items: [FanoutItem], from node: NodeID) {
        let now = clock.tick()
        if let newest = items.lazy.compactMap(\.messages.last).last {
            let lag = clock.timestamp().milliseconds - newest.timestamp.milliseconds
            metrics.inboxLag.set(Int(max(0, lag)))
        }
        var live: [LivePush] = []
        var before: FanoutItem?
        for item in items {
            guard let leading = groups[GroupID(item.partition)]?.leading else { continue }
            var query: MemberQuery?
            let expanded = leading.snapshots.expand(item, now: now, query: &query)
            if let query { outgoing.queries.append(query) }
            guard let expanded else { continue }
            // What says the same to several partitions leaves as one push per node with sessions.
            if let last = before, !last.hasContent(of: item) { push(&live) }
            before = item
            live += pushes(expanded, in: leading)
            leading.inbox.merge(expanded, now: now)
            met(expanded, in: leading, now: now)
        }
        push(&live)
    }

    private func push(_ live: inout [LivePush]) {
        for case .push(let node, let push) in live.merged { outgoing.pushes.append((node, push)) }
        live = []
    }

    /// Who the members of large groups are: items have waited for it.
    func receive(_ snapshots: [MemberSnapshot]) {
        let now = clock.tick()
        for snapshot in snapshots {
            guard let leading = groups[GroupID(snapshot.partition)]?.leading else { continue }
            var query: MemberQuery?
            for item in leading.snapshots.take(snapshot, now: now, query: &query) {
                var live = pushes(item, in: leading)
                push(&live)
                leading.inbox.merge(item, now: now)
            }
            if let query { outgoing.queries.append(query) }
        }
    }

    /// For the leaders of users' partitions that have an item for all members of a large group.
    func answer(_ queries: [MemberQuery], to node: NodeID) {
        guard let metadata else { return }
        let now = clock.tick()
        let snapshots = queries.compactMap { query -> MemberSnapshot? in
            let group = GroupID.of(query.conversation, metadata.partitionCount)
            guard let leading = groups[group]?.leading else { return nil }
            let reader = reader(group)
            let roster = groupActor(query.conversation, in: leading).assumeIsolated {
                $0.roster(reader: reader, partitionCount: metadata.partitionCount, now: now)
            }
            return roster.snapshot(query)
        }
        if !snapshots.isEmpty { ports.send(snapshots: snapshots, to: node) }
    }

    /// Live sessions hear at once; the rows follow by the log.
    private func pushes(_ item: FanoutItem, in leading: LeadingPartition) -> [LivePush] {
        var live: [LivePush] = []
        for target in item.targets {
            guard let actor = leading.users[target.user] else { continue }
            let positions = positions(of: target.user, in: leading)
            let reader = reader(leading.group)
            let pending = leading.inbox.row(of: target.user, in: item.conversation)
            live += actor.assumeIsolated {
                $0.receive(
                    item, target,
                    before: { pending ?? reader.inboxRow(target.user, item.conversation) },
                    positions: positions)
            }
        }
        return live
    }

    func receive(acks: [FanoutAck]) {
        guard let metadata else { return }
        for ack in acks {
            let group = GroupID.of(ack.conversation, metadata.partitionCount)
            groups[group]?.leading?.fanout.acknowledged(ack)
        }
    }

    /// A partition has a new leader: what it has not acknowledged goes there.
    func leaderChanged(of group: GroupID) {
        guard let partition = group.partition else { return }
        for (id, hosted) in groups.sorted(by: { $0.key < $1.key }) {
            guard let leading = hosted.leading else { continue }
            leading.fanout.leaderChanged(of: partition)
            withFanout.insert(id)
        }
    }

    /// Sessions behind a broken link register again, with where they stand: a push that was lost must not be
    /// stepped over.
    func peerLost(_ node: NodeID) {
        let now = moment()
        for (_, hosted) in groups.sorted(by: { $0.key < $1.key }) {
            guard let leading = hosted.leading else { continue }
            for actor in leading.users.values {
                perform(actor.assumeIsolated { $0.lost(node, now: now) }, in: leading)
            }
            leading.board.lost(node)
        }
    }

    // MARK: Sending

    /// The last step of a turn.
    func flushLeaderOutputs() {
        let now = clock.tick()
        var items: [FanoutItem] = []
        for group in withFanout.sorted() {
            if let leading = groups[group]?.leading { items += leading.fanout.takeItems(now: now) }
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
            if phase % Self.flushTicks == 0 { flushBatches(leading, phase: phase, now: now) }
            if phase % Self.slowTicks == 0 { tidy(leading, now: now) }
        }
        guard ticks % Self.slowTicks == 0 else { return }
        expireSnapshots(now: now)
        balanceLeaders()
        if index == 0 { ports.reannounce() }
    }

    private func flushBatches(_ leading: LeadingPartition, phase: UInt64, now: Tick) {
        tellPrivacy(leading, now: now)
        if !leading.withReceipts.isEmpty { proposeReceipts(leading) }
        tellCounts(leading, now: now)
        takePushes(leading, now: moment())
        if let rows = leading.inbox.takeBatch(now: now) { propose(.inboxBatch(rows), in: leading) }
        if !leading.acks.isEmpty && phase % (Self.flushTicks * 4) == 0 {
            for command in leading.acks.takeCommands(now: clock.timestamp()) { propose(command, in: leading) }
        }
    }

    /// To the senders in large groups, how many members have their messages.
    private func tellCounts(_ leading: LeadingPartition, now: Tick) {
        for id in leading.fanout.dueCounts(now: now) {
            guard let roster = roster(of: id, in: leading) else { continue }
            leading.fanout.count(id, roster)
            withFanout.insert(leading.group)
        }
    }

    private func roster(of id: ConversationID, in leading: LeadingPartition) -> GroupRoster? {
        guard let metadata else { return nil }
        let reader = reader(leading.group)
        let now = clock.tick()
        return groupActor(id, in: leading).assumeIsolated {
            $0.roster(reader: reader, partitionCount: metadata.partitionCount, now: now)
        }
    }

    /// A page of what a device lacks.
    func caughtUp(
        _ query: CatchUpQuery, in leading: LeadingPartition, _ reader: Reader
    ) -> Result<CatchUpPage, Refusal> {
        reader.catchUp(query) { roster(of: query.conversation, in: leading) }
    }

    private func proposeReceipts(_ leading: LeadingPartition) {
        let reader = reader(leading.group)
        var marks: [ReceiptMark] = []
        for id in leading.withReceipts.sorted() {
            guard let actor = leading.conversations[id] else { continue }
            let (taken, answers) = actor.assumeIsolated { $0.takeReceipts(reader: reader) }
            marks += taken
            perform(answers, in: leading)
        }
        leading.withReceipts.removeAll(keepingCapacity: true)
        if !marks.isEmpty {
            propose(.receipts(ReceiptBatch(at: clock.timestamp(), marks: marks)), in: leading)
        }
    }

    /// Once a second: repeats what was not acknowledged, notes what was, and lets idle actors go.
    private func tidy(_ leading: LeadingPartition, now: Tick) {
        perform(leading.erasure.take(now: now, reader: reader(leading.group)), in: leading)
        let items = leading.fanout.takeResends(now: now)
        if !items.isEmpty { ports.send(fanout: items) }
        let progress = leading.fanout.takeProgress()
        if !progress.isEmpty { propose(.fanoutProgress(progress), in: leading) }
        outgoing.queries += leading.snapshots.tick(now: now)
        let moment = moment()
        if let expiry = leading.expiry.take(now: moment.wall, reader: reader(leading.group)) {
            propose(expiry, in: leading)
        }
        perform(leading.privacy.tick(now: now), in: leading)
        for (user, actor) in leading.users {
            perform(actor.assumeIsolated { $0.expire(now: moment) }, in: leading)
            if actor.assumeIsolated({ $0.isIdle }) { leading.users[user] = nil }
        }
        let idle = limits.actorIdleMilliseconds
        for (id, actor) in leading.conversations
        where actor.assumeIsolated({ $0.isIdle(now: now, after: idle) }) {
            leading.conversations[id] = nil
        }
        for (id, actor) in leading.groups where actor.assumeIsolated({ $0.isIdle(now: now, after: idle) }) {
            leading.groups[id] = nil
        }
    }
}

extension GroupID {
    static func of(_ conversation: ConversationID, _ count: Int) -> GroupID {
        GroupID(.of(conversation, count: count))
    }
}
