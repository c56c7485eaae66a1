import Vocabulary
import Wire

@testable import Chat

/// A device that keeps what it was shown, as the rules for sessions say.
final class TestDevice {
    let cluster: TestCluster
    let user: UserID
    let device: DeviceID
    private(set) var session: SessionKey?
    var positions: [ConversationID: ConversationPosition] = [:]
    /// The seqs written to the screen, by conversation.
    var written: [ConversationID: [UInt64]] = [:]
    /// The seqs sent on this device itself.
    var own: [ConversationID: Set<UInt64>] = [:]
    var statuses: [StatusEvent] = []
    var counts: [ReceiptCounts] = []
    /// What the screen shows of changed messages: by id, the latest of each kind.
    var updates: [UpdateEvent] = []
    /// Messages as they were written.
    var shown: [MessageID: MessageRecord] = [:]
    var presences: [PresenceState] = []
    var typings: [TypingRequest] = []
    var events: [SessionPush.Event] = []
    var version = InboxVersion.zero
    var closeCode: UInt16?
    /// The settings it was shown last, by conversation.
    var settings: [ConversationID: RowSettings] = [:]
    /// When its token was issued, where it is bound to the device.
    var boundSince: Timestamp?
    /// Why it was refused.
    private(set) var refusal: Refusal?
    var acknowledges = true
    private var sinceRefresh = 0
    private var opening: UInt64?
    private var buffered: [(SessionPush.Event, ConversationPosition)] = []

    init(_ cluster: TestCluster, _ user: UserID, _ device: DeviceID) {
        self.cluster = cluster
        self.user = user
        self.device = device
    }

    var isConnected: Bool { session != nil }

    func connect(withCursor: Bool = false, isRenewal: Bool = false) {
        let key = isRenewal ? session : SessionKey(node: cluster.node, number: cluster.number())
        guard let key else { return }
        session = key
        closeCode = nil
        let marks = positions.keys.sorted().map {
            SyncCursor.Mark(conversation: $0, position: positions[$0] ?? .start)
        }
        let cursor = withCursor || isRenewal ? SyncCursor(version: version, marks: marks) : nil
        opening = cluster.ask(
            .openSession(
                OpenSession(
                    user: user, device: device, session: key, cursor: cursor, isRenewal: isRenewal,
                    foreground: true, boundSince: boundSince)))
        refusal = nil
        cluster.devices[key.number] = self
        finishOpening()
    }

    /// Takes the answer of an open session when it is there.
    func finishOpening() {
        guard let token = opening else { return }
        switch cluster.results[token] {
        case .opened(let opened)?:
            opening = nil
            version = max(version, opened.version)
            for row in opened.settings { settings[row.conversation] = row.settings }
            for missed in opened.missed { fill(missed.conversation, from: missed.position, to: missed.head) }
            let waiting = buffered
            buffered = []
            for (event, position) in waiting { receive(event, position) }
        case nil: break
        case .refused(let refusal)?:
            opening = nil
            self.refusal = refusal
            drop()
        default: opening = nil
        }
    }

    func disconnect() {
        guard let session else { return }
        cluster.ask(.closeSession(user: user, session: session))
        drop()
    }

    func drop() {
        if let session { cluster.devices[session.number] = nil }
        session = nil
        opening = nil
        buffered = []
    }

    func tick() {
        finishOpening()
        sinceRefresh += 1
        guard let session, opening == nil, sinceRefresh >= 20 else { return }
        sinceRefresh = 0
        let refresh = SessionRefresh(user: user, device: device, session: session, foreground: true)
        let token = cluster.ask(.refreshSessions([refresh]))
        if cluster.results[token] == .unknownSessions([session]) { connect(isRenewal: true) }
    }

