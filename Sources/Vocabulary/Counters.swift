/// A counter of one kind; arithmetic is only what each kind means.
package protocol Counter64: Hashable, Sendable, Comparable, CustomStringConvertible {
    var raw: UInt64 { get }
    init(_ raw: UInt64)
}

extension Counter64 {
    package var description: String { String(raw) }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
    /// The value after this one.
    package var next: Self { Self(raw + 1) }
    /// The value before this one; zero stays zero.
    package var previous: Self { Self(raw == 0 ? 0 : raw - 1) }
    /// The value `count` places after this one.
    package func advanced(by count: Int) -> Self { Self(raw + UInt64(count)) }
    /// How many places `self` is after `other`; zero when it is not after it.
    package func distance(after other: Self) -> Int { raw <= other.raw ? 0 : Int(raw - other.raw) }
}

/// A Raft term (Ongaro's thesis, section 3.3).
package struct Term: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = Term(0)
}

/// A place in one group's log; the first entry has index 1.
package struct LogIndex: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = LogIndex(0)
}

/// One incarnation of a replica of a group on a node; never used twice (rule M3). Zero means none.
package struct ReplicaID: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let none = ReplicaID(0)
}

/// A message's place in its conversation: 1, 2, 3, ... without gaps. Zero means before the first.
package struct Seq: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = Seq(0)
}

/// Counts every committed change of a conversation that a member can see.
package struct Rev: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = Rev(0)
}

/// Counts user messages only (system messages have a seq and no ordinal of their own); unread is a
/// difference of ordinals.
package struct Ordinal: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = Ordinal(0)
}

/// A user's inbox version: +1 with every change of any of its rows.
package struct InboxVersion: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = InboxVersion(0)
}

/// The version of the cluster's committed metadata: +1 with every change (compare-and-set key).
package struct Epoch: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = Epoch(0)
}

/// One of P equal hash partitions, 0..<P.
package struct PartitionID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let raw: UInt32
    package init(_ raw: UInt32) { self.raw = raw }
    package var description: String { String(raw) }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
}

/// One Raft group. Group 0 is the cluster's metadata; partition p is group p + 1.
package struct GroupID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let raw: UInt32
    package init(_ raw: UInt32) { self.raw = raw }
    package init(_ partition: PartitionID) { self.raw = partition.raw + 1 }
    package static let metadata = GroupID(0)
    /// The partition this group replicates; `nil` for the metadata group.
    package var partition: PartitionID? { raw == 0 ? nil : PartitionID(raw - 1) }
    package var description: String { String(raw) }
    package static func < (a: Self, b: Self) -> Bool { a.raw < b.raw }
}

/// Monotonic time in milliseconds from a start that only this process knows. Never compared between nodes.
package struct Tick: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }
    package static let zero = Tick(0)
    package static func + (tick: Tick, milliseconds: UInt64) -> Tick { Tick(tick.raw + milliseconds) }
    /// Milliseconds from `earlier` to this tick; zero when it is not later.
    package func since(_ earlier: Tick) -> UInt64 { raw <= earlier.raw ? 0 : raw - earlier.raw }
}

/// Wall-clock time in milliseconds since 1970 UTC; for display only, never for order.
package struct Timestamp: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let milliseconds: Int64
    package init(_ milliseconds: Int64) { self.milliseconds = milliseconds }
    package static let zero = Timestamp(0)
    package var description: String { String(milliseconds) }
    package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
}
