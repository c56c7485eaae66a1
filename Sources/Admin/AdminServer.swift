import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NodeConfig
import PortSecurity
import ServiceLifecycle
import Synchronization

/// The admin port: health, metrics, the state of the cluster, operations and the web console over HTTP.
///
/// It knows no other node and keeps no state: every answer comes from its `AdminSource`. Runs until its task
/// is cancelled or its service group shuts down.
package final class AdminServer: Sendable {
    private let address: HostPort
    private let routes: AdminRoutes
    private let group: any EventLoopGroup
    private let logger: Logger
    private let security: PortSecurity?
    private let port = Mutex<Int?>(nil)

    /// - Parameter token: what `Authorization: Bearer` must carry; `nil` asks for nothing (loopback only).
    package init(
        address: HostPort, source: any AdminSource, token: String?, security: PortSecurity? = nil,
        group: any EventLoopGroup, logger: Logger
    ) {
        self.security = security
        self.address = address
        self.group = group
        self.logger = logger
        routes = AdminRoutes(source: source, token: token)
    }

    /// The port that is listened on; `nil` before it is bound.
    package var boundPort: Int? { port.withLock { $0 } }

    private func server() throws -> HTTPServerBuilder {
        guard let security else { return .http1() }
        return try .tls(.http1(), tlsConfiguration: security.serverConfiguration())
    }

    /// Binds, serves, and returns when it is told to stop.
    ///
    /// - Parameter onListening: called once, when the port is bound.
    /// - Throws: when the port cannot be bound.
    package func run(onListening: @escaping @Sendable () -> Void = {}) async throws {
        let application = Application(
            router: routes.router(), server: try server(),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port), serverName: "martlet"),
            onServerRunning: { channel in
                self.port.withLock { $0 = channel.localAddress?.port }
                onListening()
            },
            eventLoopGroupProvider: .shared(group), logger: logger)
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        // Somebody may hold a connection open.
        configuration.maximumGracefulShutdownDuration = .seconds(1)
        let services = ServiceGroup(configuration: configuration)
        // A server that is cancelled rather than told to stop logs that as an error of its own, at every stop.
        let serving = Task { try await services.run() }
        try await withTaskCancellationHandler {
            try await serving.value
        } onCancel: {
            Task { await services.triggerGracefulShutdown() }
        }
    }
}
