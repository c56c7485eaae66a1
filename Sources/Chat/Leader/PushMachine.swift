import Vocabulary
import Wire

/// Decides, on the leader of a user's partition, what devices are told by push and when: after the grace in which a
/// live device would have acknowledged, once per device and message, again with back-off while a provider is away,
/// which holds up nobody but the devices that it serves.
///
/// What is to be told stands in the replicated outbox; this holds only when to look at it next, so a new leader
/// begins with `resume` and loses nothing. Providers, bodies and time zones are the shell's.
package struct PushMachine: Sendable {
    package struct Rules: Hashable, Sendable {
        package var isEnabled: Bool
        /// A device that acknowledges within this long is not woken.
        package var graceMilliseconds: UInt64
        /// What is older is not told any more.
        package var lifetimeMilliseconds: UInt64

        package init(isEnabled: Bool, graceMilliseconds: UInt64, lifetimeMilliseconds: UInt64) {
            self.isEnabled = isEnabled
            self.graceMilliseconds = graceMilliseconds
            self.lifetimeMilliseconds = lifetimeMilliseconds
        }

        package static let off = Rules(isEnabled: false, graceMilliseconds: 0, lifetimeMilliseconds: 0)
    }

    private let partition: PartitionID
    private let rules: Rules
    private var waiting: [PushKey: Waiting] = [:]
    private var inFlight: [PushKey: Waiting] = [:]

    fileprivate struct Waiting: Hashable, Sendable {
        var dueAt: Tick
        /// How often clearing was tried.
        var clears = 0
        /// What devices were told while others have to be tried again.
        var told: [DeviceID: Seq] = [:]
        /// Up to where devices have nothing more to be told.
        var done: [DeviceID: Seq] = [:]
        var retries: [DeviceID: Retry] = [:]
        /// Where the job under way ends, and when what came since is due.
        var ordered = Seq.zero
        var newsDueAt: Tick?
    }

    /// A device whose provider did not take what it was to be told.
    fileprivate struct Retry: Hashable, Sendable {
        /// Times in a row that nothing was taken.
        var attempt: Int
        var dueAt: Tick
    }

    /// Jobs of one partition at once, and rows of the outbox remembered.
    private static let inFlightMax = 16
    package static let waitingMax = 65_536
    /// Rows were left out for want of room: the outbox is read again once there is some.
    private var hasLeftOut = false
    private static let backoffMilliseconds: [UInt64] = [1_000, 2_000, 5_000, 15_000, 60_000, 300_000]

    package init(partition: PartitionID, rules: Rules) {
        self.partition = partition
        self.rules = rules
    }

    package var isIdle: Bool { waiting.isEmpty && !hasLeftOut }
    package var count: Int { waiting.count + inFlight.count }

    /// Begins as leader with what the outbox holds.
    package mutating func resume<View: StateView>(_ reader: ChatReader<View>, now: Tick) {
        #if MUTANTS
        if Mutant.active == .pushNotResumed { return }
        #endif
        guard rules.isEnabled else { return }
        hasLeftOut = false
        note(reader.pushOutbox(), now: now)
    }

    /// The outbox has work for these rows.
    package mutating func note(_ keys: [PushKey], now: Tick) {
        guard rules.isEnabled else { return }
        for key in keys {
            if let entry = inFlight[key] {
                inFlight[key]?.newsDueAt = entry.newsDueAt ?? now + rules.graceMilliseconds
                continue
            }
            if let entry = waiting[key] {
                // Who waits for a provider that is away does not hold up the others.
                waiting[key]?.dueAt = min(entry.dueAt, now + rules.graceMilliseconds)
                continue
            }
            guard waiting.count < Self.waitingMax else {
                hasLeftOut = true
                return
            }
            waiting[key] = Waiting(dueAt: now + rules.graceMilliseconds)
        }
    }

    /// What is due now: jobs for the shell, and marks for what needs none.
    ///
    /// - Parameter isQuiet: whether the user wants no notifications at this time.
    package mutating func take<View: StateView>(
        now: Moment, reader: ChatReader<View>, pending: (UserID) -> [InboxRow],
        positions: (UserID) -> UserMachine.Positions, isQuiet: (UserID) -> Bool
    ) -> [ChatDirective] {
        if hasLeftOut, waiting.isEmpty { resume(reader, now: now.tick) }
        guard !waiting.isEmpty, inFlight.count < Self.inFlightMax else { return [] }
        let due = waiting.filter { $0.value.dueAt <= now.tick }.map(\.key).sorted()
        var directives: [ChatDirective] = []
        for key in due.prefix(Self.inFlightMax - inFlight.count) {
            guard var entry = waiting.removeValue(forKey: key), let record = reader.pushOutbox(key) else {
                continue
            }
            let rows = pending(key.user)
            let job = job(
                key, record, &entry, now: now, reader: reader, rows: rows, positions: positions(key.user),
                isQuiet: isQuiet(key.user))
            if job == nil, let first = entry.firstRetry {
                entry.dueAt = first
                waiting[key] = entry
                continue
            }
            entry.ordered = job?.through ?? .zero
            entry.newsDueAt = nil
            inFlight[key] = entry
            if let job {
                directives.append(.notify(job))
            } else {
                directives.append(
                    .propose(
                        .pushed([
                            PushedMark(
                                user: key.user, conversation: key.conversation,
                                through: max(record.through, record.from.previous),
                                shown: entry.told.values.max() ?? .zero, isCleared: record.isClearDue)
                        ])))
            }
        }
        return directives
    }

    /// `nil` when no device has to be told anything, or none now: then retries are left.
    private func job<View: StateView>(
        _ key: PushKey, _ record: PushOutboxRecord, _ entry: inout Waiting, now: Moment,
        reader: ChatReader<View>, rows: [InboxRow], positions: UserMachine.Positions, isQuiet: Bool
    ) -> PushJob? {
        let later = rows.first { $0.conversation == key.conversation }
        // Those that nothing is owed any more are forgotten.
        let retries = entry.retries
        entry.retries = [:]
        guard var row = reader.inboxRow(key.user, key.conversation) ?? later else { return nil }
        if let later { row.merge(later) }
        let registrations = reader.pushRegistrations(of: key.user)
        let isClear = record.isClearDue || record.shown > .zero && row.read >= record.shown
        var job = PushJob(
            partition: partition, key: key, kind: row.kind, title: row.title, devices: [],
            through: isClear ? min(record.shown, row.read) : record.through,
            badge: reader.badge(of: key.user, pending: rows, at: now.wall),
            isMuted: row.settings.isMuted(at: now.wall), isClear: isClear)
        if row.kind == .group {
            job.mayHaveBlocked = reader.hasBlocks(key.user)
        }
        if isClear {
            entry.retries = retries
            job.devices = registrations.map {
                .init(id: $0.device, registration: $0.registration, after: record.shown)
            }
            if !job.devices.isEmpty { return job }
            entry.retries = [:]
            return nil
        }
        #if MUTANTS
        if Mutant.active == .pushMuted { job.isMuted = false }
        #endif
        if row.kind == .direct, let peer = row.peer, reader.isBlocked(peer, by: key.user) { return nil }
        let age = now.wall.milliseconds - record.at.milliseconds
        guard row.isMember, !isQuiet, age <= Int64(rules.lifetimeMilliseconds) else { return nil }
        let start = max(record.from.previous, row.read)
        for (device, registration) in registrations {
            #if MUTANTS
            let position: Seq =
                Mutant.active == .pushPositionIgnored ? .zero : positions(device, key.conversation).seq
            #else
            let position = positions(device, key.conversation).seq
            #endif
            let dealtWith = max(entry.told[device] ?? .zero, entry.done[device] ?? .zero)
            let after = max(start, position, dealtWith)
            guard after < record.through else { continue }
            entry.retries[device] = retries[device]
            if let retry = retries[device], retry.dueAt > now.tick { continue }
            job.devices.append(.init(id: device, registration: registration, after: after))
        }
        return job.devices.isEmpty ? nil : job
    }

    /// A job has ended. What is done is written down; what is to be tried again waits.
    package mutating func finished(_ result: PushJobResult, now: Moment) -> [ChatDirective] {
        guard var entry = inFlight[result.key] else { return [] }
        var directives: [ChatDirective] = []
        var clearPause: UInt64?
        for device in result.devices {
            #if MUTANTS
            if Mutant.active == .pushToldForgotten { (entry.told, entry.done) = ([:], [:]) }
            #endif
            let before = entry.told[device.id] ?? .zero
            entry.told[device.id] = max(before, device.told)
            switch device.ending {
            case .done:
                entry.retries[device.id] = nil
                if !result.isClear {
                    entry.done[device.id] = max(entry.done[device.id] ?? .zero, result.through)
                }
            case .dead:
                entry.retries[device.id] = nil
                let change = AccountChange.removePush(device.id, registeredUpTo: device.registeredAt)
                directives.append(
                    .propose(
                        .account(
                            AccountCommand(user: result.key.user, change: change, at: now.wall, token: 0))))
            case .retry(let afterMilliseconds):
                // A provider that took something meanwhile is not away.
                let known = result.isClear ? entry.clears : entry.retries[device.id]?.attempt ?? 0
                let attempt = device.told > before ? 0 : known
                let step = min(attempt, Self.backoffMilliseconds.count - 1)
                let pause = afterMilliseconds ?? Self.backoffMilliseconds[step]
                if result.isClear {
                    clearPause = max(clearPause ?? 0, pause)
                } else {
                    entry.retries[device.id] = Retry(attempt: attempt + 1, dueAt: now.tick + pause)
                }
            }
        }
        // Clearing is a courtesy: it is tried a few times only.
        if let clearPause, entry.clears < 3 {
            entry.clears += 1
            entry.dueAt = now.tick + clearPause
        } else if !result.isClear, let first = entry.firstRetry {
            // What came meanwhile is told to the others after its grace, and what was too much for one job soon.
            let rest = result.through < entry.ordered ? now.tick : nil
            entry.dueAt = [first, entry.newsDueAt, rest].compactMap(\.self).min() ?? first
        } else {
            return directives + [marked(result, entry)]
        }
        inFlight[result.key] = nil
        waiting[result.key] = entry
        return directives
    }

    /// The job is done for all of its devices.
    private mutating func marked(_ result: PushJobResult, _ entry: Waiting) -> ChatDirective {
        // Should the mark not be proposed, what was told stays told.
        inFlight[result.key] = entry
        let shown = result.isClear ? .zero : entry.told.values.max() ?? .zero
        let mark = PushedMark(
            user: result.key.user, conversation: result.key.conversation,
            through: result.through, shown: shown, isCleared: result.isClear)
        return .propose(.pushed([mark]))
    }

    /// Marks were applied; what is left of them is looked at again.
    package mutating func applied(_ marks: [PushKey], left: [PushKey], now: Tick) {
        for key in marks {
            guard let entry = inFlight.removeValue(forKey: key), left.contains(key) else { continue }
            note([key], now: now)
            // A clear comes between messages and their marks: what was told of them stays told.
            waiting[key]?.keep(entry)
        }
        note(left, now: now)
    }

    /// A mark was not proposed after all.
    package mutating func refused(_ marks: [PushedMark], now: Tick) {
        for mark in marks {
            let key = PushKey(user: mark.user, conversation: mark.conversation)
            guard var entry = inFlight.removeValue(forKey: key) else { continue }
            entry.dueAt = now + 1_000
            waiting[key] = entry
        }
    }
}

extension PushMachine.Waiting {
    /// When the first device is to be tried again, if one is.
    fileprivate var firstRetry: Tick? { retries.values.map(\.dueAt).min() }

    fileprivate mutating func keep(_ before: Self) {
        told = before.told
        done = before.done
        retries = before.retries
    }
}
