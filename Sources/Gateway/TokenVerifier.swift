import FoundationEssentials
import JWTKit
import Synchronization
import Vocabulary
import Wire

/// Whom a token speaks for.
package struct Caller: Hashable, Sendable {
    package var user: UserID
    /// The device that the token pins.
    package var device: DeviceID?
    /// When the token was issued; long ago when it does not say.
    package var issued: Timestamp
    /// A trusted backend.
    package var isServer: Bool
    package var expires: Timestamp
}

/// Checks tokens: HS256 with a secret, or the keys of a JWKS document. Remembers good ones until they expire, so
/// that a reconnect storm costs a table look-up each.
package final class TokenVerifier: Sendable {
    private let keys: JWTKeyCollection
    private let audience: String?
    private let issuer: String?
    private let known = Mutex(Generations<String, Caller>(limit: 32_768))

    /// At least one of secret and JWKS must be given.
    package init(
        hs256Secret: [UInt8]?, jwksJSON: String? = nil, audience: String? = nil, issuer: String? = nil
    ) async throws {
        let keys = JWTKeyCollection()
        if let hs256Secret {
            await keys.add(hmac: HMACKey(from: Data(hs256Secret)), digestAlgorithm: .sha256)
        }
        if let jwksJSON { try await keys.add(jwksJSON: jwksJSON) }
        self.keys = keys
        self.audience = audience
        self.issuer = issuer
    }

    /// The caller of a token that was verified before and has not expired.
    func remembered(_ token: String) -> Caller? {
        guard let caller = known.withLock({ $0[token] }), caller.expires > GatewayClock.wall else {
            return nil
        }
        return caller
    }

    func verify(_ token: String) async throws(Refusal) -> Caller {
        if let caller = remembered(token) { return caller }
        let claims: Claims
        do {
            claims = try await keys.verify(token, as: Claims.self, iteratingKeys: true)
        } catch {
            throw Self.refusal("the token is not valid")
        }
        let caller = try caller(of: claims)
        known.withLock { $0[token] = caller }
        return caller
    }

    static func refusal(_ message: String) -> Refusal { Refusal(.unauthenticated, message) }

    private func caller(of claims: Claims) throws(Refusal) -> Caller {
        // Beyond this a token is for ever; milliseconds still fit.
        guard claims.exp.isFinite, claims.exp < 1e12 else { throw Self.refusal("exp is out of range") }
        let expires = Timestamp(Int64(claims.exp * 1_000))
        guard expires > GatewayClock.wall else { throw Self.refusal("the token has expired") }
        if let notBefore = claims.nbf, notBefore * 1_000 > Double(GatewayClock.wall.milliseconds) + 60_000 {
            throw Self.refusal("the token is not valid yet")
        }
        if let audience, claims.aud?.value.contains(audience) != true {
            throw Self.refusal("the token is for another audience")
        }
        if let issuer, claims.iss != issuer { throw Self.refusal("the token is of another issuer") }
        guard let user = UserID(claims.sub) else { throw Self.refusal("sub is no user id") }
        var device: DeviceID?
        if let text = claims.device {
            guard let pinned = DeviceID(text) else { throw Self.refusal("device is no device id") }
            device = pinned
        }
        let isServer = claims.scope?.split(separator: " ").contains("server") == true
        let issued = claims.iat.flatMap { $0.isFinite && abs($0) < 1e12 ? Timestamp(Int64($0 * 1_000)) : nil }
        return Caller(
            user: user, device: device, issued: issued ?? .zero, isServer: isServer, expires: expires)
    }
}

/// What a token says; the signature is checked before any of it is believed.
private struct Claims: JWTPayload {
    var sub: String
    var exp: Double
    var nbf: Double?
    var iat: Double?
    var device: String?
    var scope: String?
    var aud: AudienceClaim?
    var iss: String?

    func verify(using algorithm: some JWTAlgorithm) {}
}
