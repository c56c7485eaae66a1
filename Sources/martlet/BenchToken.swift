import Foundation
import Sealing

/// Mints HS256 tokens (RFC 7519) for tools that hold the local cluster's secret.
struct BenchToken: Sendable {
    private let secret: [UInt8]

    /// The secret is the file's text without the final newline.
    init(secretFile: String) throws {
        let text: String
        do {
            text = try String(contentsOfFile: secretFile, encoding: .utf8)
        } catch {
            throw BenchFailure("cannot read the secret \(secretFile): is a cluster up? (tools/cluster up)")
        }
        secret = Array((text.hasSuffix("\n") ? String(text.dropLast()) : text).utf8)
    }

    /// A token of `user` for one day. `server` lifts the rate limits, as for a trusted backend.
    func mint(user: String, isServer: Bool = false) -> String {
        let expires = Int(Date().timeIntervalSince1970) + 86_400
        let scope = isServer ? #","scope":"server""# : ""
        let head = base64URL(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        let body = base64URL(Array(#"{"sub":"\#(user)","exp":\#(expires)\#(scope)}"#.utf8))
        let signed = "\(head).\(body)"
        return "\(signed).\(base64URL(HMACSHA256.code(for: Array(signed.utf8), key: secret)))"
    }

    private func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }
}

/// Why a benchmark or the demo cannot go on; printed as it is.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
