import Foundation
import JWTKit
import Wire

/// Apple's push service: HTTP/2, a provider token signed with ES256 ("Sending notification requests to APNs").
actor APNsSender {
    private let settings: PushSettings.APNs
    private let lifetimeSeconds: Int
    private let transport: PushTransport
    private let keys: JWTKeyCollection
    private var token: (text: String, madeAt: Date)?

    /// Apple refuses tokens older than an hour, and new ones more often than every 20 minutes.
    private static let tokenSeconds: TimeInterval = 45 * 60

    private struct Claims: JWTPayload {
        var iss: String
        var iat: Int
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    init(_ settings: PushSettings.APNs, lifetimeSeconds: Int, transport: PushTransport) async throws {
        self.settings = settings
        self.lifetimeSeconds = lifetimeSeconds
        self.transport = transport
        keys = JWTKeyCollection()
        await keys.add(
            ecdsa: try ES256PrivateKey(pem: settings.key), kid: JWKIdentifier(string: settings.keyID))
    }

    func send(
        _ notification: PushNotification, to device: String, topic: String?, isSandbox: Bool, now: Date
    ) async -> PushOutcome {
        do {
            let answer = try await transport.post(
                "\(isSandbox ? settings.sandboxURL : settings.url)/3/device/\(device)",
                headers: headers(notification, topic: topic, token: try await providerToken(now), now: now),
                body: Self.body(notification))
            return outcome(answer)
        } catch {
            return .retry("\(error)", afterMilliseconds: nil)
        }
    }

    private func providerToken(_ now: Date) async throws -> String {
        if let token, now.timeIntervalSince(token.madeAt) < Self.tokenSeconds { return token.text }
        let text = try await keys.sign(
            Claims(iss: settings.teamID, iat: Int(now.timeIntervalSince1970)),
            kid: JWKIdentifier(string: settings.keyID))
        token = (text, now)
        return text
    }

    private func headers(
        _ notification: PushNotification, topic: String?, token: String, now: Date
    ) -> [(String, String)] {
        let isAlert = notification.alert != nil
        return [
            ("authorization", "bearer \(token)"), ("apns-topic", topic ?? settings.topic),
            ("apns-push-type", isAlert ? "alert" : "background"), ("apns-priority", isAlert ? "10" : "5"),
            ("apns-expiration", String(Int(now.timeIntervalSince1970) + lifetimeSeconds)),
            // A notification that is sent twice is shown once.
            ("apns-collapse-id", notification.id), ("apns-id", notification.id),
            ("content-type", "application/json"),
        ]
    }

    static func body(_ notification: PushNotification) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("aps")
        json.beginObject()
        if let alert = notification.alert {
            json.key("alert")
            json.beginObject()
            json.field("title", alert.title)
            json.field("body", alert.body)
            json.endObject()
            json.field("sound", "default")
            json.field("mutable-content", 1)
        } else {
            json.field("content-available", 1)
        }
        if let badge = notification.badge { json.field("badge", badge) }
        if !notification.isTest { json.field("thread-id", notification.conversation) }
        json.endObject()
        json.notificationFields(notification)
        json.endObject()
        return json.bytes
    }

    private func outcome(_ answer: PushTransport.Answer) -> PushOutcome {
        let reason = answer.text("reason") ?? "status \(answer.status)"
        switch answer.status {
        case 200: return .delivered
        case 410: return .dead(reason)
        case 400 where ["BadDeviceToken", "DeviceTokenNotForTopic"].contains(reason): return .dead(reason)
        case 403 where reason == "ExpiredProviderToken":
            token = nil
            return .retry(reason, afterMilliseconds: nil)
        case 429, 500...: return .retry(reason, afterMilliseconds: answer.retryAfterMilliseconds)
        default: return .failed(reason)
        }
    }
}

extension JSONWriter {
    /// What an app needs to find the message, the same for every provider.
    mutating func notificationFields(_ notification: PushNotification) {
        field("type", notification.kind)
        field("notification_id", notification.id)
        if notification.isTest { return }
        field("conversation_id", notification.conversation)
        field("message_id", notification.message)
        field("seq", notification.seq)
    }
}