    func receive(_ event: SessionPush.Event, _ position: ConversationPosition) {
        if opening != nil, cluster.results[opening ?? 0] == nil {
            buffered.append((event, position))
            return
        }
        finishOpening()
        events.append(event)
        switch event {
        case .message(let message, let rev):
            let stands = positions[message.conversation] ?? position
            positions[message.conversation] = stands
            if message.seq <= stands.seq { return }
            if message.seq > stands.seq.next {
                catchUp(message.conversation)
            } else {
                write(message)
                moved(message.conversation, ConversationPosition(seq: message.seq, rev: rev))
            }
        case .status(let status):
            statuses.append(status)
            moved(status.conversation, ConversationPosition(seq: .zero, rev: status.rev), from: position)
        case .counts(let counts):
            self.counts.append(counts)
            moved(counts.conversation, ConversationPosition(seq: .zero, rev: counts.rev), from: position)
        case .advanced(let conversation, let head): fill(conversation, from: position, to: head)
        case .settings(let row): settings[row.conversation] = row.settings
        case .presence(let state): presences.append(state)
        case .typing(let request): typings.append(request)
        case .privacyChanged: break
        case .version(let version): self.version = max(self.version, version)
        case .close(let code, _):
            closeCode = code
            drop()
        case .update(let update): take(update, position)
        }
    }

    /// A `sent` for a message of this device.
    func sent(_ result: SentResult) {
        own[result.conversation, default: []].insert(result.seq.raw)
        let stands = positions[result.conversation] ?? serverPosition(result.conversation)
        positions[result.conversation] = stands
        if result.seq == stands.seq.next {
            moved(result.conversation, ConversationPosition(seq: result.seq, rev: .zero))
        } else if result.seq > stands.seq {
            catchUp(result.conversation)
        }
    }

    private func serverPosition(_ conversation: ConversationID) -> ConversationPosition {
        cluster.store(of: user).reader.position(of: device, of: user, in: conversation)
    }

    private func fill(
        _ conversation: ConversationID, from: ConversationPosition, to head: ConversationPosition
    ) {
        let stands = positions[conversation] ?? from
        positions[conversation] = stands
        if !stands.covers(head) { catchUp(conversation) }
    }

    private func catchUp(_ conversation: ConversationID) {
        while true {
            let query = CatchUpQuery(
                conversation: conversation, user: user, after: positions[conversation] ?? .start, limit: 3)
            guard case .caughtUp(let page)? = cluster.results[cluster.ask(.catchUp(query))] else { return }
            for message in page.messages { write(message) }
            statuses += page.statuses
            counts += page.counts.map { [$0] } ?? []
            for update in page.updates { show(update) }
            moved(conversation, page.position)
            if !page.hasMore { return }
        }
    }

    private func write(_ message: MessageRecord) {
        written[message.conversation, default: []].append(message.seq.raw)
        shown[message.messageID] = message
    }

    private func take(_ update: UpdateEvent, _ position: ConversationPosition) {
        let stands = positions[update.conversation] ?? position
        positions[update.conversation] = stands
        if update.seq > stands.seq { return catchUp(update.conversation) }
        show(update)
        moved(update.conversation, ConversationPosition(seq: .zero, rev: update.rev), from: position)
    }

    private func show(_ update: UpdateEvent) {
        updates.append(update)
        switch update.change {
        case .edited(let content): shown[update.messageID]?.content = content
        case .deleted: shown[update.messageID]?.becomeTombstone(at: update.timestamp)
        case .reaction(let emoji):
            var reactions = shown[update.messageID]?.reactions ?? []
            for place in reactions.indices { reactions[place].users.removeAll { $0 == update.user } }
            if let emoji { reactions.append(Reaction(emoji: emoji, users: [update.user])) }
            shown[update.messageID]?.reactions = reactions.filter { !$0.users.isEmpty }
        }
    }

    private func moved(
        _ conversation: ConversationID, _ to: ConversationPosition, from: ConversationPosition = .start
    ) {
        let before = positions[conversation] ?? from
        let position = before.merged(with: to)
        positions[conversation] = position
        guard acknowledges, position != before else { return }
        cluster.ask(
            .deviceAcks([
                DeviceAck(user: user, device: device, conversation: conversation, position: position)
            ]))
        if position.seq > before.seq {
            cluster.ask(
                .receipt(
                    ReceiptRequest(user: user, status: .delivered, target: .upTo(conversation, position.seq)))
            )
        }
    }

    /// The furthest receipt of `other` this device knows of.
    func known(_ status: ReceiptStatus, of other: UserID, in conversation: ConversationID) -> Seq {
        statuses.filter { $0.user == other && $0.status == status && $0.conversation == conversation }
            .map(\.seq).max() ?? .zero
    }
}
