import Vocabulary
import Wire

/// Receipts of large groups: not each member's to each sender, but once in a while to each sender how many have its
/// last message. Until that is acknowledged the conversation counts as not fanned out, so that a new leader
/// has senders read what the old one owed.
extension FanoutMachine {
    /// Receipts that come within this time are told in one.
    static let countsDelayMilliseconds: UInt64 = 250
    /// Of one group, senders are told at most this often.
    static let countsIntervalMilliseconds: UInt64 = 1_000

    /// Groups whose senders are to be told now; hand the members of each in with `count`.
    package mutating func dueCounts(now: Tick) -> [ConversationID] {
        guard !uncounted.isEmpty || !countsDue.isEmpty else { return [] }
        var due: [ConversationID] = []
        for id in uncounted.sorted() {
            if countsDue[id] == nil { countsDue[id] = now + Self.countsDelayMilliseconds }
            guard let at = countsDue[id], at <= now else { continue }
            due.append(id)
            uncounted.remove(id)
            countsDue[id] = now + Self.countsIntervalMilliseconds
        }
        countsDue = countsDue.filter { $0.value > now || uncounted.contains($0.key) }
        return due
    }

    /// Takes a group's members; call `takeItems` afterwards.
    package mutating func count(_ id: ConversationID, _ roster: GroupRoster) {
        guard let after = outstanding[id]?.uncountedAfter, var entry = outstanding.removeValue(forKey: id)
        else { return }
        entry.uncountedAfter = nil
        let header = entry.header
        let tally = ReceiptTally(roster.members.values)
        for sender in roster.members.values where sender.isMember && sender.lastSent > after {
            guard let counts = tally.counts(for: sender, in: id, rev: header.rev), counts.delivered > 0 else {
                continue
            }
            var target = FanoutItem.Target(sender, head: header.head)
            target.counts = counts
            entry[.of(sender.user, count: roster.partitionCount)].add(target, asOf: header.rev)
        }
        if entry.isDone {
            finished[id] = header.rev
        } else {
            queue(&entry, id)
            outstanding[id] = entry
        }
    }
}

/// How many members have a message, for any message, from one look at all of them.
package struct ReceiptTally: Sendable {
    private let delivered: [Seq]
    private let read: [Seq]
    private let joined: [Seq]
    private let left: [Seq]

    package init(_ members: some Collection<ConversationMember>) {
        delivered = members.map(\.delivered).sorted()
        read = members.map(\.read).sorted()
        joined = members.map(\.joinedSeq).sorted()
        left = members.filter { !$0.isMember }.map(\.leftSeq).sorted()
    }

    /// Of the sender's last message; `nil` when it has sent none since it joined. The numbers are those of
    /// `ChatReader.info`.
    package func counts(
        for sender: ConversationMember, in id: ConversationID, rev: Rev
    ) -> ReceiptCounts? {
        let seq = sender.lastSent
        guard seq > .zero, seq >= sender.joinedSeq else { return nil }
        // To who joined later everything before counts as delivered and read.
        let later = joined.count(from: seq.next)
        return ReceiptCounts(
            conversation: id, messageID: MessageID(hash60: id.placementHash >> 4, seq: seq), seq: seq,
            delivered: delivered.count(from: seq) - later - (sender.delivered >= seq ? 1 : 0),
            read: read.count(from: seq) - later - (sender.read >= seq ? 1 : 0),
            members: joined.count - later - (left.count - left.count(from: seq)) - 1, rev: rev)
    }
}

extension [Seq] {
    /// How many of the ascending seqs are at or above `seq`.
    fileprivate func count(from seq: Seq) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < seq { low = middle + 1 } else { high = middle }
        }
        return endIndex - low
    }
}
