import Vocabulary

/// The providers that wake devices; each is offered when its keys are given.
package struct PushSection: Hashable, Sendable {
    package struct APNs: Hashable, Sendable {
        package var keyFile: String
        package var keyID: String
        package var teamID: String
        package var topic: String
        package var url: String?
        package var sandboxURL: String?
    }
    package struct FCM: Hashable, Sendable {
        package var serviceAccountFile: String
        package var url: String?
    }
    package struct WebPush: Hashable, Sendable {
        package var keyFile: String
        package var subject: String
        /// `nil`: the push services of the known browsers.
        package var hosts: [String]?
    }
    package struct Webhook: Hashable, Sendable {
        package var hosts: [String]
        package var secretFile: String
    }

    package var apns: APNs?
    package var fcm: FCM?
    package var webPush: WebPush?
    package var webhook: Webhook?
    /// Certificate authorities in PEM, trusted beside the system's.
    package var caFile: String?
    /// A device that acknowledges within this long is not woken.
    package var graceMilliseconds: UInt64 = 2_000
    /// How long a message is worth a notification, and a provider may hold one.
    package var lifetimeSeconds = 86_400

    package var isEnabled: Bool { apns != nil || fcm != nil || webPush != nil || webhook != nil }

    init() {}

    init(from reader: inout ConfigurationReader) {
        if let keyFile = reader.path("push.apns.key_file") {
            apns = APNs(
                keyFile: keyFile, keyID: Self.required("push.apns.key_id", &reader),
                teamID: Self.required("push.apns.team_id", &reader),
                topic: Self.required("push.apns.topic", &reader), url: reader.text("push.apns.url"),
                sandboxURL: reader.text("push.apns.sandbox_url"))
        }
        if let file = reader.path("push.fcm.service_account_file") {
            fcm = FCM(serviceAccountFile: file, url: reader.text("push.fcm.url"))
        }
        if let keyFile = reader.path("push.webpush.key_file") {
            let hosts = reader.texts("push.webpush.hosts")
            let subject = Self.required("push.webpush.subject", &reader)
            if !subject.isEmpty, !subject.hasPrefix("mailto:"), !subject.hasPrefix("https:") {
                reader.refuse("push.webpush.subject", "must begin with mailto: or https: (RFC 8292)")
            }
            webPush = WebPush(keyFile: keyFile, subject: subject, hosts: hosts.isEmpty ? nil : hosts)
        }
        let hosts = reader.texts("push.webhook.hosts")
        if let file = reader.path("push.webhook.secret_file") {
            if hosts.isEmpty {
                reader.refuse("push.webhook.hosts", "is required: the receivers that devices may name")
            }
            webhook = Webhook(hosts: hosts, secretFile: file)
        } else if !hosts.isEmpty {
            reader.refuse("push.webhook.secret_file", "is required: what signs the requests")
        }
        caFile = reader.path("push.ca_file")
        if let value = reader.number("push.grace_ms", in: 0...600_000) { graceMilliseconds = UInt64(value) }
        if let value = reader.number("push.lifetime_s", in: 60...2_419_200) { lifetimeSeconds = value }
    }

    private static func required(_ key: String, _ reader: inout ConfigurationReader) -> String {
        guard let text = reader.text(key) else {
            reader.refuse(key, "is required with the key file beside it")
            return ""
        }
        return text
    }
}
