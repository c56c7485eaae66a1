import Crypto
import Foundation
import JWTKit
import Wire

/// Web Push: RFC 8030 (the request), 8291 (the encryption) and 8292 (VAPID: who sends it).
actor WebPushSender {
    private let settings: PushSettings.WebPush
    private let lifetimeSeconds: Int
    private let transport: PushTransport
    private let keys: JWTKeyCollection
    private let publicKey: String
    /// By the origin of the push service.
    private var tokens: [String: (text: String, until: Date)] = [:]

    private static let tokensMax = 256
    /// RFC 8292, section 2: at most 24 hours.
    private static let tokenSeconds: TimeInterval = 12 * 3_600

    private struct Claims: JWTPayload {
        var aud: String
        var exp: Int
        var sub: String
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    init(_ settings: PushSettings.WebPush, lifetimeSeconds: Int, transport: PushTransport) async throws {
        self.settings = settings
        self.lifetimeSeconds = lifetimeSeconds
        self.transport = transport
        publicKey = Base64URLText.encode(
            try P256.Signing.PrivateKey(pemRepresentation: settings.key).publicKey.x963Representation)
        keys = JWTKeyCollection()
        await keys.add(ecdsa: try ES256PrivateKey(pem: settings.key))
    }

    func send(
        _ notification: PushNotification, endpoint: String, p256dh: String, auth: String, now: Date
    ) async -> PushOutcome {
        guard let origin = PushOrigin.of(endpoint, allowed: settings.hosts) else {
            return .dead("the endpoint is of no push service that is allowed")
        }
        guard let recipient = WebPushEncryption.Recipient(p256dh: p256dh, auth: auth) else {
            return .dead("the keys are none")
        }
        do {
            let body = try WebPushEncryption.encrypt(
                Self.text(notification), for: recipient, sender: P256.KeyAgreement.PrivateKey(),
                salt: SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) })
            let answer = try await transport.post(
                endpoint,
                headers: [
                    ("authorization", "vapid t=\(try await token(origin, now)), k=\(publicKey)"),
                    ("ttl", String(lifetimeSeconds)), ("content-encoding", "aes128gcm"),
                    ("content-type", "application/octet-stream"),
                    ("urgency", notification.alert == nil ? "low" : "high"),
                    // What is sent twice while the browser is away is kept once: 32 characters at most.
                    ("topic", Base64URLText.encode(SHA256.hash(data: Data(notification.id.utf8)).prefix(24))),
                ],
                body: body)
            return Self.outcome(answer)
        } catch {
            return .retry("\(error)", afterMilliseconds: nil)
        }
    }

    private func token(_ origin: String, _ now: Date) async throws -> String {
        if let known = tokens[origin], known.until > now { return known.text }
        let text = try await keys.sign(
            Claims(
                aud: origin, exp: Int(now.timeIntervalSince1970 + Self.tokenSeconds), sub: settings.subject))
        if tokens.count >= Self.tokensMax { tokens.removeAll() }
        tokens[origin] = (text, now.addingTimeInterval(Self.tokenSeconds / 2))
        return text
    }

    /// The text that the page's service worker decrypts; shortened until one record holds it.
    private static func text(_ notification: PushNotification) -> [UInt8] {
        var notification = notification
        while true {
            var json = JSONWriter()
            json.beginObject()
            json.notificationFields(notification)
            if let alert = notification.alert {
                json.field("title", alert.title)
                json.field("body", alert.body)
            }
            if let badge = notification.badge { json.field("badge", badge) }
            json.endObject()
            if json.bytes.count <= WebPushEncryption.textBytesMax { return json.bytes }
            let body = String(notification.alert?.body.dropLast(256) ?? "")
            notification.alert?.body = body
            if body.isEmpty { notification.alert?.title = "" }
        }
    }

    private static func outcome(_ answer: PushTransport.Answer) -> PushOutcome {
        let reason = "status \(answer.status)"
        switch answer.status {
        case 200...299: return .delivered
        case 404, 410: return .dead(reason)
        case 429, 500...: return .retry(reason, afterMilliseconds: answer.retryAfterMilliseconds)
        default: return .failed(reason)
        }
    }
}
