import Chat
import Vocabulary
import Wire

/// Judges what clients were shown and told, from outside: every frame of every device against the ledger
/// (guarantees G1 to G11, invariants I15 to I22).
final class ChatChecker {
    /// One device's screen of one conversation.
    struct Screen {
        /// Everything owed up to here was shown, or was sent by the device.
        var shown: UInt64 = 0
        var isStarted = false
        /// The connection that `last` and `told` are of: on one connection nothing is repeated or goes back.
        var connection: UInt64 = 0
        var last: UInt64 = 0
        var told: [StatusKey: UInt64] = [:]
        /// The furthest status ever told, over all connections.
        var statuses: [StatusKey: UInt64] = [:]
        /// What stands on the screen, by seq.
        var messages: [UInt64: ShownState] = [:]

        mutating func enter(_ connection: UInt64) {
            guard self.connection != connection else { return }
            self.connection = connection
            last = 0
            told = [:]
        }
    }

    struct StatusKey: Hashable {
        var user: UserID
        var isRead: Bool
    }

    /// Which device, for the checker: one that registered late starts anywhere.
    struct Viewer {
        var number: Int
        var user: UserID
        var device: DeviceID
        var isLate: Bool
    }

    var ledger = ChatLedger()
    private(set) var violations: [String] = []
    var screens: [Int: [ConversationID: Screen]] = [:]
    private var acknowledgedHead: [ConversationID: Seq] = [:]
    private(set) var sends = 0
    private(set) var shown = 0
    private(set) var statusesTold = 0
    private(set) var groupChanges = 0
    private(set) var pages = 0
    var changes = 0
    var updatesTold = 0
    var blocksTold = 0
    var rowChanges = 0
    var rowsTold = 0
    var pushBook = PushBook()
    var typed: [Typing: UInt64] = [:]
    var hints = 0
    var goneTold = 0
    var presence = PresenceBook()
    /// Of the event that is being handled.
    var now: UInt64 = 0
    /// How many commands were applied at which time.
    var counts: [(at: UInt64, commands: Int)] = []
    var toldRows: [Int: [ConversationID: ToldRow]] = [:]
    /// Sends that were refused after an earlier connection had carried them too.
    private(set) var refusedAgain: Set<RefusedSend> = []
    /// Deletions for everyone that some client was told of, in that order.
    var deletionsTold: [(conversation: ConversationID, seq: Seq)] = []

    func fail(_ text: String) { violations.append(text) }

    /// An entry was applied for the first time anywhere.
    func committed(_ entry: LogEntry, _ outcomes: [CommandOutcome]) {
        guard case .command(let bytes) = entry.payload else { return }
        guard let commands = try? Command.decode(bytes), commands.count == outcomes.count else {
            return fail("entry \(entry.index) has not one outcome for each command")
        }
        for (command, outcome) in zip(commands, outcomes) {
            if let wrong = ledger.committed(command, outcome, at: entry.index) { fail(wrong) }
            if case .privacy(let privacy) = outcome, case .success = privacy.result {
                presence.committed(command, at: now)
            }
        }
    }

    /// The highest seq that any client was told of: what begins later must come after it (G5, G9).
    func head(_ conversation: ConversationID) -> Seq { acknowledgedHead[conversation] ?? .zero }

    private func told(_ seq: Seq, of conversation: ConversationID) {
        acknowledgedHead[conversation] = max(head(conversation), seq)
    }

    // MARK: Answers

    /// G1, G4, G5: an acknowledged send is in the log where the answer says, once, after what was told before.
    func acknowledged(_ send: SimulatedSend, by viewer: Viewer, seq: Seq, in conversation: ConversationID) {
        sends += 1
        guard conversation == send.conversation else {
            return fail("\(send.id) was acknowledged in \(conversation)")
        }
        guard let message = ledger[conversation]?.message(seq), message.id == send.id,
            message.sender == viewer.user, message.content == send.content
        else { return fail("\(send.id) was acknowledged at \(seq) of \(conversation), which is not it") }
        if seq <= send.floor {
            fail("\(send.id) began after \(send.floor) was told of and has seq \(seq)")
        }
        told(seq, of: conversation)
    }

