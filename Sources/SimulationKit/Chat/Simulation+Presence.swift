import Vocabulary
import Wire

/// Devices watch each other's users, put themselves into the background, and hide. In some seeds only, and from a stream of
/// chance of their own, so that the others keep their course.
extension Simulation {
    /// At the end everybody turns away and comes back.
    enum LastTurn: Equatable {
        case none
        case away(since: UInt64)
        case back
    }

    private static let pace: UInt64 = 700_000
    /// Shorter than changes are told apart from each other.
    private static let endingPause: UInt64 = 300_000
    private static let beatInterval: UInt64 = 8_000_000

    func beginPresence() {
        guard chat.presence != nil, !chat.isScripted else { return }
        for device in chat.devices { schedulePresence(device.number) }
    }

    private func schedulePresence(_ number: Int) {
        guard let pause = drawPresence(Self.pace / 2...Self.pace * 2) else { return }
        schedule(.chat(.watch(device: number)), after: isEnding ? Self.endingPause : pause)
    }

    private func drawPresence(_ range: ClosedRange<UInt64>) -> UInt64? {
        guard var random = chat.presence else { return nil }
        defer { chat.presence = random }
        return UInt64.random(in: range, using: &random)
    }

    /// One device looks, turns away or comes back, or changes what it shows.
    func watch(_ number: Int) {
        if chat.devices[number].isGone { return chat.checker.presence.left(number) }
        schedulePresence(number)
        noteWhoIsThere()
        let device = chat.devices[number]
        guard let id = device.connection, device.isWelcome, let draw = drawPresence(0...99) else { return }
        beat(number, on: id)
        let others = chat.plan.users.filter { $0 != device.viewer.user }
        guard chat.checker.presence.devices[number]?.connection == id else {
            chat.checker.presence.begin(number, device.viewer.user, on: id)
            return send(.text(Self.frame("presence_subscribe", of: others)), up: id)
        }
        if isEnding {
            if chat.lastTurn == .none, chat.checker.presence.isAway(number) {
                turn(number, away: false, on: id)
            }
            return turnForTheLastTime()
        }
        guard areFaultsOn, chat.isWarm, let peer = drawPresence(0...UInt64(max(others.count, 1) - 1)) else {
            return
        }
        switch draw {
        case 0..<8:
            turn(number, away: draw < 4, on: id)
        case 8..<12:
            var change = SettingsChange()
            if draw % 2 == 0 { change.online = draw == 8 ? .nobody : .everyone }
            if draw % 2 == 1 { change.lastSeen = draw == 9 ? .nobody : .everyone }
            ask(.change(device.viewer.user, change), number, on: id)
        case 12..<16 where !others.isEmpty:
            ask(
                .block(device.viewer.user, peer: others[Int(peer)], isBlocked: draw < 14), number, on: id)
        case 16..<18:
            // And looks again soon.
            chat.checker.presence.looksAway(number)
            send(.text(Self.frame("presence_unsubscribe", of: others)), up: id)
        default: break
        }
    }

    /// Says that it is there, whatever it hears: to its node it is gone after 30 s of silence.
    private func beat(_ number: Int, on id: UInt64) {
        guard now - chat.devices[number].pingedAt > Self.beatInterval else { return }
        chat.devices[number].pingedAt = now
        send(.text(Array("{\"type\":\"ping\"}".utf8)), up: id)
    }

    private func turn(_ number: Int, away: Bool, on id: UInt64) {
        chat.checker.presence.turned(number, away: away)
        send(.text(Array("{\"type\":\"\(away ? "away" : "active")\"}".utf8)), up: id)
    }

    /// There and back, so quickly that the second is held back: it must be told all the same, and nothing that comes later
    /// makes up for it. So all devices of a user turn at once, and only when nothing else is left to be done: a link or a
    /// leader that is new has everybody told anew.
    private func turnForTheLastTime() {
        switch chat.lastTurn {
        case .none where whatIsMissing(butLastTurn: true) == nil:
            turnEverybody(away: true)
            chat.lastTurn = .away(since: now)
        case .away(let since) where now >= since + Self.endingPause:
            turnEverybody(away: false)
            chat.lastTurn = .back
        default: break
        }
    }

    private func turnEverybody(away: Bool) {
        note("everybody \(away ? "turns away" : "comes back")")
        for device in chat.devices where !device.isGone {
            if let id = device.connection { turn(device.number, away: away, on: id) }
        }
    }

    private func ask(_ request: PrivacyRequest, _ number: Int, on id: UInt64) {
        call(.privacy(request), .privacy(request), floor: .zero, number, on: id)
    }

    private static func frame(_ type: String, of users: [UserID]) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.field("type", type)
        json.key("user_ids")
        json.beginArray()
        for user in users { json.string(user.text) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// Users with a device that is connected and not turned away, noted as often as anybody is judged.
    func noteWhoIsThere() {
        guard chat.presence != nil else { return }
        for device in chat.devices {
            let isThere = device.isWelcome && !chat.checker.presence.isAway(device.number)
            guard isThere, let id = device.connection, chat.connections[id]?.isCut == false else { continue }
            chat.checker.presence.aliveAt[device.viewer.user] = now
        }
    }

    /// At the end everybody shows everybody as it is.
    func presenceDiffers(butLastTurn: Bool) -> String? {
        guard chat.presence != nil else { return nil }
        noteWhoIsThere()
        let book = chat.checker.presence
        for device in chat.devices where !device.isGone {
            let viewer = device.viewer
            let name = "\(viewer.user)/\(viewer.device)"
            guard let known = book.devices[device.number], known.connection == device.connection else {
                return "\(name) watches nobody"
            }
            if book.isAway(device.number) { return "\(name) has turned away" }
            for user in chat.plan.users where user != viewer.user {
                let isThere = book.aliveAt[user] == now && !chat.checker.ledger.isErased(user)
                let expected = isThere && book.maySeeOnline(user, by: viewer.user)
                guard let shown = known.shown[user] else { return "\(name) was not told of \(user)" }
                if shown != expected { return "\(name) is shown \(user) as online: \(shown)" }
            }
        }
        return butLastTurn || chat.lastTurn == .back ? nil : "nobody has turned away and back"
    }
}
