import Foundation

/// What the files named in a configuration hold. Never printed, never part of the configuration itself.
package struct NodeSecrets: Sendable, CustomStringConvertible {
    /// The key of HS256 tokens: the file's text without the final newline.
    package var hs256Secret: [UInt8]?
    package var jwks: String?
    /// The key file as it is; the reader of its lines is `Sealing`'s.
    package var gossipKeyFile: [UInt8]?
    package var adminToken: String?
    /// Texts of the files that `push` names.
    package var push = PushSecrets()

    package var description: String { "node secrets (hidden)" }
}

/// What the files of the push section hold; `nil` for those not named.
package struct PushSecrets: Sendable {
    package var apnsKey: String?
    package var fcmAccount: String?
    package var webPushKey: String?
    package var webhookSecret: [UInt8]?
    package var trustedCertificates: String?
}

extension NodeConfiguration {
    /// Fewest bytes of an HS256 key: as many as its hash (RFC 7518, section 3.2).
    package static let hs256SecretBytesMin = 32

    /// Opens the files that the configuration names.
    ///
    /// - Throws: every file that is missing, unreadable, empty or too short.
    package func secrets() throws(ConfigurationFailure) -> NodeSecrets {
        var problems: [ConfigurationProblem] = []
        func read(_ path: String?, _ key: String, atLeast: Int = 1, isText: Bool = true) -> [UInt8]? {
            guard let path else { return nil }
            func refuse(_ reason: String) {
                problems.append(
                    ConfigurationProblem(
                        source: file ?? "configuration", key: key, reason: "\(path): \(reason)"))
            }
            guard let data = FileManager.default.contents(atPath: path) else {
                refuse(FileManager.default.fileExists(atPath: path) ? "cannot be read" : "no such file")
                return nil
            }
            let bytes = isText ? NodeConfiguration.withoutFinalNewline([UInt8](data)) : [UInt8](data)
            if bytes.count < atLeast { refuse("holds \(bytes.count) bytes, must hold at least \(atLeast)") }
            return bytes
        }
        func readText(_ path: String?, _ key: String) -> String? {
            read(path, key).map { String(decoding: $0, as: UTF8.self) }
        }
        let pushSecrets = PushSecrets(
            apnsKey: readText(push.apns?.keyFile, "push.apns.key_file"),
            fcmAccount: readText(push.fcm?.serviceAccountFile, "push.fcm.service_account_file"),
            webPushKey: readText(push.webPush?.keyFile, "push.webpush.key_file"),
            webhookSecret: read(push.webhook?.secretFile, "push.webhook.secret_file", atLeast: 16),
            trustedCertificates: readText(push.caFile, "push.ca_file"))
        var secrets = NodeSecrets(
            hs256Secret: read(
                auth.hs256SecretFile, "auth.hs256_secret_file", atLeast: NodeConfiguration.hs256SecretBytesMin
            ),
            jwks: read(auth.jwksFile, "auth.jwks_file").map { String(decoding: $0, as: UTF8.self) },
            gossipKeyFile: read(
                cluster.gossipKeyFile, "cluster.gossip_key_file", atLeast: 32, isText: false),
            adminToken: read(adminTokenFile, "admin.token_file", atLeast: 16)
                .map { String(decoding: $0, as: UTF8.self) })
        guard problems.isEmpty else { throw ConfigurationFailure(problems) }
        secrets.push = pushSecrets
        return secrets
    }

    /// The text of a secret's file: all but one final newline.
    package static func withoutFinalNewline(_ bytes: [UInt8]) -> [UInt8] {
        bytes.last == UInt8(ascii: "\n") ? Array(bytes.dropLast()) : bytes
    }
}
