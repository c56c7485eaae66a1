import Vocabulary

/// Bodies of requests about devices, keys and conversation settings, checked against their limits.
extension BodyObject {
    /// `{"provider",..}` of `PUT /v1/users/me/devices/{id}/push`.
    package func pushRegistration() throws(Refusal) -> PushRegistration {
        var content = PushRegistration.Content.full
        if let word = try optionalText("content", bytesMax: 16) {
            guard let known = PushRegistration.Content(rawValue: word) else {
                throw bad("content", "must be full, sender or silent")
            }
            content = known
        }
        return PushRegistration(target: try pushTarget(), content: content, registeredAt: .zero)
    }

    private func pushTarget() throws(Refusal) -> PushRegistration.Target {
        switch try text("provider", bytesMax: 16) {
        case "apns": return try apns()
        case "fcm":
            let token = try text("token", bytesMax: 4_096)
            guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw bad("token", "must be printable ASCII")
            }
            return .fcm(token: token)
        case "webpush": return try webpush()
        case "webhook":
            let secret = try optionalText("secret", bytesMax: 256)
            if let secret, secret.utf8.count < 16 { throw bad("secret", "must have at least 16 bytes") }
            return .webhook(url: try url("url", schemes: ["https", "http"]), secret: secret)
        default: throw bad("provider", "must be apns, fcm, webpush or webhook")
        }
    }

    private func apns() throws(Refusal) -> PushRegistration.Target {
        let token = try text("token", bytesMax: 200)
        guard token.utf8.count >= 64, token.utf8.allSatisfy({ isHexDigit($0) }) else {
            throw bad("token", "must be 64 to 200 hexadecimal digits")
        }
        let topic = try optionalText("topic", bytesMax: 128)
        let isDomainLike = { (byte: UInt8) in
            isLetterOrDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
        }
        if let topic, topic.isEmpty || !topic.utf8.allSatisfy(isDomainLike) {
            throw bad("topic", "must be a bundle id")
        }
        let environment = try optionalText("environment", bytesMax: 16) ?? "production"
        guard environment == "production" || environment == "sandbox" else {
            throw bad("environment", "must be production or sandbox")
        }
        return .apns(token: token, topic: topic, isSandbox: environment == "sandbox")
    }

    /// What `PushSubscription.toJSON()` gives a browser.
    private func webpush() throws(Refusal) -> PushRegistration.Target {
        let endpoint = try url("endpoint", schemes: ["https", "http"])
        let keys = try object("keys")
        guard let p256dh = Base64URL.decode(try keys.text("p256dh", bytesMax: 128).unpadded),
            p256dh.count == 65, p256dh[0] == 4
        else { throw keys.bad("p256dh", "must be an uncompressed P-256 point in base64url") }
        guard let auth = Base64URL.decode(try keys.text("auth", bytesMax: 64).unpadded), auth.count == 16
        else { throw keys.bad("auth", "must be 16 bytes in base64url") }
        return .webpush(endpoint: endpoint, p256dh: p256dh, auth: auth)
    }

    private func url(_ name: String, schemes: [String]) throws(Refusal) -> String {
        let url = try text(name, bytesMax: 2_048)
        let isPlain = url.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        let hasHost = schemes.contains { scheme in
            url.hasPrefix(scheme + "://") && url.utf8.count > scheme.utf8.count + 3
        }
        guard isPlain, hasHost else { throw bad(name, "must be a \(schemes[0]) URL") }
        return url
    }

    /// `{"identity_key","signed_prekey","one_time_prekeys"}` of `PUT /v1/users/me/devices/{id}/keys`.
    package func keyUpload() throws(Refusal) -> KeyUpload {
        var oneTime: [Prekey] = []
        for object in try objects("one_time_prekeys", max: 100) {
            oneTime.append(try object.prekey(isSigned: false))
        }
        let upload = KeyUpload(
            identityKey: try has("identity_key") ? key("identity_key") : nil,
            signedPrekey: try optionalObject("signed_prekey")?.prekey(isSigned: true),
            oneTimePrekeys: oneTime)
        guard upload.identityKey != nil || upload.signedPrekey != nil || !oneTime.isEmpty else {
            throw missing("one_time_prekeys")
        }
        return upload
    }

    private func prekey(isSigned: Bool) throws(Refusal) -> Prekey {
        guard let id = try optionalInteger("key_id", in: 0...Int64(Int32.max)) else {
            throw missing("key_id")
        }
        return Prekey(
            id: UInt32(id), publicKey: try key("public_key"),
            signature: isSigned ? try key("signature") : nil)
    }

    /// Base64 of either alphabet; the longest in use is an ML-KEM-1024 key.
    private func key(_ name: String) throws(Refusal) -> String {
        let key = try text(name, bytesMax: 4_096)
        guard key.utf8.allSatisfy({ isLetterOrDigit($0) || "+/-_=".utf8.contains($0) }) else {
            throw bad(name, "must be base64")
        }
        return key
    }

    /// `disappearing_ms`: 24 hours, 7 days, 90 days, or 0 and null for never; `nil` when it is not given.
    package func disappearing() throws(Refusal) -> UInt64? {
        guard has("disappearing_ms") else { return nil }
        let milliseconds = UInt64(try optionalInteger("disappearing_ms", in: 0...Int64(1) << 52) ?? 0)
        guard DisappearingRequest.choices.contains(milliseconds) else {
            throw bad("disappearing_ms", "must be 0, 86400000, 604800000 or 7776000000")
        }
        return milliseconds
    }

    /// `{"muted_until"?,"pinned"?,"archived"?,"marked_unread"?}`; `"muted_until":null` ends a mute.
    package func rowSettings() throws(Refusal) -> RowSettingsChange {
        var change = RowSettingsChange(
            pinned: try optionalBool("pinned"), archived: try optionalBool("archived"),
            markedUnread: try optionalBool("marked_unread"))
        if has("muted_until") {
            let until = try optionalInteger("muted_until", in: 0...Int64(1) << 52)
            change.mute = until.map { $0 == 0 ? .off : .until(Timestamp($0)) } ?? .off
        }
        if change.pinned == true, change.archived == true {
            throw bad("pinned", "cannot be set together with archived")
        }
        return change
    }
}

extension String {
    /// Without the padding of base64, and in the alphabet of base64url.
    fileprivate var unpadded: String {
        var text = ""
        for scalar in unicodeScalars where scalar != "=" {
            text.unicodeScalars.append(scalar == "+" ? "-" : scalar == "/" ? "_" : scalar)
        }
        return text
    }
}

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
    default: false
    }
}

private func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"),
        UInt8(ascii: "a")...UInt8(ascii: "f"):
        true
    default: false
    }
}
