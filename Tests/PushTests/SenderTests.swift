import Crypto
import Foundation
import JWTKit
import NIOHTTP1
import Testing
import Vocabulary

@testable import Push

/// Each sender against a service on loopback that looks at what it gets.
@Suite struct SenderTests {
    private let id = "5d81c573-3425-89d6-bb9b-04659579ea45"

    private func notification(_ body: String? = "hello") -> PushNotification {
        PushNotification(
            id: id, alert: body.map { .init(title: "Alice", body: $0) }, badge: 3,
            conversation: ConversationID(high: 0, low: 1), message: MessageID(high: 0, low: 2), seq: Seq(7))
    }

    private func send(
        _ settings: PushSettings, _ target: PushTarget, times: Int = 1, alert: String? = "hello"
    ) async throws -> [PushOutcome] {
        var settings = settings
        settings.trustedCertificates = TestKeys.certificate
        let senders = try await PushSenders(settings)
        var outcomes: [PushOutcome] = []
        for _ in 0..<times { outcomes.append(await senders.send(notification(alert), to: target)) }
        await senders.shutdown()
        return outcomes
    }

    private struct Claims: JWTPayload {
        var iss: String?
        var aud: String?
        var sub: String?
        var scope: String?
        var exp: Int?
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    // MARK: - APNs

    private func apns(_ provider: FakeProvider, _ key: P256.Signing.PrivateKey) -> PushSettings {
        PushSettings(
            apns: .init(
                key: key.pemRepresentation, keyID: "KEY1", teamID: "TEAM", topic: "org.example.app",
                url: provider.url))
    }

    @Test func apnsGetsOneSignedHTTP2RequestADevice() async throws {
        let key = P256.Signing.PrivateKey()
        let answer: FakeProvider.Answering = { _ in .init() }
        try await FakeProvider.run(answer) { provider in
            let outcomes = try await send(apns(provider, key), .apns(token: "ab12", topic: nil), times: 2)
            #expect(outcomes == [.delivered, .delivered])
            let asked = try #require(provider.requests.first)
            #expect(asked.isHTTP2)
            #expect(asked.path == "/3/device/ab12")
            #expect(asked.headers.first(name: "apns-topic") == "org.example.app")
            #expect(asked.headers.first(name: "apns-push-type") == "alert")
            #expect(asked.headers.first(name: "apns-collapse-id") == id)
            let aps = try #require(asked.json["aps"] as? [String: Any])
            #expect((aps["alert"] as? [String: String])?["body"] == "hello")
            #expect(aps["badge"] as? Int == 3)
            #expect(asked.json["seq"] as? Int == 7)
            // The provider token: ES256, by the team; made once, since Apple refuses many.
            let keys = JWTKeyCollection()
            await keys.add(
                ecdsa: try ES256PublicKey(pem: key.publicKey.pemRepresentation), kid: "KEY1")
            let token = try #require(asked.headers.first(name: "authorization")).dropFirst("bearer ".count)
            let claims = try await keys.verify(String(token), as: Claims.self)
            #expect(claims.iss == "TEAM")
            #expect(Set(provider.requests.map { $0.headers.first(name: "authorization") }).count == 1)
        }
    }

    @Test func aSilentOneClearsAndSetsTheBadge() async throws {
        let answer: FakeProvider.Answering = { _ in .init() }
        try await FakeProvider.run(answer) { provider in
            _ = try await send(
                apns(provider, .init()), .apns(token: "ab12", topic: "other"), alert: nil)
            let asked = try #require(provider.requests.first)
            #expect(asked.headers.first(name: "apns-push-type") == "background")
            #expect(asked.headers.first(name: "apns-topic") == "other")
            let aps = try #require(asked.json["aps"] as? [String: Any])
            #expect(aps["alert"] == nil && aps["content-available"] as? Int == 1 && aps["badge"] as? Int == 3)
            #expect(asked.json["type"] as? String == "clear")
        }
    }

