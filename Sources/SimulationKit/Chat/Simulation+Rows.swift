import Vocabulary
import Wire

/// Devices pin, mute, archive and mark what stands in their user's list.
extension Simulation {
    func changeRow(_ number: Int, on id: UInt64) {
        let user = chat.devices[number].viewer.user
        let known = chat.checker.ledger.rows.conversations(of: user)
        guard let conversation = known.randomElement(using: &chat.devices[number].random) else { return }
        var change = RowSettingsChange()
        switch Int.random(in: 0..<10, using: &chat.devices[number].random) {
        case 0..<3: change.archived = chat.devices[number].random.chance(percent: 75)
        case 3..<5: change.pinned = chat.devices[number].random.chance(percent: 60)
        case 5..<8: change.markedUnread = chat.devices[number].random.chance(percent: 80)
        default:
            let until =
                Int64(tick.raw) + Int64.random(in: 1_000...20_000, using: &chat.devices[number].random)
            change.mute =
                chat.devices[number].random.chance(percent: 25)
                ? .off : .until(Timestamp(1_700_000_000_000 + until))
        }
        let request = AccountRequest(
            user: user, ask: .change(.settings(conversation, change, pending: nil)))
        call(.account(request), .row(conversation, change), floor: .zero, number, on: id)
    }
}

extension ChatChecker {
    /// What one device was told of its user's rows.
    struct ToldRow {
        var settings = ChatLedger.Rows.Settings()
        /// On this connection nothing goes back behind this place of the row's history.
        var place = 0
        var connection: UInt64 = 0
    }

    /// The answer to a change is the row after some change, and not one before it was asked for.
    func acknowledged(
        _ change: RowSettingsChange, _ row: InboxRow, by viewer: Viewer, in conversation: ConversationID
    ) {
        rowChanges += 1
        // What it had is forgotten.
        if ledger.isErased(viewer.user) { return }
        let told = ChatLedger.Rows.Settings(row.settings)
        let name = "\(viewer.user)'s \(change) of \(conversation)"
        guard row.conversation == conversation,
            ledger.rows[viewer.user, conversation]?.history.contains(told) == true
        else { return fail("\(name) was answered with \(row), which it never was") }
        let isDone =
            (change.pinned.map { $0 == told.isPinned } ?? true)
            && (change.archived.map { $0 == told.isArchived } ?? true)
            && (change.markedUnread.map { $0 == told.isMarkedUnread } ?? true)
        if !isDone { fail("\(name) was answered with \(told)") }
    }

    /// Only what passes: devices ask about rows that are in the log.
    func refused(_ refusal: Refusal, of what: DeviceCall.What, by viewer: Viewer) {
        switch refusal.code {
        case .gone where ledger.isErased(viewer.user): break
        case .unknown, .unavailable, .overloaded, .draining, .rateLimited, .storageFull: break
        default: fail("\(what) was refused: \(refusal)")
        }
    }

    /// Nothing is invented, and on one connection nothing goes back.
    func row(_ object: JSONObject, to viewer: Viewer, on connection: UInt64) {
        rowsTold += 1
        if ledger.isErased(viewer.user) { return }
        let name = "\(viewer.user)/\(viewer.device)"
        guard let id = object.conversation, let settings = ChatLedger.Rows.Settings(object) else {
            return fail("\(name): a conversation lacks fields: \(object)")
        }
        var told = toldRows[viewer.number]?[id] ?? ToldRow()
        if told.connection != connection { told.place = 0 }
        told.connection = connection
        guard let history = ledger.rows[viewer.user, id]?.history,
            let place = history[told.place...].firstIndex(of: settings)
        else { return fail("\(name) is told that \(id) is \(settings), which it is no more or never was") }
        told.place = place
        told.settings = settings
        toldRows[viewer.number, default: [:]][id] = told
    }

    /// At the end every device knows every row as it is.
    func lacksRow(_ viewer: Viewer) -> String? {
        for id in ledger.rows.conversations(of: viewer.user) {
            let told = toldRows[viewer.number]?[id]?.settings ?? ChatLedger.Rows.Settings()
            guard let row = ledger.rows[viewer.user, id], row.settings != told else { continue }
            return "knows \(id) as \(told), it is \(row.settings)"
        }
        return nil
    }
}
