import Chat
import Vocabulary
import Wire

/// What the conversations must look like: built from the first apply of every command, by rules of its own. Who is
/// a member follows from the system messages alone.
struct ChatLedger {
    struct Message: Hashable {
        var seq: Seq
        /// User messages up to and including this one.
        var ordinal: Int
        var sender: UserID
        var device: DeviceID?
        var id: ClientMessageID
        /// As it was sent.
        var content: String
        var isSystem: Bool
        var timestamp: Timestamp
        var messageID: MessageID
        var replyTo: MessageID?
        /// The count of commands with it.
        var command = 0
        var fate = Fate()
    }

    /// From joining to leaving; both are seqs that the member may see.
    struct Stay: Hashable {
        var from: Seq
        var to: Seq?

        func includes(_ seq: Seq) -> Bool { seq >= from && to.map { seq <= $0 } ?? true }
    }

    struct Watermarks: Hashable {
        var delivered = Seq.zero
        var read = Seq.zero
    }

    struct Conversation {
        var isGroup: Bool
        var messages: [Message] = []
        var stays: [UserID: [Stay]] = [:]
        var watermarks: [UserID: Watermarks] = [:]
        var lastSent: [UserID: Seq] = [:]
        /// Seqs of own messages, ascending.
        var sent: [UserID: [Seq]] = [:]
        var memberEpoch: UInt64 = 0
        /// Of the last change of a message.
        var rev = Rev.zero
        var title = ""
        /// Up to here the operator's retention has taken everything.
        var gone = Seq.zero

        var head: Seq { Seq(UInt64(messages.count)) }
        var users: [UserID] { stays.keys.sorted() }

        func message(_ seq: Seq) -> Message? {
            seq > .zero && seq <= head ? messages[Int(seq.raw) - 1] : nil
        }

        func isMember(_ user: UserID) -> Bool { stays[user]?.last.map { $0.to == nil } ?? false }

        /// True when a message after `seq` by this user would have been accepted.
        func isMember(_ user: UserID, after seq: Seq) -> Bool {
            stays[user]?.contains { $0.from <= seq && ($0.to.map { $0 > seq } ?? true) } ?? false
        }

        func shows(_ seq: Seq, to user: UserID) -> Bool {
            stays[user]?.contains { $0.includes(seq) } ?? false
        }

        /// What a user is owed: its last stay.
        func visible(to user: UserID) -> ClosedRange<UInt64>? {
            guard let stay = stays[user]?.last else { return nil }
            let last = stay.to ?? head
            return stay.from <= last ? stay.from.raw...last.raw : nil
        }

        /// Messages by others after what the user has read or sent last.
        func unread(of user: UserID) -> Int {
            guard let visible = visible(to: user) else { return 0 }
            func ordinal(_ seq: Seq) -> Int { message(seq)?.ordinal ?? 0 }
            let marks = [watermarks[user]?.read ?? .zero, lastSent[user] ?? .zero]
            let beforeJoin = Seq(visible.lowerBound - 1)
            let floor = (marks + [beforeJoin, gone]).map(ordinal).max() ?? 0
            return max(0, ordinal(Seq(visible.upperBound)) - floor)
        }
    }

    struct SendKey: Hashable {
        var conversation: ConversationID
        var sender: UserID
        var id: ClientMessageID
    }

    var conversations: [ConversationID: Conversation] = [:]
    var privacy = Privacy()
    var rows = Rows()
    var standing = Standing()
    var erasures = Erasures()
    /// Direct conversations that know of a block, by the count of commands when they came to know.
    private(set) var blockedSince: [ConversationID: Int] = [:]
    /// Commands that were applied.
    private(set) var commands = 0
    var seqs: [SendKey: Seq] = [:]
    /// Messages that retention took.
    var forgotten = 0
    private var blockedOnce: Set<SendKey> = []
    private var versions: [UserID: InboxVersion] = [:]

    subscript(id: ConversationID) -> Conversation? { conversations[id] }
    func head(_ id: ConversationID) -> Seq { conversations[id]?.head ?? .zero }

