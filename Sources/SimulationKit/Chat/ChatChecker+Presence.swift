import Vocabulary
import Wire

/// What is known of presence from outside: what the log says of settings and blocks, and who was there when. It shares
/// nothing with the machines but the commands.
struct PresenceBook {
    struct Watcher {
        var user: UserID
        /// The connection that it watches on; zero while it looks away.
        var connection: UInt64
        var isAway = false
        var lastConnection: UInt64 = 0
        /// What its screen shows: online or not.
        var shown: [UserID: Bool] = [:]
    }

    struct Pair: Hashable {
        var user: UserID
        var peer: UserID
    }

    var devices: [Int: Watcher] = [:]
    /// When a user was there last.
    var aliveAt: [UserID: UInt64] = [:]
    /// The latest `last_seen` that anybody was told, in milliseconds.
    var lastSeen: [UserID: UInt64] = [:]
    private(set) var told = 0
    private var blocks: Set<Pair> = []
    private var hidesOnline: Set<UserID> = []
    private var hidesLastSeen: Set<UserID> = []
    /// When a user last changed what it shows, sees or blocks.
    private(set) var changedAt: [UserID: UInt64] = [:]

    // MARK: What devices do

    mutating func begin(_ number: Int, _ user: UserID, on connection: UInt64) {
        let isSame = devices[number]?.connection == 0 && devices[number]?.lastConnection == connection
        let isAway = isSame && devices[number]?.isAway == true
        devices[number] = Watcher(user: user, connection: connection, isAway: isAway)
        devices[number]?.lastConnection = connection
    }

    mutating func turned(_ number: Int, away: Bool) { devices[number]?.isAway = away }
    func isAway(_ number: Int) -> Bool { devices[number]?.isAway ?? false }
    mutating func looksAway(_ number: Int) { devices[number]?.connection = 0 }
    mutating func left(_ number: Int) { devices[number] = nil }

    // MARK: What the log says

    mutating func committed(_ command: Command, at now: UInt64) {
        guard case .privacy(let command) = command else { return }
        switch command {
        case .block(let block):
            let pair = Pair(user: block.user, peer: block.peer)
            if block.isBlocked { blocks.insert(pair) } else { blocks.remove(pair) }
            changedAt[block.user] = now
        case .change(let user, let change):
            if let online = change.online { set(&hidesOnline, user, online == .nobody) }
            if let lastSeen = change.lastSeen { set(&hidesLastSeen, user, lastSeen == .nobody) }
            changedAt[user] = now
        case .flagsDelivered: break
        }
    }

    private func set(_ hiding: inout Set<UserID>, _ user: UserID, _ hides: Bool) {
        if hides { hiding.insert(user) } else { hiding.remove(user) }
    }

    func maySeeOnline(_ user: UserID, by viewer: UserID) -> Bool {
        !isBlocked(user, viewer) && !hidesOnline.contains(user) && !hidesOnline.contains(viewer)
    }

    func maySeeLastSeen(_ user: UserID, by viewer: UserID) -> Bool {
        !isBlocked(user, viewer) && !hidesLastSeen.contains(user) && !hidesLastSeen.contains(viewer)
    }

    private func isBlocked(_ user: UserID, _ viewer: UserID) -> Bool {
        blocks.contains(Pair(user: user, peer: viewer)) || blocks.contains(Pair(user: viewer, peer: user))
    }

    mutating func tell(_ number: Int, of user: UserID, isOnline: Bool) {
        told += 1
        devices[number]?.shown[user] = isOnline
    }
}

extension ChatChecker {
    /// Longer than a partition of the network is, a process is stopped, and a request is held: what was decided before has
    /// reached everybody.
    private static let settledMicroseconds: UInt64 = 45_000_000
    /// The user's own leader decides by its own state: only what was on its way is older.
    private static let ownMicroseconds: UInt64 = 30_000_000
    /// Silence at the socket, then silence of its node, each 30 s.
    private static let lifetimeMicroseconds: UInt64 = 60_000_000
    /// Clocks are up to 5 s off on either side; `last_seen` is written once a minute.
    private static let skewMilliseconds: UInt64 = 11_000
    private static let writtenMilliseconds: UInt64 = 60_000

    /// One presence frame: hidden people look offline, nobody is online who is gone, and nobody was seen before one was.
    func presence(_ object: JSONObject, to viewer: Viewer, on connection: UInt64, at now: UInt64) {
        guard let user = object.text("user_id").map({ UserID(unchecked: $0) }),
            let status = object.text("status"), ["online", "offline"].contains(status)
        else { return fail("a presence lacks fields: \(object)") }
        let name = "\(viewer.user)/\(viewer.device) is told that \(user) is \(status)"
        guard presence.devices[viewer.number]?.connection == connection else {
            // Of before it looked away, or connected anew.
            return
        }
        presence.tell(viewer.number, of: user, isOnline: status == "online")
        let since = max(
            (presence.changedAt[user] ?? 0) + Self.ownMicroseconds,
            (presence.changedAt[viewer.user] ?? 0) + Self.settledMicroseconds)
        if status == "online" {
            if !presence.maySeeOnline(user, by: viewer.user), now > since {
                fail("\(name), which it may not see")
            }
            if now > (presence.aliveAt[user] ?? 0) + Self.lifetimeMicroseconds + Self.ownMicroseconds {
                fail("\(name), and it left at \(presence.aliveAt[user] ?? 0)")
            }
        }
        guard let seen = object.number("last_seen") else { return }
        if !presence.maySeeLastSeen(user, by: viewer.user), now > since {
            fail("\(name) and when it was seen, which it may not see")
        }
        let wall = now / 1_000 + 1_700_000_000_000
        let latest = presence.lastSeen[user] ?? 0
        if seen > wall + Self.skewMilliseconds { fail("\(name), last seen at \(seen), which is to come") }
        if seen + Self.writtenMilliseconds + Self.skewMilliseconds < latest {
            fail("\(name), last seen at \(seen), and it was said to be at \(latest)")
        }
        presence.lastSeen[user] = max(latest, seen)
    }
}