    @Test(arguments: [
        (410, #"{"reason":"Unregistered"}"#, PushOutcome.dead("Unregistered")),
        (400, #"{"reason":"BadDeviceToken"}"#, .dead("BadDeviceToken")),
        (400, #"{"reason":"PayloadTooLarge"}"#, .failed("PayloadTooLarge")),
        (403, #"{"reason":"ExpiredProviderToken"}"#, .retry("ExpiredProviderToken", afterMilliseconds: nil)),
        (429, #"{"reason":"TooManyRequests"}"#, .retry("TooManyRequests", afterMilliseconds: 9_000)),
        (503, "", .retry("status 503", afterMilliseconds: 9_000)),
    ])
    func whatAPNsAnswersIsUnderstood(status: Int, body: String, outcome: PushOutcome) async throws {
        let answer = FakeProvider.Answer(status: status, headers: ["retry-after": "9"], body: body)
        let answering: FakeProvider.Answering = { _ in answer }
        try await FakeProvider.run(answering) { provider in
            let outcomes = try await send(apns(provider, .init()), .apns(token: "a", topic: nil))
            #expect(outcomes == [outcome])
        }
    }

    @Test func aProviderThatIsNotThereIsTriedAgain() async throws {
        let outcomes = try await send(
            PushSettings(webhook: .init(hosts: ["localhost"], secret: [1])),
            .webhook(url: "https://localhost:1/", secret: nil))
        guard case .retry = outcomes[0] else {
            Issue.record("\(outcomes)")
            return
        }
    }

    // MARK: - FCM

    private func fcm(_ provider: FakeProvider) -> PushSettings {
        let account = [
            "project_id": "proj", "client_email": "robot@proj", "private_key": TestKeys.rsa,
            "token_uri": "\(provider.url)/token",
        ]
        let json = try? JSONSerialization.data(withJSONObject: account)
        return PushSettings(
            fcm: .init(serviceAccount: String(decoding: json ?? Data(), as: UTF8.self), url: provider.url))
    }

    @Test func fcmGetsAnAccessTokenOnceAndThenMessages() async throws {
        let answer: FakeProvider.Answering = { asked in
            asked.path == "/token"
                ? .init(body: #"{"access_token":"secret","expires_in":3600,"token_type":"Bearer"}"#)
                : .init(body: #"{"name":"projects/proj/messages/1"}"#)
        }
        try await FakeProvider.run(answer) { provider in
            let outcomes = try await send(fcm(provider), .fcm(token: "dev"), times: 2)
            #expect(outcomes == [.delivered, .delivered])
            #expect(
                provider.requests.map(\.path) == [
                    "/token", "/v1/projects/proj/messages:send", "/v1/projects/proj/messages:send",
                ])
            let form = String(decoding: provider.requests[0].body, as: UTF8.self)
            let assertion = try #require(form.components(separatedBy: "assertion=").last)
            let keys = JWTKeyCollection()
            await keys.add(
                rsa: try Insecure.RSA.PrivateKey(pem: TestKeys.rsa), digestAlgorithm: .sha256)
            let claims = try await keys.verify(assertion, as: Claims.self)
            #expect(claims.iss == "robot@proj" && claims.aud == "\(provider.url)/token")
            #expect(claims.scope == "https://www.googleapis.com/auth/firebase.messaging")
            let asked = provider.requests[1]
            #expect(asked.headers.first(name: "authorization") == "Bearer secret")
            let message = try #require(asked.json["message"] as? [String: Any])
            #expect(message["token"] as? String == "dev")
            #expect((message["notification"] as? [String: String])?["title"] == "Alice")
            #expect((message["data"] as? [String: String])?["seq"] == "7")
            let android = try #require(message["android"] as? [String: Any])
            #expect((android["notification"] as? [String: Any])?["tag"] as? String == id)
        }
    }

    @Test func fcmForgetsAnAccessTokenThatIsRefusedAndADeviceThatIsGone() async throws {
        let gone =
            #"{"error":{"code":404,"status":"NOT_FOUND","details":[{"@type":"t","errorCode":"UNREGISTERED"}]}}"#
        let answer: FakeProvider.Answering = { asked in
            asked.path == "/token"
                ? .init(body: #"{"access_token":"secret","expires_in":3600}"#)
                : asked.json.description.contains("gone")
                    ? .init(status: 404, body: gone) : .init(status: 401)
        }
        try await FakeProvider.run(answer) { provider in
            let gone = try await send(fcm(provider), .fcm(token: "gone"))
            #expect(gone == [.dead("UNREGISTERED")])
            let outcomes = try await send(fcm(provider), .fcm(token: "dev"), times: 2)
            #expect(outcomes == Array(repeating: .retry("status 401", afterMilliseconds: nil), count: 2))
            #expect(provider.requests.filter { $0.path == "/token" }.count == 3)
        }
    }

    // MARK: - Web Push

    /// RFC 8291, appendix A.
    @Test func theExampleOfTheRFCIsEncryptedToTheByte() throws {
        let recipient = try #require(
            WebPushEncryption.Recipient(
                p256dh:
                    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                auth: "BTBZMqHH6r4Tts7J_aSIgg"))
        let sender = try P256.KeyAgreement.PrivateKey(
            rawRepresentation: #require(Base64URLText.decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")))
        let body = try WebPushEncryption.encrypt(
            Array("When I grow up, I want to be a watermelon".utf8), for: recipient, sender: sender,
            salt: #require(Base64URLText.decode("DGv6ra1nlYgDCS1FRnbzlw")))
        #expect(
            Base64URLText.encode(body)
                == "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6T"
                + "lzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4"
                + "a-fN")
    }

    @Test func webPushGetsWhatItsReceiverCanDecrypt() async throws {
        let key = P256.Signing.PrivateKey()
        let browser = P256.KeyAgreement.PrivateKey()
        let secret = (0..<16).map { UInt8($0) }
        let answer: FakeProvider.Answering = { _ in .init(status: 201) }
        try await FakeProvider.run(answer) { provider in
            let settings = PushSettings(
                webPush: .init(
                    key: key.pemRepresentation, subject: "mailto:ops@example.org", hosts: ["localhost"]))
            let target = PushTarget.webPush(
                endpoint: "\(provider.url)/push/abc",
                p256dh: Base64URLText.encode(browser.publicKey.x963Representation),
                auth: Base64URLText.encode(secret))
            var outcomes = try await send(settings, target)
            outcomes += try await send(settings, target, alert: String(repeating: "é", count: 5_000))
            #expect(outcomes == [.delivered, .delivered])
            let asked = provider.requests
            #expect(asked[0].headers.first(name: "content-encoding") == "aes128gcm")
            #expect(asked[0].headers.first(name: "ttl") == "86400")
            #expect(asked[0].headers.first(name: "topic")?.count == 32)
            let text = try Self.decrypt(asked[0].body, with: browser, secret: secret)
            let json = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
            #expect(json["body"] as? String == "hello" && json["badge"] as? Int == 3)
            #expect(asked[1].body.count <= 4_096)
            let shortened = try Self.decrypt(asked[1].body, with: browser, secret: secret)
            #expect(shortened.count > 3_000)
            // RFC 8292: t is a token for this origin by the key k.
            let authorization = try #require(asked[0].headers.first(name: "authorization"))
            let parts = authorization.dropFirst("vapid ".count).split(separator: ", ")
            #expect(parts[1] == "k=" + Base64URLText.encode(key.publicKey.x963Representation))
            let keys = JWTKeyCollection()
            await keys.add(ecdsa: try ES256PublicKey(pem: key.publicKey.pemRepresentation))
            let claims = try await keys.verify(String(parts[0].dropFirst(2)), as: Claims.self)
            #expect(claims.aud == provider.url && claims.sub == "mailto:ops@example.org")
        }
    }

    /// The receiving side of RFC 8188 and 8291, written apart from the sending one.
    private static func decrypt(
        _ body: [UInt8], with browser: P256.KeyAgreement.PrivateKey, secret: [UInt8]
    ) throws -> Data {
        let salt = Array(body[0..<16])
        let length = Int(body[20])
        let point = Array(body[21..<21 + length])
        let sealed = body[(21 + length)...]
        let shared = try browser.sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PublicKey(x963Representation: point))
        func hmac(_ key: [UInt8], _ text: [UInt8]) -> [UInt8] {
            Array(HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key)))
        }
        let prk = hmac(secret, shared.withUnsafeBytes { Array($0) })
        let info = Array("WebPush: info\0".utf8) + Array(browser.publicKey.x963Representation) + point
        let prk2 = hmac(salt, hmac(prk, info + [1]))
        let key = hmac(prk2, Array("Content-Encoding: aes128gcm\0".utf8) + [1]).prefix(16)
        let nonce = hmac(prk2, Array("Content-Encoding: nonce\0".utf8) + [1]).prefix(12)
        let box = try AES.GCM.SealedBox(
            nonce: .init(data: nonce), ciphertext: sealed.dropLast(16), tag: sealed.suffix(16))
        let text = try AES.GCM.open(box, using: SymmetricKey(data: key))
        #expect(text.last == 2)
        return text.dropLast()
    }

    @Test func noOtherServerIsAskedThanAPushService() {
        let allowed = PushSettings.WebPush.knownHosts
        #expect(PushOrigin.of("https://fcm.googleapis.com/fcm/send/x", allowed: allowed) != nil)
        #expect(PushOrigin.of("https://db5p.notify.windows.com/w/?t=1", allowed: allowed) != nil)
        for endpoint in [
            "http://fcm.googleapis.com/x", "https://127.0.0.1/x", "https://evil.com/fcm.googleapis.com",
            "https://fcm.googleapis.com.evil.com/", "https://fcm.googleapis.com@evil.com/",
            "https://someone@fcm.googleapis.com/", "x",
        ] {
            #expect(PushOrigin.of(endpoint, allowed: allowed) == nil)
        }
    }

    @Test func aSubscriptionThatEndedIsDead() async throws {
        let browser = P256.KeyAgreement.PrivateKey().publicKey.x963Representation
        let answer: FakeProvider.Answering = { _ in .init(status: 410) }
        try await FakeProvider.run(answer) { provider in
            let settings = PushSettings(
                webPush: .init(
                    key: P256.Signing.PrivateKey().pemRepresentation, subject: "mailto:a@b",
                    hosts: ["localhost"]))
            let target = PushTarget.webPush(
                endpoint: provider.url, p256dh: Base64URLText.encode(browser),
                auth: Base64URLText.encode(Array(repeating: 1, count: 16)))
            let ended = try await send(settings, target)
            #expect(ended == [.dead("status 410")])
            let keyless = try await send(settings, .webPush(endpoint: provider.url, p256dh: "x", auth: "y"))
            #expect(keyless == [.dead("the keys are none")])
        }
    }

    // MARK: - Webhook

    @Test func theWebhookIsSignedOverTimeAndBody() async throws {
        let secret = Array("a secret of the operator".utf8)
        let answer: FakeProvider.Answering = { _ in .init(status: 204) }
        try await FakeProvider.run(answer) { provider in
            let settings = PushSettings(webhook: .init(hosts: ["localhost"], secret: secret))
            var outcomes = try await send(settings, .webhook(url: "\(provider.url)/hook", secret: nil))
            outcomes += try await send(
                settings, .webhook(url: "https://127.0.0.1:\(provider.port)/", secret: nil))
            #expect(outcomes == [.delivered, .dead("the address is of no receiver that is allowed")])
            let asked = try #require(provider.requests.first)
            #expect(asked.path == "/hook" && asked.json["title"] as? String == "Alice")
            #expect(asked.headers.first(name: "martlet-notification-id") == id)
            let signature = try #require(asked.headers.first(name: "martlet-signature"))
            let parts = signature.split(separator: ",")
            let time = String(parts[0].dropFirst(2))
            let expected = HMAC<SHA256>.authenticationCode(
                for: Array("\(time).".utf8) + asked.body, using: SymmetricKey(data: secret)
            ).map { String(format: "%02x", $0) }.joined()
            #expect(parts[1] == "v1=" + expected)
        }
    }

    @Test func aProviderThatIsNotSetUpIsNotOffered() async throws {
        let senders = try await PushSenders(PushSettings())
        #expect(!senders.offers(.apns) && !senders.offers(.webhook))
        #expect(
            await senders.send(notification(), to: .fcm(token: "x"))
                == .failed("this server does not offer fcm"))
        await senders.shutdown()
    }
}