    /// One command was applied for the first time anywhere. Returns what is wrong with what it did.
    /// Whether the log has refused the send for a block at some time; what became of it later is another matter.
    func wasBlockedOnce(_ id: ClientMessageID, by user: UserID, in conversation: ConversationID) -> Bool {
        blockedOnce.contains(SendKey(conversation: conversation, sender: user, id: id))
    }

    mutating func committed(
        _ command: Command, _ outcome: CommandOutcome, at index: LogIndex
    ) -> String? {
        commands += 1
        defer { standing.committed(command, outcome, at: index, rows, commands) }
        switch (command, outcome) {
        case (_, .message(let outcome)):
            if case .failure(let refusal) = outcome.result, refusal.code == .blocked {
                blockedOnce.insert(
                    SendKey(
                        conversation: outcome.conversation, sender: outcome.sender,
                        id: outcome.clientMessageID))
            }
            guard let change = outcome.change, let record = change.message else { return nil }
            return committed(record, change)
        case (_, .group(let outcome)):
            guard let change = outcome.change, let record = change.message else { return nil }
            return committed(record, change)
        case (.changeMessage(let command), .messageChanged(let outcome)): return committed(command, outcome)
        case (.privacy(let command), .privacy(let outcome)): return privacy.committed(command, outcome)
        case (.memberFlags(let updates), _):
            for update in updates {
                privacy.committed(update)
                let since = blockedSince[update.conversation] ?? commands
                blockedSince[update.conversation] = privacy.isBlocked(update.conversation) ? since : nil
            }
            return nil
        case (.receipts(let batch), .receipts(let outcomes)):
            for (mark, outcome) in zip(batch.marks, outcomes) {
                if let wrong = committed(mark, outcome) { return wrong }
            }
            return nil
        case (.retention(let command), .forgotten):
            committed(command)
            return nil
        case (.eraseMember(let command), .memberErased(let outcome)): return committed(command, outcome)
        case (.account(let command), .account(let outcome)) where outcome.isErased:
            erased(command.user)
            return nil
        case (.account(let command), .account(let outcome)):
            guard case .settings(let id, let change, let pending) = command.change,
                case .success = outcome.result
            else { return nil }
            if let pending { rows.merge(pending, of: command.user) }
            rows.set(change, of: command.user, in: id)
            return nil
        case (_, .inbox(let outcomes)):
            if case .inboxBatch(let updates) = command {
                for update in updates where !isErased(update.user) { rows.merge(update.row, of: update.user) }
            }
            for row in outcomes {
                // I22: a user's inbox version strictly rises.
                let known = versions[row.user] ?? .zero
                guard row.version > known else {
                    return "\(row.user)'s inbox goes from version \(known) to \(row.version)"
                }
                versions[row.user] = row.version
            }
            return nil
        default: return nil
        }
    }

