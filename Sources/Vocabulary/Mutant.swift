#if MUTANTS
/// Bugs that a scratch build can plant, one at a time, to see whether the simulation catches them
/// (`tools/mutants`, docs/mutants.md). Nothing of this is in any other build.
package enum Mutant: String, CaseIterable, Sendable {
    // Replication.
    case ackBeforeFsync = "ACK_BEFORE_FSYNC"
    case leaderCountsUnsynced = "LEADER_COUNTS_UNSYNCED"
    case voteNotPersisted = "VOTE_NOT_PERSISTED"
    case voteBeforeFsync = "VOTE_BEFORE_FSYNC"
    case candidacyBeforeFsync = "CANDIDACY_BEFORE_FSYNC"
    case voteIgnoresLog = "VOTE_IGNORES_LOG"
    case commitOldTerm = "COMMIT_OLD_TERM"
    case applyBeyondDurable = "APPLY_BEYOND_DURABLE"
    case fsyncByIndex = "FSYNC_BY_INDEX"
    case noNoop = "NO_NOOP"
    case appendTruncates = "APPEND_TRUNCATES"
    case heartbeatCommitsAll = "HEARTBEAT_COMMITS_ALL"
    case prevoteOff = "PREVOTE_OFF"
    case stickinessOff = "STICKINESS_OFF"
    case checkQuorumOff = "CHECKQUORUM_OFF"
    case learnerRefusesVote = "LEARNER_REFUSES_VOTE"
    case staleReplicaAccepted = "STALE_REPLICA_ACCEPTED"
    // Reads.
    case readRoundReused = "READ_ROUND_REUSED"
    case readBeforeNoop = "READ_BEFORE_NOOP"
    // Configurations.
    case twoConfigChanges = "TWO_CONFIG_CHANGES"
    case learnerCounted = "LEARNER_COUNTED"
    case jointNewOnly = "JOINT_NEW_ONLY"
    // Log and snapshots.
    case compactUnpersisted = "COMPACT_UNPERSISTED"
    case snapshotNotRecorded = "SNAPSHOT_NOT_RECORDED"
    case divergenceByLeader = "DIVERGENCE_BY_LEADER"
    case corruptionTruncated = "CORRUPTION_TRUNCATED"
    case checksumIgnored = "CHECKSUM_IGNORED"
    case segmentDroppedEarly = "SEGMENT_DROPPED_EARLY"
    // Group 0.
    case abortAfterJoint = "ABORT_AFTER_JOINT"
    case finishEarly = "FINISH_EARLY"
    case replicaReused = "REPLICA_ID_REUSED"
    case oldMetadataBuries = "OLD_METADATA_BURIES"
    case burialForgotten = "BURIAL_FORGOTTEN"
    // Gossip.
    case noRefutation = "NO_REFUTATION"
    case oldIncarnationWins = "OLD_INCARNATION_WINS"
    // Chat: the log's state.
    case dedupOnlyAtPropose = "DEDUP_ONLY_AT_PROPOSE"
    case dedupByClock = "DEDUP_BY_CLOCK"
    case seqAtPropose = "SEQ_AT_PROPOSE"
    case sendWithoutMembership = "SEND_WITHOUT_MEMBERSHIP"
    case receiptsOverwrite = "RECEIPTS_OVERWRITE"
    case readNotDelivered = "READ_NOT_DELIVERED"
    case removedSeesOn = "REMOVED_SEES_ON"
    case ownSendUnread = "OWN_SEND_UNREAD"
    case systemCounted = "SYSTEM_COUNTED"
    case membershipWithoutEpoch = "MEMBERSHIP_WITHOUT_EPOCH"
    case inboxVersionKept = "INBOX_VERSION_KEPT"
    case archiveKept = "ARCHIVE_KEPT"
    case pendingRowIgnored = "PENDING_ROW_IGNORED"
    case settingsNotShown = "SETTINGS_NOT_SHOWN"
    case typingPastBlock = "TYPING_PAST_BLOCK"
    case presencePastBlock = "PRESENCE_PAST_BLOCK"
    case presenceChangeLost = "PRESENCE_CHANGE_LOST"
    // Chat: the operator's retention.
    case goneNotTold = "GONE_NOT_TOLD"
    case goneStillUnread = "GONE_STILL_UNREAD"
    // Chat: the end of an account.
    case erasureKeepsReactions = "ERASURE_KEEPS_REACTIONS"
    case erasureOneStep = "ERASURE_ONE_STEP"
    case erasureMissesLateRows = "ERASURE_MISSES_LATE_ROWS"
    // Chat: notifications.
    case pushNotResumed = "PUSH_NOT_RESUMED"
    case pushToldForgotten = "PUSH_TOLD_FORGOTTEN"
    case pushPositionIgnored = "PUSH_POSITION_IGNORED"
    case pushMuted = "PUSH_MUTED"
    // Chat: fan-out.
    case outboxForgotten = "OUTBOX_FORGOTTEN"
    case outboxScalar = "OUTBOX_SCALAR"
    case resendSkipped = "RESEND_SKIPPED"
    case rowsAckedEarly = "ROWS_ACKED_EARLY"
    case rosterStale = "ROSTER_STALE"
    case snapshotStale = "SNAPSHOT_STALE"
    case lostBodyForgotten = "LOST_BODY_FORGOTTEN"
    // Chat: routers and sessions.
    case pipelineReorders = "PIPELINE_REORDERS"
    case timeoutRefuses = "TIMEOUT_REFUSES"
    case renewalForgotten = "RENEWAL_FORGOTTEN"
    case liveOverGap = "LIVE_OVER_GAP"
    case catchUpRepeats = "CATCH_UP_REPEATS"
    case cursorAhead = "CURSOR_AHEAD"
    case versionAhead = "VERSION_AHEAD"
    case requestIDReused = "REQUEST_ID_REUSED"

    /// The one that is planted in this process.
    package nonisolated(unsafe) static var active: Mutant?
}
#endif
