import Vocabulary
import Wire

extension UserMachine {
    /// Adds where devices are connected; one that is was used just now.
    package func connected(_ devices: [DeviceState], now: Timestamp) -> [DeviceState] {
        devices.map { device in
            var device = device
            if let session = sessions.last(where: { $0.device == device.device }) {
                device.node = session.key.node
                device.usedAt = max(device.usedAt, now)
            }
            return device
        }
    }

    /// A change of the user's own things is applied: sessions of revoked devices end, the others hear of new
    /// settings.
    package mutating func applied(_ outcome: AccountOutcome, now: Moment) -> [ChatDirective] {
        var directives = outcome.revoked.flatMap { end($0, now: now) }
        if let version = outcome.version {
            directives +=
                committed(InboxOutcome(user: user, version: version, changed: outcome.changed)).merged
        }
        return directives
    }

    /// Ends the sessions of a device that is no more (close code 4003).
    mutating func end(_ device: DeviceID, now: Moment) -> [ChatDirective] {
        let ended = sessions.filter { $0.device == device }
        let closes = ended.map { session in
            ChatDirective.push(
                session.key.node,
                SessionPush(
                    addressees: [SessionPush.Addressee(session: session.key.number, position: .start)],
                    event: .close(code: 4003, reason: "revoked")))
        }
        return closes + drop(now) { $0.device == device }
    }
}
