import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// One HTTP client for all providers: connections are kept, HTTP/2 is spoken where it is offered.
package final class PushTransport: Sendable {
    private let client: HTTPClient

    /// An answer, its body cut at 16 KiB: providers say little, and nothing more is believed.
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: Data

        /// `Retry-After` in seconds, or a provider's silence.
        var retryAfterMilliseconds: UInt64? {
            headers.first(name: "retry-after").flatMap { UInt64($0) }.map { min($0, 86_400) * 1_000 }
        }

        /// A text of the JSON body, by its path.
        func text(_ path: String...) -> String? {
            var value = try? JSONSerialization.jsonObject(with: body)
            for key in path { value = (value as? [String: Any])?[key] }
            return value as? String
        }
    }

    package init(trustedCertificates: String?) throws {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let trustedCertificates {
            tls.additionalTrustRoots = [
                .certificates(try NIOSSLCertificate.fromPEMBytes(Array(trustedCertificates.utf8)))
            ]
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: .seconds(15)))
        configuration.httpVersion = .automatic
        // Who asks again is decided by the outbox.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func shutdown() async { try? await client.shutdown() }

    func post(
        _ url: String, headers: [(String, String)], body: [UInt8]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await client.execute(request, timeout: .seconds(20))
        let buffer = try await response.body.collect(upTo: 16 << 10)
        return Answer(
            status: Int(response.status.code), headers: response.headers, body: Data(buffer.readableBytesView)
        )
    }
}
