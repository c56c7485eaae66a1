import Vocabulary
import Wire

/// One active user on its leader: sessions of its devices and whether it is online. Opening a session
/// computes what the device lacks and begins the live stream in the same step, so no moment is uncovered.
///
/// It holds no inbox: rows and positions that are not yet committed are arguments.
package struct UserMachine: Sendable {
    package let user: UserID
    private let limits: Limits
    private(set) var sessions: [Session] = []
    /// Opens of devices that are being registered.
    private var opening: [Opening] = []
    var live: [ConversationID: LiveConversation] = [:]
    private var lastSeen: Timestamp?
    private var seenWritten: Timestamp?

    struct Session: Hashable, Sendable {
        var key: SessionKey
        var device: DeviceID
        var foreground: Bool
        var refreshedAt: Tick
        /// Opened by its connection, not renewed after a leader change.
        var isFresh: Bool
        /// Where the device stood at the opening, by conversation, as far as anybody asked.
        var positions: [ConversationID: ConversationPosition]
        var openedAt: Tick
        /// Everything up to here was shown at the opening; written down once the session has lived on.
        var shown: InboxVersion?
    }

    private struct Opening: Sendable {
        var token: UInt64
        var request: OpenSession
    }

    package init(user: UserID, limits: Limits) {
        self.user = user
        self.limits = limits
    }

    /// The user's devices in the order they were registered, and the node of each one's newest session.
    package func devices(known: [DeviceID]) -> [DeviceLocation] {
        known.map { device in
            DeviceLocation(device: device, node: sessions.last { $0.device == device }?.key.node)
        }
    }

    package var sessionCount: Int { sessions.count }
    /// At least one session in the foreground.
    package var isOnline: Bool { sessions.contains(where: \.foreground) }
    /// Nothing is held that anybody misses.
    package var isIdle: Bool { sessions.isEmpty && opening.isEmpty }

    /// Where a device stands, committed or about to be.
    package typealias Positions = (DeviceID, ConversationID) -> ConversationPosition

    /// Opens a session. A device seen for the first time is registered first, in the log, so that what other
    /// devices acknowledge from then on is not taken as acknowledged by it.
    ///
    /// - Parameter pending: the user's rows that are merged and not yet committed.
    package mutating func open<View: StateView>(
        _ token: UInt64, _ request: OpenSession, now: Moment, reader: ChatReader<View>, pending: [InboxRow],
        positions: Positions
    ) -> [ChatDirective] {
        let record = reader.user(user)
        if record?.erased != nil { return [.reply(token, .refused(.accountErased))] }
        if let issued = request.boundSince, record?.isRevoked(request.device, issued: issued) == true {
            return [.reply(token, .refused(.deviceRevoked))]
        }
        if record?.device(request.device) != nil {
            return opened(token, request, now: now, reader: reader, pending: pending, positions: positions)
        }
        // A session whose device was known and is no more: it must not come back by itself.
        if request.isRenewal { return [.reply(token, .refused(.deviceRevoked))] }
        let isProposed = opening.contains { $0.request.device == request.device }
        opening.append(Opening(token: token, request: request))
        if isProposed { return [] }
        return [
            .propose(
                .registerDevice(
                    RegisterDevice(
                        user: user, device: request.device, devicesMax: limits.devicesMax, at: now.wall)))
        ]
    }

    /// A device is registered: the sessions that waited for it open.
    package mutating func deviceRegistered<View: StateView>(
        _ device: DeviceID, evicted: [DeviceID], now: Moment, reader: ChatReader<View>, pending: [InboxRow],
        positions: Positions
    ) -> [ChatDirective] {
        let ready = opening.filter { $0.request.device == device }
        opening.removeAll { $0.request.device == device }
        var directives = evicted.flatMap { end($0, now: now) }
        if reader.isErased(user) {
            return directives + ready.map { .reply($0.token, .refused(.accountErased)) }
        }
        for waiting in ready {
            directives += opened(
                waiting.token, waiting.request, now: now, reader: reader, pending: pending,
                positions: positions)
        }
        return directives
    }

    /// The registration was not proposed after all.
    package mutating func refused(_ device: DeviceID, _ refusal: Refusal) -> [ChatDirective] {
        let waiting = opening.filter { $0.request.device == device }
        opening.removeAll { $0.request.device == device }
        return waiting.map { .reply($0.token, .refused(refusal)) }
    }

    private mutating func opened<View: StateView>(
        _ token: UInt64, _ request: OpenSession, now: Moment, reader: ChatReader<View>, pending: [InboxRow],
        positions: Positions
    ) -> [ChatDirective] {
        var marks: [ConversationID: ConversationPosition] = [:]
        for mark in request.cursor?.marks ?? [] { marks[mark.conversation] = mark.position }
        let missed = reader.missed(request, pending: pending) { id in
            marks[id] ?? positions(request.device, id)
        }
        for row in missed.rows { marks[row.row.conversation] = row.position }
        var directives: [ChatDirective] = [.reply(token, .opened(missed.opened))]
        let wasOnline = isOnline
        let session = Session(
            key: request.session, device: request.device, foreground: request.foreground,
            refreshedAt: now.tick, isFresh: !request.isRenewal, positions: marks, openedAt: now.tick,
            shown: request.cursor == nil && !missed.settings.isEmpty ? missed.shownVersion : nil)
        directives += admit(session)
        let covered = request.cursor == nil ? missed.coveredVersion : .zero
        directives.append(.covered(DeviceVersion(user: user, device: request.device, version: covered)))
        return directives + noteSeen(now, since: wasOnline)
    }

    /// Registers a session; the newest of a device replaces the others (close code 4001).
    private mutating func admit(_ session: Session) -> [ChatDirective] {
        sessions.removeAll { $0.key == session.key }
        var replaced: [Session] = []
        var isReplaced = false
        for other in sessions where other.device == session.device {
            switch session.isOlder(than: other) {
            case true?: isReplaced = true
            case false?: replaced.append(other)
            case nil: break
            }
        }
        sessions.removeAll { session in replaced.contains { $0.key == session.key } }
        if isReplaced { replaced.append(session) } else { sessions.append(session) }
        return replaced.map { old in
            .push(
                old.key.node,
                SessionPush(
                    addressees: [SessionPush.Addressee(session: old.key.number, position: .start)],
                    event: .close(code: 4001, reason: "replaced")))
        }
    }

    /// Ends a session.
    package mutating func close(_ session: SessionKey, now: Moment) -> [ChatDirective] {
        drop(now) { $0.key == session }
    }

    /// Keeps a session alive; false when it is not known here.
    package mutating func refresh(_ refresh: SessionRefresh, now: Moment) -> (isKnown: Bool, [ChatDirective])
    {
        guard let index = sessions.firstIndex(where: { $0.key == refresh.session }) else {
            return (false, [])
        }
        let wasOnline = isOnline
        sessions[index].refreshedAt = now.tick
        sessions[index].foreground = refresh.foreground
        return (true, cover(index, now) + noteSeen(now, since: wasOnline))
    }

    /// A device without a cursor cannot say that it has what it was shown at the opening; that its connection has
    /// been heard from for a while since says it well enough.
    private mutating func cover(_ index: Int, _ now: Moment) -> [ChatDirective] {
        guard let shown = sessions[index].shown,
            now.tick.since(sessions[index].openedAt) >= Self.shownMilliseconds
        else { return [] }
        sessions[index].shown = nil
        return [.covered(DeviceVersion(user: user, device: sessions[index].device, version: shown))]
    }

    private static let shownMilliseconds: UInt64 = 5_000

    /// Drops sessions that nobody refreshed in time.
    package mutating func expire(now: Moment) -> [ChatDirective] {
        let longest = limits.presenceMilliseconds
        return drop(now) { now.tick.since($0.refreshedAt) >= longest }
    }

    /// A node is gone, or pushes to it were lost: its sessions must register again, with where they stand.
    package mutating func lost(_ node: NodeID, now: Moment) -> [ChatDirective] {
        drop(now) { $0.key.node == node }
    }

    mutating func drop(_ now: Moment, _ isGone: (Session) -> Bool) -> [ChatDirective] {
        let wasOnline = isOnline
        let used = Set(sessions.filter(isGone).map(\.device)).sorted().map {
            ChatDirective.covered(DeviceVersion(user: user, device: $0, version: .zero))
        }
        sessions.removeAll(where: isGone)
        if sessions.isEmpty { live = [:] }
        return used + (wasOnline && !isOnline ? noteSeen(now, since: true) : [])
    }

    /// Remembers when the user was last online; written down at most once a minute, and when it goes.
    private mutating func noteSeen(_ now: Moment, since wasOnline: Bool) -> [ChatDirective] {
        guard isOnline || wasOnline else { return [] }
        lastSeen = now.wall
        var directives: [ChatDirective] = isOnline == wasOnline ? [] : [.presenceChanged(user)]
        let isDue = now.wall.milliseconds - (seenWritten ?? .zero).milliseconds >= 60_000
        if isDue || !isOnline {
            seenWritten = now.wall
            directives.append(.seen(LastSeenMark(user: user, at: now.wall)))
        }
        return directives
    }

    /// Online or not, and since when not.
    package func presence(lastSeen committed: Timestamp?) -> PresenceState {
        PresenceState(user: user, online: isOnline, lastSeen: lastSeen ?? committed)
    }

    /// Answers every open that waits: this leader does not learn the outcome any more.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        let waiting = opening
        opening = []
        return waiting.map { .reply($0.token, .refused(refusal)) }
    }

    /// Where a session's device stood when it opened; kept from the first time anybody asks.
    mutating func position(
        _ session: Int, _ conversation: ConversationID, _ positions: Positions
    ) -> ConversationPosition {
        if let known = sessions[session].positions[conversation] { return known }
        let position = positions(sessions[session].device, conversation)
        sessions[session].positions[conversation] = position
        return position
    }
}

extension UserMachine.Session {
    /// Whether another session of the same device came later; `nil` when nobody can say: both stay then, and
    /// a device that hears everything twice loses nothing.
    fileprivate func isOlder(than other: Self) -> Bool? {
        if isFresh { return false }
        if key.node == other.key.node { return key.number < other.key.number }
        return other.isFresh ? true : nil
    }
}
