import Vocabulary
import Wire

/// The protocol machine of one WebSocket connection: welcome, catch-up, live, sends, receipts, heartbeats.
///
/// Facts go in, directives come out by way of `out`. Deliberately not here: sockets, clocks, who leads what, and
/// the rate limit that all connections of a user share.
package struct ClientSession: Sendable {
    package let identity: SessionIdentity
    let rules: SessionRules

    /// What to do when an operation's result comes.
    enum Pending: Sendable {
        case open
        case send(ref: String?, ClientMessageID, isOwn: Bool)
        case history(ref: String?)
        case receipt(ref: String?, Receipt?)
        case catchUp(ConversationID)
        case presence([UserID])
        /// Nobody waits for it.
        case nothing
    }

    /// How a session stands with the leader of its user's partition.
    enum Registration: Sendable {
        case none
        case opening
        /// Asked to register again while that was already under way.
        case openingAgain
        case open
        /// Refused for the moment.
        case retrying(at: Tick)
        case closed
    }

    var registration = Registration.none
    var pending: [(token: OperationToken, what: Pending)] = []
    private var lastToken: UInt64 = 0

    // Conversations.
    var feeds: [ConversationID: ConversationFeed] = [:]
    /// The placement half of message ids seen, so that a receipt by message id needs no question.
    var conversations: [UInt64: ConversationID] = [:]
    var catchUpQueue: [ConversationID] = []
    var catchUpsRunning = 0
    /// Conversations to look at again.
    var retries: [(at: Tick, conversation: ConversationID)] = []

    // The first catch-up and the cursor.
    /// The leader of the user's partition has known this session.
    var wasOpened = false
    var unsynced: Set<ConversationID> = []
    var isSynced = false
    var version = InboxVersion.zero
    /// The version that holds once nothing is behind.
    var nextVersion = InboxVersion.zero
    var openingCursor: SyncCursor?
    var isCursorDirty = false
    var cursorDue = Tick.zero

    // Acknowledgements.
    var unflushedAcks: [ConversationID] = []
    var unflushedReceipts: [Receipt] = []
    var flushDue: Tick?
    var flushedAt: Tick?

    // Presence.
    var watched: [WatchedUser] = []
    var presenceDue: Tick?
    /// When leaders are asked again about whom this client watches: they could not be.
    var presenceRetryAt: Tick?
    var presenceWrittenAt: Tick?
    var typingBucket: TokenBucket

    // The connection.
    var sendsInFlight = 0
    var isReading = true
    var unwritableSince: Tick?
    /// `resync` was written and not everything is written again yet.
    var isResyncing = false
    /// Settings for a client that does not read, one frame for each of its conversations.
    var heldSettings: [ConversationID: [UInt8]] = [:]
    var heardAt: Tick
    var isAway = false
    var isForeground = true
    var sendBucket: TokenBucket
    var frameBucket: TokenBucket
    var refusedInARow = 0

    package init(identity: SessionIdentity, cursor: SyncCursor?, rules: SessionRules, now: Tick) {
        self.identity = identity
        self.rules = rules
        openingCursor = cursor
        heardAt = now
        sendBucket = TokenBucket(burst: rules.limits.sendBurst, now: now)
        typingBucket = TokenBucket(burst: rules.typingBurst, now: now)
        frameBucket = TokenBucket(burst: rules.limits.frameBurst, now: now)
    }

    var isClosed: Bool {
        if case .closed = registration { return true }
        return false
    }

    /// The socket is open and the user exists: welcome, then ask what the device has missed.
    package mutating func opened(now: Tick, serverTime: Timestamp, out: inout [SessionDirective]) {
        out.append(
            .write(
                ServerFrame.welcome(
                    ServerFrame.Welcome(
                        user: identity.user, device: identity.device, session: identity.session,
                        heartbeatMilliseconds: rules.limits.heartbeatMilliseconds, serverTime: serverTime))))
        for mark in openingCursor?.marks ?? [] {
            // What a cursor says and the device never acknowledged must be in every later cursor too.
            feeds[mark.conversation] = ConversationFeed(position: mark.position, acked: .start)
        }
        version = openingCursor?.version ?? .zero
        nextVersion = version
        register(isRenewal: false, out: &out)
    }

    func openSession(isRenewal: Bool) -> OpenSession {
        OpenSession(
            user: identity.user, device: identity.device, session: identity.session,
            cursor: isRenewal && isSynced ? cursor : openingCursor, isRenewal: isRenewal,
            foreground: isForeground, boundSince: identity.boundSince)
    }

    mutating func register(isRenewal: Bool, out: inout [SessionDirective]) {
        registration = .opening
        perform(.openSession(openSession(isRenewal: isRenewal)), .open, out: &out)
    }

    /// The leader of the user's partition changed or forgot this session.
    package mutating func renew(out: inout [SessionDirective]) {
        #if MUTANTS
        if Mutant.active == .renewalForgotten { return }
        #endif
        switch registration {
        case .open: register(isRenewal: true, out: &out)
        case .retrying: register(isRenewal: wasOpened, out: &out)
        case .opening: registration = .openingAgain
        case .none, .openingAgain, .closed: break
        }
    }

    /// The socket is gone, or is about to be closed by the shell.
    package mutating func closed(now: Tick, out: inout [SessionDirective]) {
        guard !isClosed else { return }
        flush(now: now, out: &out)
        end(out: &out)
    }

    /// Closes with a code; the last thing a session does.
    package mutating func close(code: UInt16, reason: String, now: Tick, out: inout [SessionDirective]) {
        guard !isClosed else { return }
        flush(now: now, out: &out)
        end(out: &out)
        out.append(.close(code: code, reason: reason))
    }

    private mutating func end(out: inout [SessionDirective]) {
        if case .none = registration {
        } else {
            out.append(.performAndForget(.closeSession(user: identity.user, session: identity.session)))
        }
        registration = .closed
    }

    /// This node leaves service.
    package mutating func drain(
        deadlineMilliseconds: UInt64, reconnectTo: [String], out: inout [SessionDirective]
    ) {
        guard !isClosed else { return }
        out.append(
            .write(ServerFrame.draining(deadlineMilliseconds: deadlineMilliseconds, reconnectTo: reconnectTo))
        )
    }

    mutating func perform(_ operation: Operation, _ what: Pending, out: inout [SessionDirective]) {
        lastToken += 1
        let token = OperationToken(lastToken)
        pending.append((token, what))
        out.append(.perform(operation, token))
    }

    /// Reading follows the window of sends and the client's own reading.
    mutating func updateReading(out: inout [SessionDirective]) {
        let reads = unwritableSince == nil && sendsInFlight < rules.limits.sendsInFlightMax
        guard reads != isReading else { return }
        isReading = reads
        out.append(.read(reads))
    }

    mutating func updateForeground(now: Tick, out: inout [SessionDirective]) {
        let counts = !isAway && now.since(heardAt) < rules.limits.presenceMilliseconds
        guard counts != isForeground else { return }
        isForeground = counts
        out.append(.foreground(counts))
    }
}
