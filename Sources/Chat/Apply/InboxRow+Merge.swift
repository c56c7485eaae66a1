import Vocabulary
import Wire

extension InboxRow {
    /// Merges what is new: every field is the later of both by its own key, so that repeats and any order of
    /// updates end alike. Name and membership follow the member epoch, the preview its own rev.
    ///
    /// Settings are the user's own: an update brings none, but a new message takes an unmuted row out of the
    /// archive, clearing unpins it too, and reading or sending ends a mark of unread.
    package mutating func merge(_ update: InboxRow) {
        #if MUTANTS
        let isKept = Mutant.active == .archiveKept
        #else
        let isKept = false
        #endif
        if update.headOrdinal > headOrdinal, !settings.isMuted(at: update.lastAt), !isKept {
            settings.isArchived = false
        }
        if update.read > read || update.markOrdinal > markOrdinal { settings.isMarkedUnread = false }
        #if MUTANTS
        if Mutant.active == .membershipWithoutEpoch { memberEpoch = .zero }
        #endif
        if update.memberEpoch > memberEpoch {
            memberEpoch = update.memberEpoch
            isMember = update.isMember
            title = update.title
        }
        if update.previewRev > previewRev {
            previewRev = update.previewRev
            preview = update.preview
        }
        if update.cleared > cleared {
            cleared = update.cleared
            settings.isPinned = false
            settings.isArchived = false
            settings.isMarkedUnread = false
        }
        lastAt = max(lastAt, update.lastAt)
        head = max(head, update.head)
        rev = max(rev, update.rev)
        headOrdinal = max(headOrdinal, update.headOrdinal)
        markOrdinal = max(markOrdinal, update.markOrdinal)
        read = max(read, update.read)
    }

    package var position: ConversationPosition { ConversationPosition(seq: head, rev: rev) }
}
