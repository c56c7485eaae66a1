/// Numbers that are part of the replicated state machine: every replica must have the same, so they are no
/// settings. Changing one needs a new command kind.
package enum ChatRules {
    /// Groups up to this size tell senders each member's receipts; in larger ones they are read on demand.
    package static let statusMembersMax = 64
    /// A device's use is noted at most this often.
    static let deviceUseMilliseconds: Int64 = 60_000
    /// Invites of one group that are not over.
    package static let groupInvitesMax = 64
    /// People who wait to be let into one group.
    package static let groupRequestsMax = 1_024
    /// A system message names at most this many users; of more it says how many.
    static let eventUsersMax = 100
    /// Conversations that a user may pin.
    package static let pinsMax = 20
    /// One-time keys that a device may have in store.
    package static let oneTimePrekeysMax = 200
    /// How long, and for how many fetches of one user's keys, a retry gets the same keys.
    static let keyFetchMilliseconds: Int64 = 60_000
    static let keyFetchesMax = 128
    /// Messages looked at in one step of an erasure.
    package static let erasureStep = 64
    /// The title of a direct conversation with somebody who is no more.
    static let erasedTitle = "Deleted user"
    /// Revocations that a user's row remembers.
    static let revocationsMax = 32
}
