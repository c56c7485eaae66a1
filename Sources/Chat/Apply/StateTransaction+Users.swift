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
    mutating func apply(_ registration: RegisterDevice) {
        ensureUser(registration.user, at: registration.at)
        var record = user(registration.user) ?? UserRecord()
        guard record.device(registration.device) == nil else { return }
        while record.devices.count >= max(1, registration.devicesMax) {
            let oldest = record.devices.indices.min { record.devices[$0].usedAt < record.devices[$1].usedAt }
            record.devices.remove(at: oldest ?? 0)
        }
        record.devices.append(UserRecord.Device(id: registration.device, usedAt: registration.at))
        put(registration.user, record)
    }

    /// Merges rows; each row that changes gets the user's next inbox version and moves in both indexes.
    mutating func apply(_ updates: [InboxUpdate]) -> [InboxOutcome] {
        var outcomes: [InboxOutcome] = []
        for update in updates {
            guard let version = apply(update) else { continue }
            if outcomes.last?.user == update.user { outcomes.removeLast() }
            outcomes.append(InboxOutcome(user: update.user, version: version))
        }
        return outcomes
    }

    private mutating func apply(_ update: InboxUpdate) -> InboxVersion? {
        let id = update.row.conversation
        let before = inboxRow(update.user, id)
        var row = before ?? update.row
        row.merge(update.row)
        row.version = before?.version ?? .zero
        guard row != before else { return nil }
        var record = user(update.user) ?? UserRecord()
        record.inboxVersion = record.inboxVersion.next
        row.version = record.inboxVersion
        if let before { remove(Tables.inboxVersion(update.user, before.version)) }
        set(Tables.inboxVersion(update.user, row.version), Tables.value(of: id))
        if row.lastAt != before?.lastAt {
            if let before { remove(Tables.activity(update.user, before.lastAt, id)) }
            set(Tables.activity(update.user, row.lastAt, id), [])
        }
        put(update.user, row)
        put(update.user, record)
        return row.version
    }

    mutating func apply(_ batch: DeviceAckBatch) {
        for ack in batch.acks { acknowledge(ack, at: batch.at) }
        for version in batch.versions {
            guard var record = user(version.user),
                let index = record.devices.firstIndex(where: { $0.id == version.device }),
                record.devices[index].version < version.version
            else { continue }
            record.devices[index].version = version.version
            put(version.user, record)
        }
    }

    private mutating func acknowledge(_ ack: DeviceAck, at: Timestamp) {
        guard var record = user(ack.user) else { return }
        var positions = positions(ack.user, ack.conversation) ?? PositionsRecord()
        if positions.acknowledge(ack.device, ack.position, known: record.devices.map(\.id)) {
            set(Tables.positions(ack.user, ack.conversation), positions.bytes)
        }
        guard let index = record.devices.firstIndex(where: { $0.id == ack.device }),
            at.milliseconds - record.devices[index].usedAt.milliseconds >= ChatRules.deviceUseMilliseconds
        else { return }
        record.devices[index].usedAt = at
        put(ack.user, record)
    }

    mutating func apply(_ mark: LastSeenMark) {
        guard var record = user(mark.user), mark.at > record.lastSeen ?? .zero else { return }
        record.lastSeen = mark.at
        put(mark.user, record)
    }
}
