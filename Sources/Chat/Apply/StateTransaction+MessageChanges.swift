import Vocabulary
import Wire

/// Edits, deletions, reactions: each takes one rev and no seq, and leaves seq, ordinal and order alone. Repeating
/// one changes nothing.
extension StateTransaction {
    mutating func apply(_ command: MessageChangeCommand) -> MessageChangeOutcome {
        let request = command.request
        var outcome = MessageChangeOutcome(
            conversation: command.conversation, request: request, result: .failure(.noSuchMessage),
            change: nil)
        guard var place = place(of: request.message, for: request.actor, in: command.conversation) else {
            return outcome
        }
        if let refusal = refusal(to: command, place) {
            outcome.result = .failure(refusal)
            return outcome
        }
        switch request.change {
        case .edit(let content): outcome.take(edit(&place, content, at: command.at))
        case .deleteForEveryone: outcome.take(delete(&place, .everyone, at: command.at))
        case .deleteForMe: outcome.take(hide(&place, at: command.at))
        case .react(let emoji): outcome.take(react(&place, emoji, at: command.at))
        case .unreact: outcome.take(react(&place, "", at: command.at))
        }
        return outcome
    }

    /// A message, its conversation, and the member who wants to change it.
    fileprivate struct Place {
        var id: ConversationID
        var record: ConversationRecord
        var member: ConversationMember
        var message: MessageRecord
        var isDeleted: Bool { message.amendments.deletedAt != nil }
    }

    private func place(of message: MessageID, for user: UserID, in id: ConversationID) -> Place? {
        guard let record = conversation(id), let member = member(user, of: id, record),
            record.shows(message, to: member),
            let stored = self.message(id, message.seq, hash60: record.hash60)
        else { return nil }
        return Place(id: id, record: record, member: member, message: stored)
    }

    private func refusal(to command: MessageChangeCommand, _ place: Place) -> Refusal? {
        if place.message.type == .system { return .systemMessage }
        // What one may still see, one may still put out of sight.
        if command.request.change == .deleteForMe { return nil }
        if !place.member.isMember { return .notMember }
        if place.record.isClosed { return .groupClosed }
        let isOwn = place.message.sender == command.request.actor
        switch command.request.change {
        case .edit:
            if !isOwn { return .notOwnMessage }
            if place.record.isBlocked { return .blocked }
            if place.isDeleted { return .messageGone }
            if place.message.type != .text { return .onlyTextIsEdited }
            return place.isOlder(than: command.editWindowMilliseconds, at: command.at)
                ? .windowOver("edit", milliseconds: command.editWindowMilliseconds) : nil
        case .deleteForEveryone:
            if place.isDeleted && (isOwn || place.isAdmin) { return nil }
            if place.isAdmin { return nil }
            if !isOwn { return .notOwnMessage }
            return place.isOlder(than: command.deleteWindowMilliseconds, at: command.at)
                ? .windowOver("delete", milliseconds: command.deleteWindowMilliseconds) : nil
        case .react, .unreact:
            if place.record.isBlocked { return .blocked }
            return place.isDeleted ? .messageGone : nil
        case .deleteForMe: return nil
        }
    }

    private mutating func edit(_ place: inout Place, _ content: String, at: Timestamp) -> Changed {
        let earlier = place.message.amendments
        if place.message.content == content {
            return Changed(
                event: place.event(
                    .edited(content: content), at: earlier.editedAt ?? place.message.timestamp,
                    rev: earlier.editedRev))
        }
        if earlier.editedRev > .zero { remove(Tables.change(place.id, earlier.editedRev)) }
        let rev = nextRev(&place, .edited)
        place.message.content = content
        place.message.amendments.editedAt = at
        place.message.amendments.editedRev = rev
        return commit(&place, .edited(content: content), at: at)
    }

    /// A tombstone: the place in the order stays, with who sent it and when; the rest is gone.
    private mutating func delete(
        _ place: inout Place, _ deletion: UpdateEvent.Deletion, at: Timestamp
    ) -> Changed {
        if let deletedAt = place.message.amendments.deletedAt {
            return Changed(event: place.event(.deleted(deletion), at: deletedAt, rev: .zero))
        }
        forgetChanges(of: place)
        let rev = nextRev(&place, deletion == .expired ? .expired : .deleted)
        if let expiresAt = place.message.amendments.expiresAt {
            remove(Tables.expiry(expiresAt, place.id, place.message.seq))
        }
        place.message.becomeTombstone(at: at)
        place.message.amendments.editedRev = rev
        return commit(&place, .deleted(deletion), at: at)
    }

    /// What was said of the message before is of no use to anybody who learns that it is gone.
    private mutating func forgetChanges(of place: Place) {
        let amendments = place.message.amendments
        if amendments.editedRev > .zero { remove(Tables.change(place.id, amendments.editedRev)) }
        for (user, mark) in marks(of: place.id, place.message.seq) {
            if mark.reactionRev > .zero { remove(Tables.change(place.id, mark.reactionRev)) }
            let key = Tables.messageMark(place.id, place.message.seq, user)
            guard let hiddenAt = mark.hiddenAt else {
                remove(key)
                continue
            }
            var kept = MessageMark()
            kept.hiddenAt = hiddenAt
            kept.hiddenRev = mark.hiddenRev
            set(key, kept.bytes)
        }
    }

