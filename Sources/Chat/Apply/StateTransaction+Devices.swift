import Vocabulary
import Wire

/// Changes of what belongs to one user: devices, their push registrations, conversation settings.
extension StateTransaction {
    mutating func apply(_ command: AccountCommand) -> AccountOutcome {
        var outcome = AccountOutcome(user: command.user, token: command.token)
        guard let record = user(command.user), record.created != nil else {
            outcome.result = .failure(.noSuchUser)
            return outcome
        }
        switch command.change {
        case .erase: erase(command, &outcome)
        case .forgotten(let conversation): forgotten(conversation, command.user)
        case _ where record.erased != nil: outcome.result = .failure(.accountErased)
        case .renameDevice(let device, let name):
            outcome.result = changeDetails(command, device) { $0.name = name }
        case .setPush(let device, let registration):
            outcome.result = changeDetails(command, device) { $0.push = registration }
            if case .success = outcome.result, var record = user(command.user), !record.hasPush {
                record.hasPush = true
                put(command.user, record)
            }
        case .removePush(let device, let time):
            outcome.result = changeDetails(command, device) { details in
                if let time, let push = details.push, push.registeredAt > time { return }
                details.push = nil
            }
        case .revokeDevice(let device): revoke(device, command, &outcome)
        case .uploadKeys(let device, let upload):
            outcome.result = self.upload(upload, device, of: command.user)
        case .takeKeys(let id): outcome.result = .success(.keys(takeKeys(id, command)))
        case .settings(let conversation, let change, let pending):
            set(change, conversation, pending: pending, command, &outcome)
        }
        return outcome
    }

    private mutating func changeDetails(
        _ command: AccountCommand, _ device: DeviceID, _ change: (inout DeviceDetails) -> Void
    ) -> Result<AccountResult, Refusal> {
        guard user(command.user)?.device(device) != nil else { return .failure(.noSuchDevice) }
        var details = deviceDetails(command.user, device) ?? DeviceDetails(createdAt: command.at)
        change(&details)
        set(Tables.device(command.user, device), details.bytes)
        return .success(.done)
    }

    /// Repeating it is fine; a device that never was is not found.
    private mutating func revoke(
        _ device: DeviceID, _ command: AccountCommand, _ outcome: inout AccountOutcome
    ) {
        guard var record = user(command.user) else { return }
        guard record.device(device) != nil else {
            let wasRevoked = record.revoked.contains { $0.device == device }
            outcome.result = wasRevoked ? .success(.done) : .failure(.noSuchDevice)
            return
        }
        record.revoke(device, at: command.at)
        put(command.user, record)
        removeEverything(of: device, command.user)
        outcome.revoked = [device]
    }

    /// What belongs to a device that is no longer in its user's row. Its positions go too: should the id come
    /// back, it is a new device.
    mutating func removeEverything(of device: DeviceID, _ user: UserID) {
        remove(Tables.device(user, device))
        remove(Tables.deviceKeys(user, device))
        for pair in pairs(in: Tables.oneTimePrekeys(user, device)) { remove(pair.key) }
        for pair in pairs(in: Tables.positions(user)) {
            guard let id = Tables.conversation(atEndOf: pair.key), var positions = positions(user, id),
                positions.forget(device)
            else { continue }
            set(pair.key, positions.bytes)
        }
    }

    /// `pending` is merged first: a message that was there before the user archived must not undo it.
    private mutating func set(
        _ change: RowSettingsChange, _ conversation: ConversationID, pending: InboxRow?,
        _ command: AccountCommand, _ outcome: inout AccountOutcome
    ) {
        let before = inboxRow(command.user, conversation)
        guard var row = before ?? pending, (pending.map { row.merged(with: $0) } ?? row).isListed else {
            outcome.result = .failure(.noSuchConversation)
            return
        }
        #if MUTANTS
        if let pending, Mutant.active != .pendingRowIgnored { row.merge(pending) }
        #else
        if let pending { row.merge(pending) }
        #endif
        let wasPinned = row.settings.isPinned
        row.settings.apply(change)
        if row.settings.isPinned, !wasPinned,
            pairs(in: Tables.pinned(command.user), limit: ChatRules.pinsMax).count >= ChatRules.pinsMax
        {
            outcome.result = .failure(.tooManyPins)
            return
        }
        if row != before {
            row = store(row, over: before, of: command.user)
            outcome.version = row.version
            if notePush(row, before: before, of: command.user) { outcome.pushes = [conversation] }
            if row.settings.version == row.version { outcome.changed = [row] }
        }
        outcome.result = .success(.row(row))
    }
}

extension RowSettings {
    /// An archived conversation is not pinned: the later wish wins.
    fileprivate mutating func apply(_ change: RowSettingsChange) {
        switch change.mute {
        case .until(let time): mutedUntil = time
        case .off: mutedUntil = nil
        case nil: break
        }
        if let archived = change.archived {
            isArchived = archived
            if archived { isPinned = false }
        }
        if let pinned = change.pinned {
            isPinned = pinned
            if pinned { isArchived = false }
        }
        if let unread = change.markedUnread { isMarkedUnread = unread }
    }
}

/// What a change of a user's own things did.
package struct AccountOutcome: Hashable, Sendable {
    package var user: UserID
    package var token: UInt64
    package var result: Result<AccountResult, Refusal> = .success(.done)
    /// Devices that are no more: their sessions end.
    package var revoked: [DeviceID] = []
    /// Rows with new settings.
    package var changed: [InboxRow] = []
    /// The user's inbox version when a row changed.
    package var version: InboxVersion?
    /// Conversations that the user's devices may have to be woken for.
    package var pushes: [ConversationID] = []
    /// The account is no more.
    package var isErased = false

    init(user: UserID, token: UInt64) {
        self.user = user
        self.token = token
    }
}
