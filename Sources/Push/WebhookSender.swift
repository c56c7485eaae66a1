import Crypto
import Foundation
import Wire

/// A receiver of the operator's choice: one signed JSON request a notification.
///
/// `martlet-signature: t=<seconds>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>`: a receiver compares in constant time
/// and refuses times more than some minutes away, so that nothing can be forged or replayed.
struct WebhookSender: Sendable {
    let settings: PushSettings.Webhook
    let transport: PushTransport

    func send(
        _ notification: PushNotification, to url: String, secret: String?, now: Date
    ) async -> PushOutcome {
        guard PushOrigin.of(url, allowed: settings.hosts) != nil else {
            return .dead("the address is of no receiver that is allowed")
        }
        let body = Self.body(notification)
        let secret = secret.map { Array($0.utf8) } ?? settings.secret
        let time = String(Int(now.timeIntervalSince1970))
        do {
            let answer = try await transport.post(
                url,
                headers: [
                    ("content-type", "application/json"), ("martlet-notification-id", notification.id),
                    ("martlet-signature", "t=\(time),v1=\(Self.signature(body, time, secret))"),
                ],
                body: body)
            let reason = "status \(answer.status)"
            switch answer.status {
            case 200...299: return .delivered
            case 410: return .dead(reason)
            case 408, 425, 429, 500...:
                return .retry(reason, afterMilliseconds: answer.retryAfterMilliseconds)
            default: return .failed(reason)
            }
        } catch {
            return .retry("\(error)", afterMilliseconds: nil)
        }
    }

    private static func signature(_ body: [UInt8], _ time: String, _ secret: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(time).".utf8) + body, using: SymmetricKey(data: secret))
        return code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func body(_ notification: PushNotification) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.notificationFields(notification)
        if let alert = notification.alert {
            json.field("title", alert.title)
            json.field("body", alert.body)
        }
        if let badge = notification.badge { json.field("badge", badge) }
        json.endObject()
        return json.bytes
    }
}