    private mutating func hide(_ place: inout Place, at: Timestamp) -> Changed {
        let seq = place.message.seq
        var mark = messageMark(place.id, seq, place.member.user) ?? MessageMark()
        if let hiddenAt = mark.hiddenAt {
            return Changed(event: place.event(.deleted(.me), at: hiddenAt, rev: .zero))
        }
        mark.hiddenRev = nextRev(&place, .hidden)
        mark.hiddenAt = at
        set(Tables.messageMark(place.id, seq, place.member.user), mark.bytes)
        place.member.hiddenCount += 1
        if seq == place.record.head {
            place.member.hiddenHead = seq
            // Its list is to show another preview, so that has to be a newer one.
            place.record.previewRev = place.record.rev
        }
        store(place.member, of: place.id, in: &place.record)
        return commit(&place, .deleted(.me), at: at)
    }

    /// Sets or takes back the one reaction of the member; `emoji` is empty to take it back.
    private mutating func react(_ place: inout Place, _ emoji: String, at: Timestamp) -> Changed {
        let user = place.member.user
        var mark = messageMark(place.id, place.message.seq, user) ?? MessageMark()
        let change = UpdateEvent.Change.reaction(emoji.isEmpty ? nil : emoji)
        if mark.emoji == emoji {
            return Changed(event: place.event(change, at: mark.reactedAt, rev: mark.reactionRev))
        }
        if mark.emoji.isEmpty { place.message.amendments.reactors += 1 }
        if emoji.isEmpty { place.message.amendments.reactors -= 1 }
        if mark.reactionRev > .zero { remove(Tables.change(place.id, mark.reactionRev)) }
        mark.emoji = emoji
        mark.reactedAt = at
        mark.reactionRev = nextRev(&place, .reaction)
        set(Tables.messageMark(place.id, place.message.seq, user), mark.bytes)
        return commit(&place, change, at: at)
    }

    /// Messages whose time is over; those that are gone already are skipped.
    mutating func apply(_ command: ExpiryCommand) -> [ConversationChange] {
        var changes: [ConversationChange] = []
        for expired in command.places {
            guard let record = conversation(expired.conversation),
                let message = message(expired.conversation, expired.seq, hash60: record.hash60),
                let expiresAt = message.amendments.expiresAt, expiresAt <= command.at
            else { continue }
            let sender = ConversationMember(
                user: message.sender, role: .member, joinedSeq: message.seq, joinedEpoch: 0,
                markOrdinal: .zero)
            var place = Place(id: expired.conversation, record: record, member: sender, message: message)
            if let change = delete(&place, .expired, at: command.at).change { changes.append(change) }
        }
        return changes
    }

    /// What an erased user has in one place of a conversation: its message becomes a tombstone, its reaction goes.
    mutating func erase(
        _ user: UserID, _ seq: Seq, in id: ConversationID, at: Timestamp
    ) -> [ConversationChange] {
        guard let record = conversation(id), let member = member(user, of: id, record),
            let message = message(id, seq, hash60: record.hash60), message.type != .system
        else { return [] }
        var place = Place(id: id, record: record, member: member, message: message)
        if message.sender == user { return [delete(&place, .everyone, at: at).change].compactMap { $0 } }
        #if MUTANTS
        if Mutant.active == .erasureKeepsReactions { return [] }
        #endif
        guard message.amendments.reactors > 0, messageMark(id, seq, user)?.emoji.isEmpty == false else {
            return []
        }
        return [react(&place, "", at: at).change].compactMap { $0 }
    }

    /// The next rev of the conversation, with what it stands for.
    private mutating func nextRev(_ place: inout Place, _ kind: ChangeRecord.Kind) -> Rev {
        place.record.rev = place.record.rev.next
        let change = ChangeRecord(kind: kind, seq: place.message.seq, user: place.member.user)
        set(Tables.change(place.id, place.record.rev), change.bytes)
        return place.record.rev
    }

    /// Writes message and conversation; lists show the last message as it is now.
    private mutating func commit(
        _ place: inout Place, _ change: UpdateEvent.Change, at: Timestamp
    ) -> Changed {
        let isOwnAffair = change == .deleted(.me)
        let message = place.message
        if !isOwnAffair { set(Tables.message(place.id, message.seq), StoredMessage.bytes(of: message)) }
        var isPreview = message.seq == place.record.head
        if case .reaction = change { isPreview = false }
        if isPreview { place.record.previewRev = place.record.rev }
        markDirty(place.id, &place.record)
        put(place.id, place.record)
        let event = place.event(change, at: at, rev: place.record.rev)
        var members = place.record.sides
        if isOwnAffair { members = [place.member] }
        var result = ConversationChange(
            place.id, place.record, members: members, audience: isOwnAffair ? .none : .everyone)
        result.updates = [event]
        if isPreview {
            result.preview = message.preview
            result.previewRev = place.record.previewRev
            result.lastAt = place.record.lastTimestamp
        }
        return Changed(event: event, change: result)
    }
}

/// What one change came to; without `change` it was so before.
private struct Changed {
    var event: UpdateEvent
    var change: ConversationChange?
}

/// How a message change ended.
package struct MessageChangeOutcome: Hashable, Sendable {
    package var conversation: ConversationID
    package var request: MessageChangeRequest
    package var result: Result<UpdateEvent, Refusal>
    /// What is new; `nil` when nothing is.
    package var change: ConversationChange?

    fileprivate mutating func take(_ changed: Changed) {
        result = .success(changed.event)
        change = changed.change
    }
}

extension StateTransaction.Place {
    var isAdmin: Bool { record.kind == .group && member.isAdmin }

    func isOlder(than milliseconds: UInt64, at: Timestamp) -> Bool {
        at.milliseconds - message.timestamp.milliseconds > Int64(clamping: milliseconds)
    }

    func event(_ change: UpdateEvent.Change, at: Timestamp, rev: Rev) -> UpdateEvent {
        UpdateEvent(
            conversation: id, messageID: message.messageID, seq: message.seq, user: member.user,
            change: change, timestamp: at, rev: rev)
    }
}
