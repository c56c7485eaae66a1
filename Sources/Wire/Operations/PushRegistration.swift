import Vocabulary

/// How one device is woken: validated, stored in the device's record on its user's partition.
package struct PushRegistration: Hashable, Sendable {
    /// Where a notification goes. The first word of each is the `provider` of the client protocol.
    package enum Target: Hashable, Sendable {
        /// `topic` is the app's bundle id; `nil` uses the one of the configuration.
        case apns(token: String, topic: String?, isSandbox: Bool)
        case fcm(token: String)
        /// `p256dh` is an uncompressed P-256 point (65 bytes), `auth` the 16 secret bytes of RFC 8291.
        case webpush(endpoint: String, p256dh: [UInt8], auth: [UInt8])
        /// `secret` signs what is sent; `nil` uses the one of the configuration.
        case webhook(url: String, secret: String?)
    }

    /// How much of a message a notification shows; the raw value is the word of the client protocol.
    package enum Content: String, Hashable, Sendable, CaseIterable { case full, sender, silent }

    package var target: Target
    package var content: Content
    /// When this registration was stored: a provider's verdict on an older one does not touch it.
    package var registeredAt: Timestamp

    package init(target: Target, content: Content, registeredAt: Timestamp) {
        self.target = target
        self.content = content
        self.registeredAt = registeredAt
    }

    /// The word of the client protocol.
    package var provider: String {
        switch target {
        case .apns: "apns"
        case .fcm: "fcm"
        case .webpush: "webpush"
        case .webhook: "webhook"
        }
    }
}

extension ByteWriter {
    package mutating func pushRegistration(_ value: PushRegistration) {
        switch value.target {
        case .apns(let token, let topic, let isSandbox):
            u8(1)
            text(token)
            optional(topic) { $0.text($1) }
            bool(isSandbox)
        case .fcm(let token):
            u8(2)
            text(token)
        case .webpush(let endpoint, let p256dh, let auth):
            u8(3)
            text(endpoint)
            blob(p256dh)
            blob(auth)
        case .webhook(let url, let secret):
            u8(4)
            text(url)
            optional(secret) { $0.text($1) }
        }
        text(value.content.rawValue)
        timestamp(value.registeredAt)
    }
}

extension ByteReader {
    package mutating func pushRegistration() throws(DecodingFailure) -> PushRegistration {
        let target: PushRegistration.Target
        switch try u8() {
        case 1:
            target = .apns(
                token: try text(), topic: try optional { r throws(DecodingFailure) in try r.text() },
                isSandbox: try bool())
        case 2: target = .fcm(token: try text())
        case 3: target = .webpush(endpoint: try text(), p256dh: try blob(), auth: try blob())
        case 4:
            target = .webhook(
                url: try text(), secret: try optional { r throws(DecodingFailure) in try r.text() })
        case let tag: throw .unknown(field: "push target", value: UInt64(tag))
        }
        guard let content = PushRegistration.Content(rawValue: try text()) else {
            throw .unknown(field: "push content", value: 0)
        }
        return PushRegistration(target: target, content: content, registeredAt: try timestamp())
    }
}
