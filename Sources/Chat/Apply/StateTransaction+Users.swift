import Vocabulary
import Wire

extension StateTransaction {
    mutating func ensureUser(_ user: UserID, at: Timestamp) {
        var record = self.user(user) ?? UserRecord()
        guard record.created == nil else { return }
        record.created = at
        put(user, record)
    }

    /// Adds a device; beyond the limit it takes the place of the one unused longest, the earlier registered
    /// of two.
    ///
    /// - Returns: the devices whose place it took.
    mutating func apply(_ registration: RegisterDevice) -> [DeviceID] {
        ensureUser(registration.user, at: registration.at)
        var record = user(registration.user) ?? UserRecord()
        guard record.erased == nil, record.device(registration.device) == nil else { return [] }
        var evicted: [DeviceID] = []
        while record.devices.count >= max(1, registration.devicesMax) {
            let oldest = record.devices.indices.min { record.devices[$0].usedAt < record.devices[$1].usedAt }
            evicted.append(record.devices.remove(at: oldest ?? 0).id)
        }
        record.devices.append(UserRecord.Device(id: registration.device, usedAt: registration.at))
        put(registration.user, record)
        for device in evicted { removeEverything(of: device, registration.user) }
        set(
            Tables.device(registration.user, registration.device),
            DeviceDetails(createdAt: registration.at).bytes)
        return evicted
    }

    /// Merges rows; each row that changes gets the user's next inbox version and moves in both indexes.
    mutating func apply(_ updates: [InboxUpdate]) -> [InboxOutcome] {
        var outcomes: [InboxOutcome] = []
        for update in updates {
            let before = inboxRow(update.user, update.row.conversation)
            guard let row = apply(update, over: before) else { continue }
            var outcome = InboxOutcome(user: update.user, version: row.version)
            if let last = outcomes.last, last.user == update.user {
                outcome.changed = last.changed
                outcome.pushes = last.pushes
                outcome.flagsDue = last.flagsDue
                outcomes.removeLast()
            }
            if row.settings.version == row.version { outcome.changed.append(row) }
            if notePush(row, before: before, of: update.user) { outcome.pushes.append(row.conversation) }
            if before == nil, let due = flagsDue(of: update.user, for: row) { outcome.flagsDue.append(due) }
            outcomes.append(outcome)
        }
        return outcomes
    }

    /// The row as stored; `nil` when nothing changed.
    private mutating func apply(_ update: InboxUpdate, over before: InboxRow?) -> InboxRow? {
        if user(update.user)?.erased != nil { return applyToErased(update, before: before) }
        var row = before ?? update.row
        row.merge(update.row)
        row.version = before?.version ?? .zero
        guard row != before else { return nil }
        return store(row, over: before, of: update.user)
    }

    /// A conversation that an erased user's row did not know has yet to forget the user, also one that it had left by then,
    /// and so has a group that took the user in again since; of the others nothing is news any more.
    private mutating func applyToErased(_ update: InboxUpdate, before: InboxRow?) -> InboxRow? {
        #if MUTANTS
        if Mutant.active == .erasureMissesLateRows { return nil }
        #endif
        guard update.row.isMember || before == nil else { return nil }
        var row = (before ?? update.row).blank
        if let before {
            guard before.kind == .group, update.row.memberEpoch > before.memberEpoch else { return nil }
            row.memberEpoch = update.row.memberEpoch
        }
        set(Tables.erasure(update.user, update.row.conversation), [])
        return store(row, over: before, of: update.user)
    }

    /// Writes a changed row under the user's next inbox version.
    mutating func store(_ changed: InboxRow, over before: InboxRow?, of user: UserID) -> InboxRow {
        var row = changed
        var record = self.user(user) ?? UserRecord()
        #if MUTANTS
        if Mutant.active != .inboxVersionKept || before == nil {
            record.inboxVersion = record.inboxVersion.next
        }
        #else
        record.inboxVersion = record.inboxVersion.next
        #endif
        row.version = record.inboxVersion
        let isCleared = row.cleared != before?.cleared ?? .zero
        if isCleared || row.settings != before?.settings ?? RowSettings() {
            row.settings.version = row.version
        }
        if let before { remove(Tables.inboxVersion(user, before.version)) }
        set(Tables.inboxVersion(user, row.version), Tables.value(of: row.conversation))
        if row.listedPlace != before?.listedPlace {
            if let place = before?.listedPlace { remove(Tables.activity(user, place)) }
            if let place = row.listedPlace { set(Tables.activity(user, place), []) }
        }
        put(user, row)
        put(user, record)
        return row
    }

    mutating func apply(_ batch: DeviceAckBatch) {
        for ack in batch.acks { acknowledge(ack, at: batch.at) }
        for version in batch.versions {
            guard var record = user(version.user),
                let index = record.devices.firstIndex(where: { $0.id == version.device })
            else { continue }
            let before = record.devices[index]
            record.devices[index].version = max(before.version, version.version)
            record.devices[index].noteUse(at: batch.at)
            if record.devices[index] != before { put(version.user, record) }
        }
    }

    private mutating func acknowledge(_ ack: DeviceAck, at: Timestamp) {
        guard var record = user(ack.user), record.erased == nil else { return }
        var positions = positions(ack.user, ack.conversation) ?? PositionsRecord()
        if positions.acknowledge(ack.device, ack.position, known: record.devices.map(\.id)) {
            set(Tables.positions(ack.user, ack.conversation), positions.bytes)
        }
        guard let index = record.devices.firstIndex(where: { $0.id == ack.device }),
            record.devices[index].noteUse(at: at)
        else { return }
        put(ack.user, record)
    }

    mutating func apply(_ mark: LastSeenMark) {
        guard var record = user(mark.user), record.erased == nil, mark.at > record.lastSeen ?? .zero else {
            return
        }
        record.lastSeen = mark.at
        put(mark.user, record)
    }
}

extension UserRecord.Device {
    /// True when that is to be written down.
    @discardableResult
    fileprivate mutating func noteUse(at: Timestamp) -> Bool {
        guard at.milliseconds - usedAt.milliseconds >= ChatRules.deviceUseMilliseconds else { return false }
        usedAt = at
        return true
    }
}

extension InboxRow {
    /// Where the row stands in the list; nowhere once its user took it out and nothing came since.
    fileprivate var listedPlace: ConversationsCursor? { isListed ? place : nil }
}