    /// G8, G11: a refusal is definite, so it must have been true at some moment since the request began.
    func refused(_ code: String, user: UserID, in conversation: ConversationID, floor: Seq) {
        guard code == "not_member" else { return }
        let known = ledger[conversation]
        let head = known?.head ?? .zero
        let wasOut = (floor.raw...max(floor.raw, head.raw)).contains {
            known?.isMember(user, after: Seq($0)) != true
        }
        if !wasOut { fail("\(user) was refused as no member of \(conversation), of which it always was one") }
    }

    func wasMember(_ user: UserID, of conversation: ConversationID, from first: Seq, to last: Seq) -> Bool {
        let known = ledger[conversation]
        return known?.isGroup == false
            || (max(first.raw, 1)...max(first.raw, last.raw, 1)).allSatisfy {
                known?.isMember(user, after: Seq($0)) ?? false
            }
    }

    /// A definite refusal means that nothing was stored.
    func refused(_ send: SimulatedSend, _ code: String, user: UserID) {
        refused(code, user: user, in: send.conversation, floor: send.floor)
        if code == "blocked", !ledger.privacy.everBlocked.contains(send.conversation) {
            fail("\(send.id) was refused as blocked, and nobody ever blocked anybody there")
        }
        if code == "gone", !ledger.erasures.closed.contains(send.conversation) {
            fail("\(send.id) was refused as gone, and nobody there is")
        }
        if let seq = ledger.place(of: send.id, by: user, in: send.conversation) {
            fail("\(send.id) was refused with \(code) and is stored at \(seq)")
        }
        // What an earlier connection carried can still be on its way: the refusal is true of the later attempt only.
        if send.attempts > 1 { refusedAgain.insert(RefusedSend(user: user, id: send.id)) }
    }

    struct RefusedSend: Hashable {
        var user: UserID
        var id: ClientMessageID
    }

    /// G8: whoever was added is a member from then on, whoever was removed is none.
    func changed(_ request: GroupRequest, _ result: GroupResult, floor: Seq) {
        groupChanges += 1
        guard let known = ledger[request.group], result.seq <= known.head else {
            return fail("a change of \(request.group) was acknowledged at \(result.seq), which is not there")
        }
        switch request.change {
        case .remove(let user) where known.isMember(user, after: result.seq):
            fail("\(user) was removed from \(request.group) at \(result.seq) and is a member")
        case .leave where known.isMember(request.actor, after: result.seq):
            fail("\(request.actor) left \(request.group) at \(result.seq) and is a member")
        case .add:
            for member in result.members where member.result == .added || member.result == .already {
                if !known.isMember(member.user, after: result.seq) {
                    fail("\(member.user) was added to \(request.group) at \(result.seq) and is no member")
                }
            }
        default: break
        }
        if case .create = request.change {
        } else if result.seq < floor {
            fail("a change of \(request.group) has seq \(result.seq) after \(floor) was told of")
        }
        told(result.seq, of: request.group)
    }

    /// G7: an acknowledged receipt is in the log.
    func acknowledgedReceipt(_ seq: Seq, isRead: Bool, by user: UserID, in conversation: ConversationID) {
        let marks = ledger[conversation]?.watermarks[user]
        let reached = (isRead ? marks?.read : marks?.delivered) ?? .zero
        let last = ledger[conversation]?.visible(to: user)?.upperBound ?? 0
        // What is gone was delivered to nobody.
        if reached.raw < min(seq.raw, last), seq > ledger[conversation]?.gone ?? .zero {
            fail("\(user)'s receipt \(seq) in \(conversation) was acknowledged; the log has \(reached)")
        }
    }

    // MARK: What devices see

    /// G3, G6, I21: the next message, whole and in order, and only what the user may see.
    func shown(_ message: ShownMessage, to viewer: Viewer, on connection: UInt64) {
        shown += 1
        let id = message.conversation
        let seq = message.seq
        let name = "\(viewer.user)/\(viewer.device)"
        guard let known = ledger[id], let stored = known.message(Seq(seq)),
            message.isSame(as: stored, for: viewer.user)
        else {
            return fail("\(name) is shown something at \(seq) of \(id) that is not there: \(message)")
        }
        guard known.shows(Seq(seq), to: viewer.user) else {
            return fail("\(name) is shown \(seq) of \(id), of which it is no member then")
        }
        comes(seq, upTo: seq, of: id, known, to: viewer, on: connection, "shown \(seq)")
        screens[viewer.number]?[id]?.messages[seq] = ShownState(message)
    }

