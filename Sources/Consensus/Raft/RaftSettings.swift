/// The times and bounds of all groups of one shard. Times are milliseconds.
package struct RaftSettings: Hashable, Sendable {
    /// A leading node speaks to each peer at least this often (rule L1).
    package var heartbeatMilliseconds: UInt64 = 100
    /// Silence after which a voter campaigns, drawn anew for every attempt (rule L2). The lower bound is also
    /// how long a follower refuses votes for others, and how long a leader stays without hearing from a
    /// quorum.
    package var electionMinMilliseconds: UInt64 = 1_000
    package var electionMaxMilliseconds: UInt64 = 2_000
    /// Silence of a leader that gossip suspects, after which a voter campaigns early (rule L3).
    package var suspicionSilenceMilliseconds: UInt64 = 300
    /// From suspicion and silence to the campaign of the first in turn, and from each to the next: the others have come
    /// to suspect too, or have voted.
    package var suspicionTurnMilliseconds: UInt64 = 100
    /// How long a leader refuses proposals for the sake of an heir: until it has the whole log, and again until it has
    /// taken over. An heir that was just killed must not stop the group for an election timeout, as it would by the
    /// thesis (section 3.10); one that comes later than this still wins its election.
    package var transferMilliseconds: UInt64 = 300
    /// Unacknowledged append messages and their bytes, per follower.
    package var inflightMessagesMax = 256
    package var inflightBytesMax = 8 << 20
    /// Entries and bytes of one append message; a single larger entry still goes.
    package var appendEntriesMax = 1_024
    package var appendBytesMax = 1 << 20
    /// A follower that lacks more entries than this is catching up: it is sent `catchUpEntriesMax` entries at a time,
    /// the next when they are acknowledged, so that its turns stay short and live traffic goes between them.
    package var catchUpThreshold = 256
    package var catchUpEntriesMax = 64
    /// A replica that has nothing is sent the state instead of a log of more entries than this: the state is never
    /// larger than all that made it, and taking it in costs a fraction of making it again.
    package var replayEntriesMax = 512
    /// Proposals of one group that are not committed yet, and their bytes; more is `overloaded`.
    package var uncommittedProposalsMax = 4_096
    package var uncommittedBytesMax = 8 << 20
    /// A replica that does not lead lets committed entries gather for so long, or until they are so many, before it hands
    /// them out for apply: one write for many costs a fraction of many, and nobody waits for a follower's state. The
    /// bound keeps its turns short, and how far it may be behind: not so far that states are no longer compared at the
    /// same indices (rule R4). Group 0, which is read on every node, is not held up. 0 milliseconds: at once.
    package var applyMilliseconds: UInt64 = 500
    package var applyEntriesMax = 64

    package init() {}
}
