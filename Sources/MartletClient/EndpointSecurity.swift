import NIOCore
import NIOSSL

/// TLS of a client's connections; made once per endpoint, because reading certificates takes time.
struct EndpointSecurity: Sendable {
    private let context: NIOSSLContext
    private let host: String?

    /// `nil` for an endpoint without TLS.
    init?(_ endpoint: Endpoint) throws {
        guard endpoint.isSecure else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = endpoint.authorityFile { configuration.trustRoots = .file(file) }
        context = try NIOSSLContext(configuration: configuration)
        // A literal address is compared with the certificate's addresses, and must not be sent as a name.
        host = (try? SocketAddress(ipAddress: endpoint.host, port: 0)) == nil ? endpoint.host : nil
    }

    /// Puts TLS first into the pipeline. On the channel's loop.
    func add(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(
            try NIOSSLClientHandler(context: context, serverHostname: host), position: .first)
    }
}