    /// The next of a conversation comes to a device, or a range that is no more: in order, and nothing is left out.
    func comes(
        _ first: UInt64, upTo last: UInt64, of id: ConversationID, _ known: ChatLedger.Conversation,
        to viewer: Viewer, on connection: UInt64, _ what: @autoclosure () -> String
    ) {
        let name = "\(viewer.user)/\(viewer.device)"
        var screen = screens[viewer.number]?[id] ?? Screen()
        if viewer.isLate, !screen.isStarted { screen.shown = first - 1 }
        screen.isStarted = true
        screen.enter(connection)
        if first <= screen.last {
            fail("\(name) is \(what()) of \(id) after \(screen.last) on one connection")
        }
        screen.last = last
        if first > screen.shown,
            let gap = (screen.shown + 1..<first).first(where: {
                isOwed(Seq($0), with: Seq(first), known, viewer)
            })
        {
            fail("\(name) is \(what()) of \(id) without \(gap)")
        }
        screen.shown = max(screen.shown, last)
        screens[viewer.number, default: [:]][id] = screen
    }

    /// Whether a device that is shown `later` must have been shown `seq`.
    private func isOwed(
        _ seq: Seq, with later: Seq, _ known: ChatLedger.Conversation, _ viewer: Viewer
    ) -> Bool {
        guard !isOwn(known.message(seq), viewer) else { return false }
        return known.stays[viewer.user]?.contains { $0.includes(seq) && $0.includes(later) } ?? false
    }

    private func isOwn(_ message: ChatLedger.Message?, _ viewer: Viewer) -> Bool {
        guard let message, !message.isSystem else { return false }
        return message.sender == viewer.user && message.device == viewer.device
    }

    /// G7: receipts only grow, and none is invented.
    func status(
        _ key: StatusKey, seq: UInt64, in id: ConversationID, to viewer: Viewer, on connection: UInt64
    ) {
        statusesTold += 1
        let name = "\(viewer.user)/\(viewer.device)"
        let marks = ledger[id]?.watermarks[key.user] ?? ChatLedger.Watermarks()
        if seq > (key.isRead ? marks.read : marks.delivered).raw {
            fail("\(name) is told that \(key) is at \(seq) of \(id); the log has \(marks)")
        }
        var screen = screens[viewer.number]?[id] ?? Screen()
        screen.enter(connection)
        if let last = screen.told[key], seq < last {
            fail("\(name) is told that \(key) goes back from \(last) to \(seq) of \(id)")
        }
        screen.told[key] = seq
        screen.statuses[key] = max(screen.statuses[key] ?? 0, seq)
        screens[viewer.number, default: [:]][id] = screen
    }

    /// G9: a page has no gaps, nothing that is not there, and nothing lacks that was told of before.
    func page(
        _ messages: [ShownMessage], of id: ConversationID, newest: Bool, floor: Seq, deletions: Int,
        to viewer: Viewer
    ) {
        pages += 1
        guard let known = ledger[id] else { return fail("\(viewer.user) reads \(id), which does not exist") }
        for (place, message) in messages.enumerated() {
            guard let stored = known.message(Seq(message.seq)), message.isSame(as: stored, for: viewer.user),
                known.shows(Seq(message.seq), to: viewer.user)
            else { return fail("\(viewer.user) reads \(message.seq) of \(id), which is not so") }
            if !message.isDeleted, stored.fate.isDeleted,
                deletionsTold.prefix(deletions).contains(where: { $0 == (id, stored.seq) })
            {
                fail("\(viewer.user) reads \(message.seq) of \(id) after its deletion was told of")
            }
            if place > 0, messages[place - 1].seq != message.seq + 1 {
                fail("\(viewer.user) reads \(message.seq) of \(id) after \(messages[place - 1].seq)")
            }
        }
        let mustShow =
            floor > known.gone && known.stays[viewer.user]?.contains { $0.includes(floor) } ?? false
        if newest, mustShow, (messages.first?.seq ?? 0) < floor.raw {
            fail("\(viewer.user) reads \(id) up to \(messages.first?.seq ?? 0) after \(floor) was told of")
        }
        if newest, let first = messages.first { told(Seq(first.seq), of: id) }
    }

