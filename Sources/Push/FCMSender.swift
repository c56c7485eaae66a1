import Foundation
import JWTKit
import Vocabulary
import Wire

/// Firebase Cloud Messaging, HTTP v1: an access token by a service account (RFC 7523), then one request a message.
actor FCMSender {
    private let account: Account
    private let url: String
    private let lifetimeSeconds: Int
    private let transport: PushTransport
    private let keys: JWTKeyCollection
    private var access: (token: String, until: Date)?

    /// What of a service account's file is needed.
    private struct Account: Decodable {
        var project_id: String
        var client_email: String
        var private_key: String
        var token_uri: String
    }

    private struct Grant: Decodable {
        var access_token: String
        var expires_in: Int
    }

    private struct Claims: JWTPayload {
        var iss: String
        var scope = "https://www.googleapis.com/auth/firebase.messaging"
        var aud: String
        var iat: Int
        var exp: Int
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    private struct Refused: Error {
        var outcome: PushOutcome
    }

    init(_ settings: PushSettings.FCM, lifetimeSeconds: Int, transport: PushTransport) async throws {
        account = try JSONDecoder().decode(Account.self, from: Data(settings.serviceAccount.utf8))
        url = settings.url
        self.lifetimeSeconds = lifetimeSeconds
        self.transport = transport
        keys = JWTKeyCollection()
        await keys.add(rsa: try Insecure.RSA.PrivateKey(pem: account.private_key), digestAlgorithm: .sha256)
    }

    func send(_ notification: PushNotification, to device: String, now: Date) async -> PushOutcome {
        do {
            let answer = try await transport.post(
                "\(url)/v1/projects/\(account.project_id)/messages:send",
                headers: [
                    ("authorization", "Bearer \(try await accessToken(now))"),
                    ("content-type", "application/json"),
                ],
                body: body(notification, to: device))
            return outcome(answer)
        } catch let refused as Refused {
            return refused.outcome
        } catch {
            return .retry("\(error)", afterMilliseconds: nil)
        }
    }

    private func accessToken(_ now: Date) async throws -> String {
        if let access, access.until > now { return access.token }
        let issued = Int(now.timeIntervalSince1970)
        let assertion = try await keys.sign(
            Claims(iss: account.client_email, aud: account.token_uri, iat: issued, exp: issued + 3_600))
        // Of a JWT nothing needs to be escaped in a form.
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=\(assertion)"
        let answer = try await transport.post(
            account.token_uri, headers: [("content-type", "application/x-www-form-urlencoded")],
            body: Array(form.utf8))
        guard answer.status == 200, let grant = try? JSONDecoder().decode(Grant.self, from: answer.body)
        else {
            let reason = "no access token: status \(answer.status) \(answer.text("error") ?? "")"
            throw Refused(
                outcome: answer.status == 429 || answer.status >= 500
                    ? .retry(reason, afterMilliseconds: answer.retryAfterMilliseconds) : .failed(reason))
        }
        access = (grant.access_token, now.addingTimeInterval(TimeInterval(grant.expires_in - 60)))
        return grant.access_token
    }

    private func body(_ notification: PushNotification, to device: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("message")
        json.beginObject()
        json.field("token", device)
        if let alert = notification.alert {
            json.key("notification")
            json.beginObject()
            json.field("title", alert.title)
            json.field("body", alert.body)
            json.endObject()
        }
        // Data is texts only.
        json.key("data")
        json.beginObject()
        json.field("type", notification.kind)
        json.field("notification_id", notification.id)
        if !notification.isTest {
            json.field("conversation_id", notification.conversation)
            json.field("message_id", notification.message)
            json.field("seq", "\(notification.seq.raw)")
        }
        if let badge = notification.badge { json.field("badge", "\(badge)") }
        json.endObject()
        json.key("android")
        json.beginObject()
        json.field("priority", notification.alert == nil ? "normal" : "high")
        json.field("ttl", "\(lifetimeSeconds)s")
        if notification.alert != nil {
            json.key("notification")
            json.beginObject()
            // A notification that is sent twice is shown once.
            json.field("tag", notification.id)
            if let badge = notification.badge { json.field("notification_count", badge) }
            json.endObject()
        }
        json.endObject()
        json.endObject()
        json.endObject()
        return json.bytes
    }

    private func outcome(_ answer: PushTransport.Answer) -> PushOutcome {
        let reason = Self.errorCode(answer) ?? answer.text("error", "status") ?? "status \(answer.status)"
        switch (answer.status, reason) {
        case (200, _): return .delivered
        case (_, "UNREGISTERED"): return .dead(reason)
        case (404, _): return .dead(reason)
        case (401, _):
            access = nil
            return .retry(reason, afterMilliseconds: nil)
        case (429, _), (500..., _): return .retry(reason, afterMilliseconds: answer.retryAfterMilliseconds)
        default: return .failed(reason)
        }
    }

    /// `error.details[].errorCode` of google.firebase.fcm.v1.FcmError.
    private static func errorCode(_ answer: PushTransport.Answer) -> String? {
        let body = try? JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
        let details = (body?["error"] as? [String: Any])?["details"] as? [[String: Any]]
        return details?.compactMap { $0["errorCode"] as? String }.first
    }
}
