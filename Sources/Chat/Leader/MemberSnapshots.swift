import Vocabulary
import Wire

/// The members of large groups in one users' partition, as its leader has them in memory: names the targets of
/// items that say only "all members".
///
/// An item whose members are not known, or only of an earlier epoch, waits, and all later ones of its
/// conversation behind it: sessions must hear of them in order. What is dropped here is driven again, because
/// nothing is acknowledged before its rows are committed. A later epoch does for an earlier item: who joined
/// since has a joining seq above its head, and who left since is named in the item that says so.
package struct MemberSnapshots: Sendable {
    /// Items of one conversation that may wait.
    static let heldMax = 64
    static let askAgainMilliseconds: UInt64 = 1_000
    static let idleMilliseconds: UInt64 = 60_000

    private var known: [ConversationID: Known] = [:]
    private var held: [ConversationID: Held] = [:]

    private struct Known: Sendable {
        var epoch: UInt64
        var members: [MemberSnapshot.Entry]
        var usedAt: Tick
    }

    private struct Held: Sendable {
        var items: [FanoutItem]
        var askedAt: Tick
    }

    package init() {}

    package var count: Int { known.count }

    /// The item with all its targets named; `nil` when it waits for `query` to be answered.
    package mutating func expand(
        _ item: FanoutItem, now: Tick, query: inout MemberQuery?
    ) -> FanoutItem? {
        if held[item.conversation] == nil, let expanded = expanded(item, now: now) { return expanded }
        if held[item.conversation] == nil {
            held[item.conversation] = Held(items: [], askedAt: now)
            query = Self.query(for: item)
        }
        held[item.conversation]?.items.append(item)
        // The later item says all that the first one did, but for its bodies: those are read.
        if (held[item.conversation]?.items.count ?? 0) > Self.heldMax {
            held[item.conversation]?.items.removeFirst()
        }
        return nil
    }

    private mutating func expanded(_ item: FanoutItem, now: Tick) -> FanoutItem? {
        guard let head = item.membersHead else { return item }
        #if MUTANTS
        let isAnyEpoch = Mutant.active == .snapshotStale
        #else
        let isAnyEpoch = false
        #endif
        guard let members = known[item.conversation], members.epoch >= item.memberEpoch || isAnyEpoch else {
            return nil
        }
        known[item.conversation]?.usedAt = now
        var item = item
        let named = Set(item.targets.map(\.user))
        for member in members.members where member.joinedSeq <= head && !named.contains(member.user) {
            var target = FanoutItem.Target(
                user: member.user, markOrdinal: .zero, read: .zero, isMember: true, head: head)
            target.first = member.joinedSeq
            item.targets.append(target)
        }
        return item
    }

    /// Takes an answer; the items that waited for it, in order, with their targets named.
    package mutating func take(
        _ snapshot: MemberSnapshot, now: Tick, query: inout MemberQuery?
    ) -> [FanoutItem] {
        if snapshot.epoch >= known[snapshot.conversation]?.epoch ?? 0 {
            known[snapshot.conversation] = Known(
                epoch: snapshot.epoch, members: snapshot.members, usedAt: now)
        }
        let waiting = held.removeValue(forKey: snapshot.conversation)?.items ?? []
        return waiting.compactMap { expand($0, now: now, query: &query) }
    }

    /// What was asked and not answered; call once a second. Forgets members that nobody asked for in a while.
    package mutating func tick(now: Tick) -> [MemberQuery] {
        known = known.filter { now.since($0.value.usedAt) < Self.idleMilliseconds }
        return held.keys.sorted().compactMap { id in
            guard let waiting = held[id], now.since(waiting.askedAt) >= Self.askAgainMilliseconds else {
                return nil
            }
            held[id]?.askedAt = now
            return waiting.items.last.map { Self.query(for: $0) }
        }
    }

    private static func query(for item: FanoutItem) -> MemberQuery {
        MemberQuery(conversation: item.conversation, partition: item.partition, epoch: item.memberEpoch)
    }
}