    /// I15, I17, I18, I20: gapless, each send once, by members only, one epoch for each change of members.
    mutating func committed(_ record: MessageRecord, _ change: ConversationChange) -> String? {
        let id = record.conversation
        let isGroup = change.kind == .group
        var conversation = conversations[id] ?? Conversation(isGroup: isGroup)
        guard record.seq == conversation.head.next else {
            return "\(id): seq \(record.seq) comes after \(conversation.head)"
        }
        let isSystem = record.type == .system
        if !isGroup {
            conversation.memberEpoch = 1
            for user in change.pair { conversation.stays[user] = [Stay(from: Seq(1))] }
        }
        if isSystem {
            guard change.memberEpoch == conversation.memberEpoch + 1 else {
                return "\(id): member epoch \(change.memberEpoch) after \(conversation.memberEpoch)"
            }
            conversation.memberEpoch = change.memberEpoch
            conversation.take(record)
        } else {
            if change.memberEpoch != conversation.memberEpoch {
                return "\(id): a message changes the member epoch to \(change.memberEpoch)"
            }
            guard conversation.isMember(record.sender) else {
                return "\(id): \(record.sender) is no member and has seq \(record.seq)"
            }
            let key = SendKey(conversation: id, sender: record.sender, id: record.clientMessageID)
            if let earlier = seqs[key] {
                return "\(record.clientMessageID) is stored at \(earlier) and at \(record.seq)"
            }
            if erasures.closed.contains(id) { return "\(id) is closed and has seq \(record.seq)" }
            if privacy.isBlocked(id) { return "\(id) is blocked and \(record.sender) has seq \(record.seq)" }
            seqs[key] = record.seq
            conversation.lastSent[record.sender] = record.seq
            conversation.sent[record.sender, default: []].append(record.seq)
        }
        let ordinal = (conversation.messages.last?.ordinal ?? 0) + (isSystem ? 0 : 1)
        conversation.messages.append(
            Message(
                seq: record.seq, ordinal: ordinal, sender: record.sender, device: record.senderDevice,
                id: record.clientMessageID, content: record.content, isSystem: isSystem,
                timestamp: record.timestamp, messageID: record.messageID, replyTo: record.replyTo,
                command: commands))
        conversations[id] = conversation
        return nil
    }

    /// I19: receipts only grow, up to what the member may see, and what is said of them is so.
    private mutating func committed(_ mark: ReceiptMark, _ outcome: ReceiptOutcome) -> String? {
        let id = mark.conversation
        guard outcome.refusal == nil, var conversation = conversations[id],
            let last = conversation.visible(to: mark.user).map({ Seq($0.upperBound) })
        else { return nil }
        var marks = conversation.watermarks[mark.user] ?? Watermarks()
        marks.delivered = max(marks.delivered, min(max(mark.delivered, mark.read), last))
        marks.read = max(marks.read, min(mark.read, last))
        conversation.watermarks[mark.user] = marks
        conversations[id] = conversation
        guard let change = outcome.change else { return nil }
        for event in change.statuses {
            let known = event.status == .read ? marks.read : marks.delivered
            if event.user != mark.user || event.seq != known {
                return "\(id): \(event.user)'s \(event.status) is said to be \(event.seq), it is \(known)"
            }
        }
        for member in change.members where member.user == mark.user {
            if member.read != marks.read || member.delivered != marks.delivered {
                return "\(id): \(mark.user) stands at \(member.delivered) and \(member.read), not at \(marks)"
            }
        }
        return nil
    }

    /// Where a send is stored.
    func place(of id: ClientMessageID, by sender: UserID, in conversation: ConversationID) -> Seq? {
        seqs[SendKey(conversation: conversation, sender: sender, id: id)]
    }
}

extension ChatLedger.Conversation {
    /// Who comes and goes with a system message.
    fileprivate mutating func take(_ record: MessageRecord) {
        guard case .object(let event)? = try? JSONReader.parse(Array(record.content.utf8)),
            case .string(let word)? = event["event"]
        else { return }
        var named: [UserID] = []
        if case .array(let texts)? = event["user_ids"] {
            for case .string(let text) in texts { named.append(UserID(unchecked: text)) }
        }
        switch word {
        case "created": for user in named + [record.sender] { join(user, with: record.seq) }
        case "added": for user in named { join(user, with: record.seq) }
        case "joined": for user in named + [record.sender] { join(user, with: record.seq) }
        case "removed", "left":
            for user in named + (word == "left" ? [record.sender] : []) {
                guard let last = stays[user]?.indices.last, stays[user]?[last].to == nil else { continue }
                stays[user]?[last].to = record.seq
            }
        default: break
        }
        if case .string(let name)? = event["name"] { title = name }
    }

    private mutating func join(_ user: UserID, with seq: Seq) {
        if isMember(user) { return }
        stays[user, default: []].append(ChatLedger.Stay(from: seq))
        // Everything before counts as read.
        watermarks[user] = ChatLedger.Watermarks(delivered: seq.previous, read: seq.previous)
    }
}
