import Vocabulary
import Wire

/// Settings and blocks of one led partition's users: proposes changes, answers them, and drives their copies
/// into the conversations, at least once and in any order. What it owes is in the log as marks, so a new leader
/// takes it up again.
package struct PrivacyMachine: Sendable {
    /// A block is answered once the conversation knows it, or after this long: it is durable then all the same.
    package static let blockAnswerMilliseconds: UInt64 = 3_000
    /// Copies under way at once.
    private static let copiesMax = 256
    /// Conversations read in one step of a walk over all of a user's.
    private static let walkStep = 64

    private let blocksMax: Int
    private var waiting: [PrivacyCommand: [UInt64]] = [:]
    private var copies: [Place: Copy] = [:]
    private var walks: [UserID: Walk] = [:]
    private var unnoted: [FlagsMark] = []
    private var blocks: [Place: [WaitingBlock]] = [:]

    private struct Place: Hashable, Comparable, Sendable {
        var user: UserID
        var conversation: ConversationID
        static func < (a: Self, b: Self) -> Bool { (a.user, a.conversation) < (b.user, b.conversation) }
    }

    private struct Copy: Sendable {
        var peer: UserID
        /// At least this version is owed.
        var version: UInt64
        var dueAt: Tick = .zero
        var attempts: UInt64 = 0
    }

    /// All direct conversations of one user are to be told.
    private struct Walk: Sendable {
        var version: UInt64
        var after: ConversationID?
        var isRead = false
    }

    private struct WaitingBlock: Sendable {
        var token: UInt64
        var result: OperationResult
        var until: Tick
    }

    package init(limits: Limits) { blocksMax = limits.blocksMax }

    package var isQuiet: Bool { copies.isEmpty && walks.isEmpty && unnoted.isEmpty && blocks.isEmpty }

    /// Begins as leader: takes up what an earlier one may not have delivered.
    package mutating func started<View: StateView>(_ reader: ChatReader<View>) {
        owe(reader.flagsDue())
    }

    package mutating func handle<View: StateView>(
        _ token: UInt64, _ request: PrivacyRequest, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        switch request {
        case .settings(let user): return answer(token, .settings(reader.settings(of: user)))
        case .change(let user, let change): return propose(.change(user, change), token)
        case .block(let user, let peer, let isBlocked):
            let block = BlockCommand(
                user: user, peer: peer, isBlocked: isBlocked, blocksMax: blocksMax, at: now.wall)
            return propose(.block(block), token)
        case .blocks(let user, let after, let limit):
            return answer(token, .blocks(reader.blocks(of: user, after: after, limit: limit)))
        case .sights(let viewer, let users):
            return answer(token, .sights(reader.sights(of: users, for: viewer)))
        }
    }

    private func answer(_ token: UInt64, _ answer: PrivacyAnswer) -> [ChatDirective] {
        [.reply(token, .privacy(answer))]
    }

    private mutating func propose(_ command: PrivacyCommand, _ token: UInt64) -> [ChatDirective] {
        waiting[command, default: []].append(token)
        return [.propose(.privacy(command))]
    }

    /// A change was applied, whoever proposed it.
    ///
    /// - Parameter pending: the user's inbox rows that are not committed yet, which a walk would not find.
    package mutating func applied(
        _ outcome: PrivacyOutcome, pending: [InboxRow], now: Moment
    ) -> [ChatDirective] {
        if let due = outcome.due {
            owe(due)
            if due.peer == nil { owe(due.mark, pending: pending) }
        }
        guard let token = take(outcome.command) else { return [] }
        let result: OperationResult
        switch outcome.result {
        case .failure(let refusal): return [.reply(token, .refused(refusal))]
        case .success(let settings): result = .privacy(.settings(settings))
        }
        if case .block(let block) = outcome.command {
            let place = Place(
                user: block.user, conversation: .direct(between: block.user, and: block.peer))
            if copies[place] != nil {
                let until = now.tick + Self.blockAnswerMilliseconds
                blocks[place, default: []].append(WaitingBlock(token: token, result: result, until: until))
                return []
            }
        }
        return [.reply(token, result)]
    }

    private mutating func take(_ command: PrivacyCommand) -> UInt64? {
        guard var queue = waiting[command], !queue.isEmpty else { return nil }
        let token = queue.removeFirst()
        waiting[command] = queue.isEmpty ? nil : queue
        return token
    }

    /// A change was not proposed after all.
    package mutating func refused(_ command: PrivacyCommand, _ refusal: Refusal) -> [ChatDirective] {
        if case .flagsDelivered(let marks) = command {
            unnoted += marks
            return []
        }
        return take(command).map { [.reply($0, .refused(refusal))] } ?? []
    }

    /// Conversations that are to be told.
    package mutating func owe(_ due: [FlagsDue]) {
        for due in due { owe(due) }
    }

    private mutating func owe(_ mark: FlagsMark, pending: [InboxRow]) {
        for row in pending where row.kind == .direct {
            guard let peer = row.peer else { continue }
            let one = FlagsMark(user: mark.user, conversation: row.conversation, version: mark.version)
            owe(FlagsDue(mark: one, peer: peer))
        }
    }

    private mutating func owe(_ due: FlagsDue) {
        let mark = due.mark
        guard let conversation = mark.conversation, let peer = due.peer else {
            walks[mark.user] = Walk(version: mark.version)
            return
        }
        let place = Place(user: mark.user, conversation: conversation)
        copies[place] = Copy(peer: peer, version: max(copies[place]?.version ?? 0, mark.version))
    }

    /// A direct conversation's first message: its other side is told at once, ahead of any receipt. Also of receipts that
    /// are on again: what was said ahead of the conversation, with a block for instance, may say that they are off.
    package mutating func met<View: StateView>(_ item: FanoutItem, _ reader: ChatReader<View>) {
        guard item.kind == .direct, item.messages.first?.seq == Seq(1) else { return }
        for target in item.targets {
            guard let peer = item.peer(of: target.user),
                let version = reader.view.privacy(target.user)?.version
            else { continue }
            let place = Place(user: target.user, conversation: item.conversation)
            if copies[place] == nil { copies[place] = Copy(peer: peer, version: version) }
        }
    }

    /// The account is no more, and has nothing to tell of itself.
    package mutating func forget(_ user: UserID) -> [ChatDirective] {
        walks[user] = nil
        copies = copies.filter { $0.key.user != user }
        let waiting = blocks.filter { $0.key.user == user }.sorted { $0.key < $1.key }
        for (place, _) in waiting { blocks[place] = nil }
        return waiting.flatMap { $0.value.map { .reply($0.token, $0.result) } }
    }

    package var hasCopies: Bool { !copies.isEmpty || !walks.isEmpty }

    /// Copies to send now, as they are now.
    package mutating func takeCopies<View: StateView>(
        now: Tick, reader: ChatReader<View>
    ) -> [MemberFlagsUpdate] {
        guard hasCopies else { return [] }
        walk(reader)
        var updates: [MemberFlagsUpdate] = []
        for place in copies.keys.sorted() {
            guard var copy = copies[place], copy.dueAt <= now else { continue }
            copy.dueAt = now + (1_000 << min(copy.attempts, 3))
            copy.attempts += 1
            copies[place] = copy
            updates.append(
                MemberFlagsUpdate(
                    conversation: place.conversation, user: place.user,
                    flags: reader.flags(of: place.user, toward: copy.peer)))
        }
        return updates
    }

    private mutating func walk<View: StateView>(_ reader: ChatReader<View>) {
        for user in walks.keys.sorted() where copies.count < Self.copiesMax {
            guard var walk = walks[user], !walk.isRead else { continue }
            let step = reader.directConversations(of: user, after: walk.after, limit: Self.walkStep)
            for (id, peer) in step.found {
                let place = Place(user: user, conversation: id)
                let version = max(copies[place]?.version ?? 0, walk.version)
                copies[place] = Copy(peer: peer, version: version)
            }
            walk.after = step.last
            walk.isRead = step.last == nil
            walks[user] = walk
        }
        endWalks()
    }

    /// Conversations have committed these copies.
    package mutating func delivered(_ updates: [MemberFlagsUpdate]) -> [ChatDirective] {
        var directives: [ChatDirective] = []
        for update in updates {
            let place = Place(user: update.user, conversation: update.conversation)
            guard let copy = copies[place], update.flags.version >= copy.version else { continue }
            copies[place] = nil
            unnoted.append(
                FlagsMark(
                    user: update.user, conversation: update.conversation, version: update.flags.version))
            directives += (blocks.removeValue(forKey: place) ?? []).map { .reply($0.token, $0.result) }
        }
        endWalks()
        return directives
    }

    private mutating func endWalks() {
        let busy = Set(copies.keys.map(\.user))
        for (user, walk) in walks where walk.isRead && !busy.contains(user) {
            walks[user] = nil
            unnoted.append(FlagsMark(user: user, conversation: nil, version: walk.version))
        }
    }

    /// Notes what was delivered, and answers blocks that wait too long. Call once a second.
    package mutating func tick(now: Tick) -> [ChatDirective] {
        var directives: [ChatDirective] = []
        for (place, waiting) in blocks.sorted(by: { $0.key < $1.key }) {
            let late = waiting.filter { $0.until <= now }
            guard !late.isEmpty else { continue }
            directives += late.map { .reply($0.token, $0.result) }
            let rest = waiting.filter { $0.until > now }
            blocks[place] = rest.isEmpty ? nil : rest
        }
        if !unnoted.isEmpty {
            let marks = unnoted.sorted {
                ($0.user, $0.conversation ?? .zero, $0.version) < (
                    $1.user, $1.conversation ?? .zero, $1.version
                )
            }
            unnoted = []
            directives.append(.propose(.privacy(.flagsDelivered(marks))))
        }
        return directives
    }

    /// Answers everybody who waits: this leader does not learn the outcome any more.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        var tokens = waiting.values.flatMap { $0 }
        tokens += blocks.values.flatMap { $0.map(\.token) }
        waiting = [:]
        blocks = [:]
        return tokens.sorted().map { .reply($0, .refused(refusal)) }
    }
}

extension ConversationID {
    static let zero = ConversationID(high: 0, low: 0)
}
