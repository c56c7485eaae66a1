/// Numbers that are part of the replicated state machine: every replica must have the same, so they are no
/// settings. Changing one needs a new command kind.
package enum ChatRules {
    /// Groups up to this size tell senders each member's receipts; in larger ones they are read on demand.
    package static let statusMembersMax = 64
    /// A device's use is noted at most this often.
    static let deviceUseMilliseconds: Int64 = 3_600_000
}
