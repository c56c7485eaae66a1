import ClientSession
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Observability
import PortSecurity
import Vocabulary

/// The client port of one node: accepts, upgrades to WebSocket or answers REST, drains and stops.
package final class GatewayServer: Sendable {
    private let configuration: GatewayConfiguration
    private let services: GatewayServices
    private let rest: RestResponder
    private let group: any EventLoopGroup
    private let hubs: [ObjectIdentifier: LoopHub]
    private let listener = NIOLockedValueBox<(any Channel)?>(nil)

    package init(
        configuration: GatewayConfiguration, dispatcher: any Dispatcher, tokens: TokenVerifier,
        group: any EventLoopGroup, metrics: NodeMetrics, logger: Logger
    ) {
        self.configuration = configuration
        self.group = group
        services = GatewayServices(
            limits: configuration.limits, rules: SessionRules(limits: configuration.limits),
            dispatcher: dispatcher,
            tokens: tokens, users: UserDirectory(dispatcher: dispatcher),
            devices: DeviceTokens(dispatcher: dispatcher),
            buckets: UserBuckets(limits: configuration.limits), metrics: GatewayProbe(metrics),
            drain: DrainState())
        rest = RestResponder(services: services, logger: logger)
        var hubs: [ObjectIdentifier: LoopHub] = [:]
        for loop in group.makeIterator() { hubs[ObjectIdentifier(loop)] = LoopHub(loop: loop) }
        self.hubs = hubs
    }

    /// Listens, and answers with the port.
    package func start() async throws -> Int {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: configuration.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            // An idle connection keeps the last buffer it read into: small to begin with.
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1_024, maximum: 65_536)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .childChannelInitializer { [services, rest, hubs, security = configuration.security] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let hub = hubs[ObjectIdentifier(channel.eventLoop)] else {
                        throw ChannelError.inappropriateOperationForState
                    }
                    try security?.secure(accepted: channel)
                    let handlers = UpgradePipeline()
                    try handlers.add(to: channel.pipeline)
                    try channel.pipeline.syncOperations.addHandler(
                        FrontHandler(services: services, hub: hub, rest: rest, httpHandlers: handlers))
                    services.metrics.accepted()
                    channel.closeFuture.whenComplete { [services] _ in services.metrics.closed() }
                }
            }
        let channel = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
        listener.withLockedValue { $0 = channel }
        return channel.localAddress?.port ?? configuration.port
    }

    /// Open WebSocket connections.
    package var sessionCount: Int { services.metrics.sessions }

    /// Leaves service: new upgrades are refused, open sockets are told and go on. Returns when the last client has
    /// gone, or at the deadline, when the rest is closed with 4000.
    package func drain(deadlineMilliseconds: UInt64) async {
        services.drain.begin()
        let targets = services.dispatcher.reconnectTargets
        for hub in hubs.values {
            hub.loop.execute { [drain = services.drain] in
                hub.drain(drain, deadlineMilliseconds: deadlineMilliseconds, reconnectTo: targets)
            }
        }
        let deadline = ContinuousClock.now + .milliseconds(deadlineMilliseconds)
        while sessionCount > 0, ContinuousClock.now < deadline, services.drain.isDraining {
            guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { break }
        }
        guard services.drain.isDraining else { return }
        await closeAll(code: CloseCode.draining, reason: "draining")
    }

    /// Takes upgrades again: the node stays in service after all.
    package func undrain() { services.drain.end() }

    /// Closes the port and every connection.
    package func stop() async {
        services.drain.begin()
        let channel = listener.withLockedValue { listener in
            defer { listener = nil }
            return listener
        }
        try? await channel?.close().get()
        await closeAll(code: CloseCode.draining, reason: "the node stops")
    }

    private func closeAll(code: UInt16, reason: String) async {
        for hub in hubs.values {
            try? await hub.loop.submit { hub.closeAll(code: code, reason: reason) }.get()
        }
    }
}
