/// What the operator gives for each provider; a provider without settings is not offered. Addresses can be set, so
/// that a proxy or a test may stand in for a provider.
package struct PushSettings: Sendable {
    package struct APNs: Sendable {
        /// The text of the .p8 file.
        package var key: String
        package var keyID: String
        package var teamID: String
        package var topic: String
        package var url: String
        /// For builds under development.
        package var sandboxURL: String

        package init(
            key: String, keyID: String, teamID: String, topic: String,
            url: String = "https://api.push.apple.com",
            sandboxURL: String = "https://api.sandbox.push.apple.com"
        ) {
            self.sandboxURL = sandboxURL
            self.key = key
            self.keyID = keyID
            self.teamID = teamID
            self.topic = topic
            self.url = url
        }
    }
    package struct FCM: Sendable {
        /// The service account's JSON file; its `token_uri` is where access tokens come from.
        package var serviceAccount: String
        package var url: String

        package init(serviceAccount: String, url: String = "https://fcm.googleapis.com") {
            self.serviceAccount = serviceAccount
            self.url = url
        }
    }
    package struct WebPush: Sendable {
        /// The VAPID key: a P-256 private key in PEM.
        package var key: String
        /// `mailto:` or `https:` address of the operator (RFC 8292, section 2.1).
        package var subject: String
        /// Push services that devices may name, by host or `*.domain`: the server connects to no other.
        package var hosts: [String]

        package static let knownHosts = [
            "fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.services.mozilla.com",
            "*.push.apple.com", "*.notify.windows.com",
        ]

        package init(key: String, subject: String, hosts: [String] = Self.knownHosts) {
            self.key = key
            self.subject = subject
            self.hosts = hosts
        }
    }
    package struct Webhook: Sendable {
        /// Receivers that devices may name, by host or `*.domain`; none is known beforehand.
        package var hosts: [String]
        package var secret: [UInt8]

        package init(hosts: [String], secret: [UInt8]) {
            self.hosts = hosts
            self.secret = secret
        }
    }

    package var apns: APNs?
    package var fcm: FCM?
    package var webPush: WebPush?
    package var webhook: Webhook?
    /// Certificate authorities in PEM that are trusted beside the system's.
    package var trustedCertificates: String?
    /// How long a provider may hold a notification for a device that is off.
    package var lifetimeSeconds: Int

    package init(
        apns: APNs? = nil, fcm: FCM? = nil, webPush: WebPush? = nil, webhook: Webhook? = nil,
        trustedCertificates: String? = nil, lifetimeSeconds: Int = 86_400
    ) {
        self.apns = apns
        self.fcm = fcm
        self.webPush = webPush
        self.webhook = webhook
        self.trustedCertificates = trustedCertificates
        self.lifetimeSeconds = lifetimeSeconds
    }
}
