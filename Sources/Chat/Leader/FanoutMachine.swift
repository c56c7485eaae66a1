import Placement
import Vocabulary
import Wire

/// Drives committed changes of one led partition's conversations into the users' inboxes, at least once and
/// without a queue: what is kept is, per conversation and target partition, the merged state that it has not
/// acknowledged.
///
/// Bodies travel once: they are for live sessions, and a lost one is read from the conversation. Receipts
/// travel until they are acknowledged, so whoever has a change of some rev has all receipts before it.
/// Small groups name their targets. Of large ones only those are named whose own part changed; the receiving
/// leader knows the others from a snapshot of the members, so that a message costs the number of partitions and
/// not of members.
package struct FanoutMachine: Sendable {
    private let partitionCount: Int
    private let directMax: Int
    var outstanding: [ConversationID: Outstanding] = [:]
    /// Large groups with receipts that their senders were not told the counts of.
    var uncounted: Set<ConversationID> = []
    /// When the next counts of a group may go out.
    var countsDue: [ConversationID: Tick] = [:]
    /// What has news to send, in the order it came.
    private var fresh: [Place] = []
    /// Conversations whose targets have all acknowledged; written down lazily.
    var finished: [ConversationID: Rev] = [:]

    private struct Place: Hashable, Sendable {
        var conversation: ConversationID
        var partition: PartitionID
    }

    /// - Parameter directMax: members of a group that are named.
    package init(partitionCount: Int, directMax: Int = Limits().fanoutDirectMax) {
        self.partitionCount = partitionCount
        self.directMax = directMax
    }

    /// Whether every target has acknowledged everything, as far as this leader knows.
    package var isQuiet: Bool { outstanding.isEmpty }
    /// Conversations that some target has not acknowledged.
    package var outstandingCount: Int { outstanding.count }

    /// Takes a committed change.
    ///
    /// - Parameter roster: a group's members; `nil` for a direct conversation.
    package mutating func committed(_ change: ConversationChange, roster: GroupRoster?) {
        finished[change.conversation] = nil
        // Taken out, so that it is changed in place.
        var entry = outstanding.removeValue(forKey: change.conversation) ?? Outstanding(change)
        entry.header.merge(change)
        for member in change.members {
            let partition = PartitionID.of(member.user, count: partitionCount)
            entry[partition].add(FanoutItem.Target(member, head: change.head), change)
        }
        if case .countedAfter(let seq) = change.audience {
            entry.uncountedAfter = min(entry.uncountedAfter ?? seq, seq)
            uncounted.insert(change.conversation)
        } else if let roster, change.audience == .everyone, change.memberCount > directMax {
            entry.addMembers(change, roster)
        } else if let roster, change.audience != .none {
            let named = Set(change.members.map(\.user))
            for (partition, users) in roster.byPartition {
                entry.add(users.filter { !named.contains($0) }, change, roster, to: partition)
            }
        }
        if entry.isDone {
            finished[change.conversation] = entry.header.rev
            return
        }
        queue(&entry, change.conversation)
        outstanding[change.conversation] = entry
    }

    /// Begins as leader: every conversation that may have unacknowledged targets is driven again, rows
    /// without bodies.
    package mutating func resume<View: StateView>(_ reader: ChatReader<View>) {
        #if MUTANTS
        if Mutant.active == .outboxForgotten { return }
        #endif
        for id in reader.dirtyConversations() {
            guard let record = reader.conversation(id) else { continue }
            let last = reader.view.message(id, record.head, hash60: record.hash60)
            let members = reader.members(of: id)
            var change = ConversationChange(id, record, message: last, members: members, audience: .none)
            if record.isHeadGone { change.showsNothing(of: record) }
            committed(change, roster: nil)
            outstanding[id]?.becomeRepair()
        }
    }

    /// Another node leads a target partition now: what it has not acknowledged goes out again at the next
    /// tick.
    package mutating func leaderChanged(of partition: PartitionID) {
        for id in outstanding.keys.sorted() where outstanding[id]?.pending[partition] != nil {
            outstanding[id]?.pending[partition]?.dueAt = .zero
        }
    }

    /// A target partition has committed its rows.
    package mutating func acknowledged(_ ack: FanoutAck) {
        guard let pending = outstanding[ack.conversation]?.pending[ack.partition], ack.rev >= pending.rev
        else {
            return
        }
        outstanding[ack.conversation]?.pending[ack.partition] = nil
        #if MUTANTS
        if Mutant.active == .outboxScalar { outstanding[ack.conversation]?.pending = [:] }
        #endif
        if outstanding[ack.conversation]?.isDone == true {
            finished[ack.conversation] = outstanding.removeValue(forKey: ack.conversation)?.header.rev
        }
    }

    /// News to send now, each place once.
    package mutating func takeItems(now: Tick) -> [FanoutItem] {
        let places = fresh
        fresh.removeAll(keepingCapacity: true)
        return places.compactMap { take($0, now: now) }
    }

    /// What nobody acknowledged in time: after 1 s, then twice as long, at most 8 s.
    package mutating func takeResends(now: Tick) -> [FanoutItem] {
        #if MUTANTS
        if Mutant.active == .resendSkipped { return [] }
        #endif
        var due: [Place] = []
        for (id, entry) in outstanding {
            for (partition, pending) in entry.pending where !pending.isQueued && pending.dueAt <= now {
                due.append(Place(conversation: id, partition: partition))
            }
        }
        due.sort { ($0.conversation, $0.partition) < ($1.conversation, $1.partition) }
        return due.compactMap { take($0, now: now) }
    }

    /// Conversations that are clean now; lose them, and a later leader drives a little more than it must.
    package mutating func takeProgress() -> [FanoutMark] {
        let marks = finished.keys.sorted().compactMap { id in
            finished[id].map { FanoutMark(conversation: id, rev: $0) }
        }
        finished.removeAll(keepingCapacity: true)
        return marks
    }

    mutating func queue(_ entry: inout Outstanding, _ id: ConversationID) {
        for partition in entry.unqueued.sorted() {
            entry.pending[partition]?.isQueued = true
            fresh.append(Place(conversation: id, partition: partition))
        }
        entry.unqueued.removeAll()
    }

    private mutating func take(_ place: Place, now: Tick) -> FanoutItem? {
        guard let header = outstanding[place.conversation]?.header else { return nil }
        return outstanding[place.conversation]?.pending[place.partition]?
            .take(header, place.conversation, place.partition, now: now)
    }
}
