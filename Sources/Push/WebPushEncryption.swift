import Crypto
import Foundation

/// Message encryption for Web Push (RFC 8291) in one record of aes128gcm (RFC 8188). Key and salt are arguments.
struct WebPushEncryption {
    /// What a browser gave for its subscription.
    struct Recipient {
        let publicKey: P256.KeyAgreement.PublicKey
        let secret: [UInt8]

        /// `nil` when the keys are none: 65 bytes of an uncompressed point, 16 bytes of a secret, base64url.
        init?(p256dh: String, auth: String) {
            guard let point = Base64URLText.decode(p256dh), point.count == 65,
                let secret = Base64URLText.decode(auth), secret.count == 16,
                let key = try? P256.KeyAgreement.PublicKey(x963Representation: point)
            else { return nil }
            publicKey = key
            self.secret = secret
        }
    }

    /// A single record must hold the text, a delimiter and the tag; push services take 4,096 bytes.
    static let recordBytes = 4_096
    static let textBytesMax = recordBytes - 16 - 1 - 86

    static func encrypt(
        _ text: [UInt8], for recipient: Recipient, sender: P256.KeyAgreement.PrivateKey, salt: [UInt8]
    ) throws -> [UInt8] {
        let shared = try sender.sharedSecretFromKeyAgreement(with: recipient.publicKey)
        let senderPoint = Array(sender.publicKey.x963Representation)
        // Section 3.4: the authentication secret is mixed in, with both public keys as context.
        let context =
            Array("WebPush: info".utf8) + [0] + Array(recipient.publicKey.x963Representation) + senderPoint
        let inputKey = shared.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: recipient.secret, sharedInfo: context, outputByteCount: 32)
        // RFC 8188, section 2.2 and 2.3.
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: inputKey, salt: salt, info: Array("Content-Encoding: aes128gcm".utf8) + [0],
            outputByteCount: 16)
        let nonce = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: inputKey, salt: salt, info: Array("Content-Encoding: nonce".utf8) + [0],
            outputByteCount: 12
        ).withUnsafeBytes { Array($0) }
        // The delimiter of the last record is 2.
        let sealed = try AES.GCM.seal(text + [2], using: key, nonce: AES.GCM.Nonce(data: nonce))
        var body = salt
        withUnsafeBytes(of: UInt32(recordBytes).bigEndian) { body.append(contentsOf: $0) }
        body.append(UInt8(senderPoint.count))
        body += senderPoint
        body += sealed.ciphertext
        body += sealed.tag
        return body
    }
}

/// base64url without padding (RFC 4648, section 5); padding is forgiven.
package enum Base64URLText {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    static func decode(_ text: String) -> [UInt8]? {
        var text = text.replacing("-", with: "+").replacing("_", with: "/").replacing("=", with: "")
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text).map { Array($0) }
    }
}
