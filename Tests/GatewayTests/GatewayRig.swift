import FoundationEssentials
import JWTKit
import Logging
import NIOPosix
import Observability
import Vocabulary

@testable import Gateway

/// A client port on a loopback socket, with a fake cluster behind it.
struct GatewayRig {
    let dispatcher: FakeDispatcher
    let server: GatewayServer
    let port: Int
    let metrics: NodeMetrics
    private let keys: JWTKeyCollection

    private struct Token: JWTPayload {
        var sub: String
        var exp: Double?
        var device: String?
        var scope: String?
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    static func run<T>(limits: Limits = Limits(), _ body: (GatewayRig) async throws -> T) async throws -> T {
        let secret = Array("a secret that only this test knows".utf8)
        let keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: Data(secret)), digestAlgorithm: .sha256)
        let dispatcher = FakeDispatcher()
        let metrics = NodeMetrics()
        let server = GatewayServer(
            configuration: GatewayConfiguration(host: "127.0.0.1", port: 0, limits: limits),
            dispatcher: dispatcher,
            tokens: try await TokenVerifier(hs256Secret: secret),
            group: MultiThreadedEventLoopGroup.singleton,
            metrics: metrics, logger: Logger(label: "test"))
        let rig = GatewayRig(
            dispatcher: dispatcher, server: server, port: try await server.start(), metrics: metrics,
            keys: keys)
        do {
            let result = try await body(rig)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    func token(
        _ user: String = "ann", device: String? = nil, scope: String? = nil, lasts seconds: Double? = 600
    ) async throws -> String {
        let expires = seconds.map { Date().timeIntervalSince1970 + $0 }
        return try await keys.sign(Token(sub: user, exp: expires, device: device, scope: scope))
    }
}
