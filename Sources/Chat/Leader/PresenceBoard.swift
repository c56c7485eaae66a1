import Vocabulary
import Wire

/// Who watches whom among one led partition's users: pushes what each watcher may see, at once when it begins
/// and when that changes. In memory only: the watchers' nodes repeat their watches, and to a new leader at once.
package struct PresenceBoard: Sendable {
    /// A watch that nobody repeats for this long is over.
    package static let watchMilliseconds: UInt64 = 100_000
    /// Changes of one user are told at most this often.
    package static let changeMilliseconds: UInt64 = 1_000

    private let watchersMax: Int
    private var watched: [UserID: Watched] = [:]
    private var dirty: Set<UserID> = []
    private var nextExpiry: Tick = .zero

    private struct Watched: Sendable {
        var watchers: [SessionKey: Watcher] = [:]
        var toldAt: Tick?
    }

    private struct Watcher: Sendable {
        var viewer: UserID
        var sight: PresenceSight
        var told: PresenceState
        var repeatedAt: Tick
    }

    /// A user's state as it is, before anybody's privacy.
    package typealias States = (UserID) -> PresenceState

    package init(limits: Limits) { watchersMax = limits.presenceWatchersMax }

    package var watcherCount: Int { watched.values.reduce(0) { $0 + $1.watchers.count } }

    /// Takes watches, new ones, repeated ones and ends.
    package mutating func watch<View: StateView>(
        _ watches: [PresenceWatch], now: Tick, states: States, reader: ChatReader<View>
    ) -> [ChatDirective] {
        var news = PresenceNews()
        for watch in watches {
            guard let sight = watch.sight else {
                drop(watch.user) { session, _ in session == watch.session }
                continue
            }
            let known = watched[watch.user]?.watchers[watch.session]
            if let known, known.sight == sight {
                watched[watch.user]?.watchers[watch.session]?.repeatedAt = now
                continue
            }
            let state = reader.shown(states(watch.user), to: watch.viewer, sight)
            if known?.told.differs(from: state) ?? true { news.add(state, to: watch.session) }
            guard known != nil || watched[watch.user]?.watchers.count ?? 0 < watchersMax else { continue }
            watched[watch.user, default: Watched()].watchers[watch.session] = Watcher(
                viewer: watch.viewer, sight: sight, told: state, repeatedAt: now)
        }
        return news.directives
    }

    /// A user came online or went, or changed what it shows.
    package mutating func changed(_ user: UserID) {
        if watched[user] != nil { dirty.insert(user) }
    }

    /// Whether `tick` has something to do.
    package func isDue(_ now: Tick) -> Bool { !dirty.isEmpty || now >= nextExpiry && !watched.isEmpty }

    /// Tells what changed. Call every 50 ms or so.
    package mutating func tick<View: StateView>(
        now: Tick, states: States, reader: ChatReader<View>
    ) -> [ChatDirective] {
        if now >= nextExpiry {
            nextExpiry = now + 10_000
            for user in watched.keys.sorted() {
                drop(user) { _, watcher in now.since(watcher.repeatedAt) >= Self.watchMilliseconds }
            }
        }
        guard !dirty.isEmpty else { return [] }
        var news = PresenceNews()
        for user in dirty.sorted() {
            guard let entry = watched[user] else {
                dirty.remove(user)
                continue
            }
            if let toldAt = entry.toldAt, now.since(toldAt) < Self.changeMilliseconds {
                #if MUTANTS
                if Mutant.active == .presenceChangeLost { dirty.remove(user) }
                #endif
                continue
            }
            dirty.remove(user)
            watched[user]?.toldAt = now
            let state = states(user)
            for (session, watcher) in entry.watchers.sorted(by: { $0.key < $1.key }) {
                let shown = reader.shown(state, to: watcher.viewer, watcher.sight)
                guard watcher.told.differs(from: shown) else { continue }
                watched[user]?.watchers[session]?.told = shown
                news.add(shown, to: session)
            }
        }
        return news.directives
    }

    /// A node is gone, or pushes to it were lost: its watches come again.
    package mutating func lost(_ node: NodeID) {
        for user in watched.keys.sorted() { drop(user) { session, _ in session.node == node } }
    }

    private mutating func drop(_ user: UserID, _ isGone: (SessionKey, Watcher) -> Bool) {
        guard let entry = watched[user] else { return }
        let rest = entry.watchers.filter { !isGone($0.key, $0.value) }
        if rest.count == entry.watchers.count { return }
        watched[user]?.watchers = rest
        if rest.isEmpty { watched[user] = nil }
    }
}

/// States for sessions: one push per node and state, so that many watchers cost one.
private struct PresenceNews {
    private var pushes: [(node: NodeID, push: SessionPush)] = []
    private var places: [Key: Int] = [:]

    private struct Key: Hashable {
        var node: NodeID
        var state: PresenceState
    }

    mutating func add(_ state: PresenceState, to session: SessionKey) {
        let addressee = SessionPush.Addressee(session: session.number, position: .start)
        let key = Key(node: session.node, state: state)
        if let place = places[key] {
            pushes[place].push.addressees.append(addressee)
        } else {
            places[key] = pushes.count
            pushes.append((session.node, SessionPush(addressees: [addressee], event: .presence(state))))
        }
    }

    var directives: [ChatDirective] { pushes.map { .push($0.node, $0.push) } }
}