    // MARK: The end

    /// What a device still lacks; nothing when its screen is the log and it knows every receipt it must know.
    func lacks(_ viewer: Viewer) -> String? {
        for (id, known) in ledger.conversations.sorted(by: { $0.key < $1.key }) {
            guard let visible = known.visible(to: viewer.user) else { continue }
            let screen = screens[viewer.number]?[id]
            if viewer.isLate && screen?.isStarted != true { continue }
            let from = max((screen?.shown ?? 0) + 1, visible.lowerBound)
            if from <= visible.upperBound,
                let missing = (from...visible.upperBound).first(where: {
                    !isOwn(known.message(Seq($0)), viewer)
                })
            {
                return "lacks \(missing) of \(visible) of \(id)"
            }
            if !viewer.isLate, let missing = lacksStatus(viewer, id, known, screen) { return missing }
            if let wrong = showsWrongly(viewer, known, screen) { return "\(wrong) of \(id)" }
        }
        return nil
    }

    /// Every member's receipt that covers one of the user's messages must be known at least up to that message.
    private func lacksStatus(
        _ viewer: Viewer, _ id: ConversationID, _ known: ChatLedger.Conversation, _ screen: Screen?
    ) -> String? {
        // Where receipts were hidden for a while nobody owes them.
        if ledger.privacy.everFlagged.contains(id) { return nil }
        // Who joined again is not told of what it had sent before.
        guard known.isMember(viewer.user), let joined = known.stays[viewer.user]?.last?.from,
            let sent = known.sent[viewer.user]?.filter({ $0 >= joined })
        else { return nil }
        for user in known.users where user != viewer.user && known.isMember(user) {
            guard let marks = known.watermarks[user], let stay = known.stays[user]?.last else { continue }
            for (isRead, mark) in [(false, marks.delivered), (true, marks.read)] {
                let covered = sent.last { $0 <= mark && $0 >= stay.from }
                let told = screen?.statuses[StatusKey(user: user, isRead: isRead)] ?? 0
                if let covered, told < covered.raw {
                    return
                        "knows \(user)'s \(isRead ? "read" : "delivered") up to \(told) of \(id), not \(covered)"
                }
            }
        }
        return nil
    }

    /// L4: a user's rows are what the conversations are.
    func differs(_ rows: [InboxRow], of user: UserID) -> String? {
        let byID = Dictionary(rows.map { ($0.conversation, $0) }) { first, _ in first }
        if byID.count != rows.count { return "a conversation is listed twice" }
        for (id, known) in ledger.conversations.sorted(by: { $0.key < $1.key }) {
            guard let visible = known.visible(to: user) else {
                if byID[id] != nil { return "\(id) is listed without having been joined" }
                continue
            }
            guard let row = byID[id] else { return "\(id) is not listed" }
            let isMember = known.isMember(user)
            if row.head.raw != visible.upperBound {
                return "\(id) is listed with head \(row.head) of \(visible)"
            }
            if row.isMember != isMember { return "\(id) is listed with isMember \(row.isMember)" }
            if row.read != known.watermarks[user]?.read ?? .zero {
                return "\(id) is listed with read \(row.read)"
            }
            if let own = ledger.rows[user, id]?.settings, own != ChatLedger.Rows.Settings(row.settings) {
                return "\(id) is listed with \(row.settings), not \(own)"
            }
            if ledger.erasures.closed.contains(id), row.title != "Deleted user" {
                return "\(id) is listed as \(row.title)"
            }
            guard isMember else {
                if !row.preview.isEmpty { return "\(id), which was left, is listed with \"\(row.preview)\"" }
                continue
            }
            if row.unread != known.unread(of: user) {
                return "\(id) is listed with \(row.unread) unread, not \(known.unread(of: user))"
            }
            if row.lastAt != known.messages.last?.timestamp {
                return "\(id) is listed with an older activity"
            }
            let preview = known.isHeadGone ? "" : known.messages.last?.preview(for: user) ?? ""
            if row.preview != preview { return "\(id) is listed with \"\(row.preview)\", not \"\(preview)\"" }
            if known.isGroup && row.title != known.title { return "\(id) is listed as \(row.title)" }
        }
        return nil
    }
}
