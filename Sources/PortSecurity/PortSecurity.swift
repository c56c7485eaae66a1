import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import NodeConfig

/// TLS of one port, from the files that the configuration names. The files may be replaced while the node runs:
/// `reload` takes the new ones for connections to come.
///
/// With a `ca` the other side must show a certificate that it has signed. Names are not compared on peer links: nodes
/// are reached by address, and prove by the gossip key who they are.
package final class PortSecurity: Sendable {
    private struct Contexts {
        var server: NIOSSLContext
        /// For dialling; only with a `ca`.
        var client: NIOSSLContext?
    }

    private let files: NodeConfiguration.TLSFiles
    private let contexts: NIOLockedValueBox<Contexts>

    /// - Throws: `PortSecurityFailure` when a file cannot be read or does not fit the others.
    package init(_ files: NodeConfiguration.TLSFiles) throws {
        self.files = files
        contexts = NIOLockedValueBox(try Self.load(files))
    }

    /// Reads the files again; on a failure everything stays as it was.
    package func reload() throws {
        let fresh = try Self.load(files)
        contexts.withLockedValue { $0 = fresh }
    }

    /// For whoever makes its own channels.
    package func serverConfiguration() throws -> TLSConfiguration { try Self.configuration(files) }

    /// Puts TLS first into the pipeline of an accepted connection. On the channel's loop.
    package func secure(accepted channel: any Channel) throws {
        let context = contexts.withLockedValue { $0.server }
        try channel.pipeline.syncOperations.addHandler(
            NIOSSLServerHandler(context: context), position: .first)
    }

    /// The same for a connection that this node has dialled.
    package func secure(dialled channel: any Channel) throws {
        guard let context = contexts.withLockedValue({ $0.client }) else {
            throw PortSecurityFailure(description: "\(files.certificate): dialling needs a ca")
        }
        try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: context, serverHostname: nil), position: .first)
    }

    private static func load(_ files: NodeConfiguration.TLSFiles) throws -> Contexts {
        do {
            let server = try NIOSSLContext(configuration: configuration(files))
            guard let authority = files.authority else { return Contexts(server: server) }
            var dialling = TLSConfiguration.makeClientConfiguration()
            dialling.certificateChain = try chain(files)
            dialling.privateKey = try key(files)
            dialling.trustRoots = .file(authority)
            dialling.certificateVerification = .noHostnameVerification
            return Contexts(server: server, client: try NIOSSLContext(configuration: dialling))
        } catch {
            throw PortSecurityFailure(
                description: "\(files.certificate), \(files.key), \(files.authority ?? "no ca"): \(error)")
        }
    }

    private static func configuration(_ files: NodeConfiguration.TLSFiles) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try chain(files), privateKey: try key(files))
        configuration.minimumTLSVersion = .tlsv12
        if let authority = files.authority {
            configuration.trustRoots = .file(authority)
            configuration.certificateVerification = .noHostnameVerification
        }
        return configuration
    }

    private static func chain(_ files: NodeConfiguration.TLSFiles) throws -> [NIOSSLCertificateSource] {
        try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) }
    }

    private static func key(_ files: NodeConfiguration.TLSFiles) throws -> NIOSSLPrivateKeySource {
        .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
    }
}

/// Which files cannot be used, and why.
package struct PortSecurityFailure: ProcessEnding {
    package var exit: ProcessExit { .badConfiguration }
    package var description: String
}
