import Vocabulary
import Wire

extension FanoutMachine {
    /// What the targets of one conversation have not acknowledged.
    struct Outstanding: Sendable {
        var header: Header
        var pending: [PartitionID: Pending] = [:]
        /// Partitions that the change being taken touched and that are not yet in the queue.
        var unqueued: Set<PartitionID> = []
        /// Of a large group: senders of something after this seq are still to be told counts.
        var uncountedAfter: Seq?
        var isDone: Bool { pending.isEmpty && uncountedAfter == nil }

        init(_ change: ConversationChange) { header = Header(change) }

        subscript(partition: PartitionID) -> Pending {
            get { pending[partition] ?? Pending() }
            _modify {
                var value = pending.removeValue(forKey: partition) ?? Pending()
                defer {
                    if !value.isQueued { unqueued.insert(partition) }
                    pending[partition] = value
                }
                yield &value
            }
        }

        /// Adds those of `users` whom the change concerns; their own marks have not moved.
        mutating func add(
            _ users: [UserID], _ change: ConversationChange, _ roster: GroupRoster, to partition: PartitionID
        ) {
            let concerned = users.filter { user in
                roster.members[user].map { change.concerns($0) } ?? false
            }
            guard !concerned.isEmpty else { return }
            self[partition].add(concerned.compactMap { roster.members[$0] }, change)
        }

        /// Adds all members in every partition that has some, without naming them: whoever leads it knows them.
        mutating func addMembers(_ change: ConversationChange, _ roster: GroupRoster) {
            for (partition, _) in roster.byPartition { self[partition].addMembers(change) }
            // A change of what is there may concern who hides the head; a new message hides it no more.
            guard change.message == nil else { return }
            for member in roster.members.values where member.hides(head: change.head) {
                let partition = PartitionID.of(member.user, count: roster.partitionCount)
                if change.concerns(member) { self[partition].add([member], change) }
            }
        }

        mutating func becomeRepair() {
            for partition in pending.keys { pending[partition]?.becomeRepair() }
        }
    }

    /// The conversation's side of every item: the latest of each field.
    struct Header: Sendable {
        var kind: ConversationKind
        var pair: [UserID]
        var title: String
        var memberEpoch: UInt64
        var head: Seq
        var rev: Rev
        var headOrdinal: Ordinal
        var lastAt: Timestamp
        var preview: String
        var previewRev: Rev

        init(_ change: ConversationChange) {
            kind = change.kind
            pair = change.pair
            title = change.title
            memberEpoch = change.memberEpoch
            head = change.head
            rev = change.rev
            headOrdinal = change.headOrdinal
            lastAt = change.lastAt
            preview = change.preview
            previewRev = change.previewRev
        }

        mutating func merge(_ change: ConversationChange) {
            title = change.title
            memberEpoch = change.memberEpoch
            head = max(head, change.head)
            rev = max(rev, change.rev)
            headOrdinal = max(headOrdinal, change.headOrdinal)
            lastAt = max(lastAt, change.lastAt)
            if change.previewRev > previewRev {
                preview = change.preview
                previewRev = change.previewRev
            }
        }
    }

    /// What one partition has not acknowledged: everything, so that one acknowledgement covers it all.
    struct Pending: Sendable {
        var rev: Rev = .zero
        var targets: [UserID: FanoutItem.Target] = [:]
        /// Set when all members in the partition are targets: the head they may see.
        var membersHead: Seq?
        /// Bodies not sent yet.
        var messages: [MessageRecord] = []
        /// Receipts, the latest per member and kind.
        var statuses: [StatusKey: StatusEvent] = [:]
        /// Changes of messages, the latest per message, kind and user.
        var updates: [UpdateKey: UpdateEvent] = [:]
        /// Driven by a new leader, which does not know the receipts of before, or more than is kept: until that
        /// is acknowledged everything stays back, so that sessions read what they lack instead of believing to
        /// have all before something that came.
        var isRepair = false
        var isQueued = false
        var dueAt: Tick = .zero
        var attempts: UInt64 = 0

        mutating func add(_ target: FanoutItem.Target, _ change: ConversationChange) {
            merge(target)
            note(change)
        }

        mutating func addMembers(_ change: ConversationChange) {
            membersHead = max(membersHead ?? .zero, change.head)
            note(change)
        }

