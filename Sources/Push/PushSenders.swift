import Foundation

/// All providers that the operator has set up.
package final class PushSenders: Sendable {
    private let transport: PushTransport
    private let apns: APNsSender?
    private let fcm: FCMSender?
    private let webPush: WebPushSender?
    private let webhook: WebhookSender?

    /// - Throws: when a key or a service account is none.
    package init(_ settings: PushSettings) async throws {
        let transport = try PushTransport(trustedCertificates: settings.trustedCertificates)
        let lifetime = settings.lifetimeSeconds
        self.transport = transport
        do {
            apns =
                if let apns = settings.apns {
                    try await APNsSender(apns, lifetimeSeconds: lifetime, transport: transport)
                } else { nil }
            fcm =
                if let fcm = settings.fcm {
                    try await FCMSender(fcm, lifetimeSeconds: lifetime, transport: transport)
                } else { nil }
            webPush =
                if let webPush = settings.webPush {
                    try await WebPushSender(webPush, lifetimeSeconds: lifetime, transport: transport)
                } else { nil }
        } catch {
            await transport.shutdown()
            throw error
        }
        webhook = settings.webhook.map { WebhookSender(settings: $0, transport: transport) }
    }

    package func offers(_ provider: PushProvider) -> Bool {
        switch provider {
        case .apns: apns != nil
        case .fcm: fcm != nil
        case .webpush: webPush != nil
        case .webhook: webhook != nil
        }
    }

    /// One attempt; never throws, never takes longer than some 20 s.
    package func send(_ notification: PushNotification, to target: PushTarget) async -> PushOutcome {
        let now = Date()
        let outcome: PushOutcome? =
            switch target {
            case .apns(let token, let topic, let isSandbox):
                await apns?.send(notification, to: token, topic: topic, isSandbox: isSandbox, now: now)
            case .fcm(let token): await fcm?.send(notification, to: token, now: now)
            case .webPush(let endpoint, let p256dh, let auth):
                await webPush?.send(notification, endpoint: endpoint, p256dh: p256dh, auth: auth, now: now)
            case .webhook(let url, let secret):
                await webhook?.send(notification, to: url, secret: secret, now: now)
            }
        return outcome ?? .failed("this server does not offer \(target.provider.rawValue)")
    }

    package func shutdown() async { await transport.shutdown() }
}
