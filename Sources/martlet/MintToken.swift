import ArgumentParser
import Foundation
import NodeConfig
import Sealing
import Vocabulary

struct MintToken: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make a token for a user (HS256), for trying out and for tests.")

    @Argument(help: "The user's id.")
    var user: String

    @Option(help: "Pin the token to a device.")
    var device: String?

    @Option(help: "Seconds until it expires.")
    var ttl = 86_400

    @Option(help: "'server' marks a trusted backend.")
    var scope: String?

    @Option(help: "File with the secret (default: of the configuration, else of the local cluster).")
    var secretFile: String?

    @Option(name: [.short, .long], help: "A node's configuration: its secret, audience and issuer.")
    var config: String?

    func validate() throws {
        guard UserID(user) != nil else { throw ValidationError("'\(user)' is no user id") }
        if let device, DeviceID(device) == nil { throw ValidationError("'\(device)' is no device id") }
        guard ttl > 0, ttl <= 10 * 366 * 86_400 else {
            throw ValidationError("--ttl is from 1 s to ten years")
        }
        guard scope == nil || scope == "server" else { throw ValidationError("--scope takes 'server'") }
    }

    func run() throws {
        let node = try config.map { file throws(ConfigurationFailure) in
            try NodeConfiguration.load(file: file)
        }
        let path = secretFile ?? node?.auth.hs256SecretFile ?? LocalCluster.secretFile
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.badConfiguration, "\(path): cannot read the secret")
        }
        let secret = NodeConfiguration.withoutFinalNewline([UInt8](data))
        guard !secret.isEmpty else { throw CommandFailure(.badConfiguration, "\(path): the secret is empty") }
        let now = Int(Date().timeIntervalSince1970)
        let claims = AccessClaims(
            sub: user, exp: now + ttl, iat: now, device: device, scope: scope, aud: node?.auth.audience,
            iss: node?.auth.issuer)
        print(try claims.signed(with: secret))
    }
}

/// What a token says; absent claims are left out.
private struct AccessClaims: Encodable {
    var sub: String
    var exp: Int
    var iat: Int
    var device: String?
    var scope: String?
    var aud: String?
    var iss: String?

    /// The compact form (RFC 7515, section 7.1) under HMAC-SHA256.
    func signed(with secret: [UInt8]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let head = base64URL(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        let signing = try head + "." + base64URL([UInt8](encoder.encode(self)))
        return signing + "." + base64URL(HMACSHA256.code(for: Array(signing.utf8), key: secret))
    }

    private func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }
}