        mutating func add(_ members: [ConversationMember], _ change: ConversationChange) {
            for member in members {
                var target = FanoutItem.Target(
                    user: member.user, markOrdinal: .zero, read: .zero, isMember: true, head: change.head)
                target.first = member.firstDelivered
                target.cleared = member.cleared
                target.isHeadHidden = member.hides(head: change.head)
                merge(target)
            }
            note(change)
        }

        /// A sender's counts as of `rev`.
        mutating func add(_ target: FanoutItem.Target, asOf rev: Rev) {
            merge(target)
            attempts = 0
            self.rev = max(self.rev, rev)
        }

        private mutating func merge(_ target: FanoutItem.Target) {
            guard var known = targets[target.user] else {
                targets[target.user] = target
                return
            }
            known.markOrdinal = max(known.markOrdinal, target.markOrdinal)
            known.read = max(known.read, target.read)
            known.isMember = target.isMember
            if target.head >= known.head {
                known.isHeadHidden = target.isHeadHidden
                known.first = target.first
            }
            known.head = max(known.head, target.head)
            known.counts = target.counts ?? known.counts
            known.cleared = max(known.cleared, target.cleared)
            targets[target.user] = known
        }

        private mutating func note(_ change: ConversationChange) {
            attempts = 0
            // Several targets of one change share the partition.
            if rev == change.rev { return }
            rev = change.rev
            if isRepair { return }
            if let message = change.message { messages.append(message) }
            for status in change.statuses { statuses[StatusKey(status)] = status }
            for update in change.updates { updates[UpdateKey(update)] = update }
            if updates.count > Self.updatesMax { becomeRepair() }
        }

        /// What nobody acknowledges must not grow: beyond this many changes sessions read them.
        private static let updatesMax = 512

        mutating func becomeRepair() {
            isRepair = true
            messages = []
            statuses = [:]
            updates = [:]
        }

        mutating func take(
            _ header: Header, _ conversation: ConversationID, _ partition: PartitionID, now: Tick
        ) -> FanoutItem {
            defer {
                messages = []
                isQueued = false
                dueAt = now + (1_000 << min(attempts, 3))
                attempts += 1
            }
            var item = FanoutItem(
                partition: partition, conversation: conversation, kind: header.kind, pair: header.pair,
                title: header.title, memberEpoch: header.memberEpoch, rev: rev,
                headOrdinal: header.headOrdinal,
                lastAt: header.lastAt, preview: header.preview,
                targets: namedTargets, messages: messages,
                statuses: statuses.values.sorted { ($0.rev, $0.user) < ($1.rev, $1.user) })
            item.updates = updates.values.sorted { $0.rev < $1.rev }
            item.previewRev = header.previewRev
            item.membersHead = membersHead
            return item
        }

        /// Who is named is one of the members as well: what all may see, it may see.
        private var namedTargets: [FanoutItem.Target] {
            var named = targets.values.sorted { $0.user < $1.user }
            if isRepair { for place in named.indices { named[place].counts = nil } }
            guard let membersHead else { return named }
            for place in named.indices where named[place].isMember && named[place].head < membersHead {
                named[place].head = membersHead
                named[place].isHeadHidden = false
            }
            return named
        }
    }
}

/// Whose receipt of which kind: of two, the later one says it all.
struct StatusKey: Hashable, Sendable {
    var user: UserID
    var status: ReceiptStatus

    init(_ event: StatusEvent) {
        user = event.user
        status = event.status
    }
}

extension FanoutItem.Target {
    init(_ member: ConversationMember, head: Seq) {
        self.init(
            user: member.user, markOrdinal: member.markOrdinal, read: member.read, isMember: member.isMember,
            head: member.lastVisible(head: head))
        first = member.firstDelivered
        cleared = member.cleared
        isHeadHidden = member.hides(head: head)
    }
}

extension ConversationMember {
    fileprivate func hides(head: Seq) -> Bool { hiddenHead == head && head > .zero }
}

extension ConversationChange {
    /// Whether the change is news for a member whose own row it did not write. The roster may be ahead of the
    /// change: who joined later must not see it, who left later must.
    fileprivate func concerns(_ member: ConversationMember) -> Bool {
        guard member.joinedSeq <= head, member.isMember || member.leftSeq >= head else { return false }
        switch audience {
        case .none, .countedAfter: return false
        case .everyone: return true
        case .sendersAfter(let seq):
            return member.lastSent > seq && !statuses.contains { $0.user == member.user }
        }
    }
}
