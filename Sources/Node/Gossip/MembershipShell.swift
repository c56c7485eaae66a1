import Logging
import Membership
import NIOConcurrencyHelpers
import NIOCore
import PeerTransport
import Sealing
import Vocabulary
import Wire

/// Carries a gossip request to the peer port at `host:port` over TCP; calls back once, from any thread, with
/// the answer, or `nil` when there is none.
package typealias GossipExchangeTransport =
    @Sendable (_ address: String, _ request: [UInt8], _ answer: @escaping @Sendable ([UInt8]?) -> Void) ->
    Void

/// Runs the membership machine of this node: its UDP port, its timer, its TCP exchanges.
///
/// Lives on one event loop from `start` to `stop`. Its view is this node's own and may lag behind the
/// others'.
package actor MembershipShell {
    private let loop: any EventLoop
    private nonisolated let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let exchangeTransport: GossipExchangeTransport
    private let onChange: @Sendable (MemberRecord, MemberStatus?) -> Void
    private let onSuperseded: @Sendable () -> Void
    private let logger: Logger
    private nonisolated let view: NIOLockedValueBox<MembershipView>

    private var machine: SWIM
    private var socket: GossipSocket?
    private var timer: RepeatedTask?
    private var roundTrips: [NodeID: Double] = [:]
    /// The newest ping of the probe in flight, timed more finely than the machine's ticks.
    private var pinged: (sequence: UInt32, at: NIODeadline)?

    private static let tick = TimeAmount.milliseconds(50)

    /// - Parameters:
    ///   - own: this node, alive, in the first incarnation of its boot epoch.
    ///   - seeds: peer addresses to look for others at.
    ///   - onSuperseded: called on the loop when another process turns out to run with this identity (rule M4).
    ///   - onChange: called on the loop for every change of another member, with its record and the status it
    ///     had before (`nil`: it is new). An equal status means that the node says something new of itself.
    package init(
        own: MemberRecord, seeds: [String], settings: SWIMSettings = SWIMSettings(), on loop: any EventLoop,
        exchangeTransport: @escaping GossipExchangeTransport, logger: Logger,
        onSuperseded: @escaping @Sendable () -> Void,
        onChange: @escaping @Sendable (MemberRecord, MemberStatus?) -> Void
    ) {
        self.loop = loop
        executor = loop.executor
        self.exchangeTransport = exchangeTransport
        self.onChange = onChange
        self.onSuperseded = onSuperseded
        self.logger = logger
        var random = SystemRandomNumberGenerator()
        machine = SWIM(own: own, seeds: seeds, settings: settings, seed: random.next())
        view = NIOLockedValueBox(MembershipView(members: [MemberView(record: own)]))
    }

    /// Who is known, this node included, in the order of their ids. From any thread.
    package nonisolated var members: [MemberView] { view.withLockedValue { $0.members } }

    /// What happened so far. From any thread.
    package nonisolated var counters: MembershipCounters { view.withLockedValue { $0.counters } }

    /// Binds the UDP port and begins; throws when the port cannot be had.
    package func start(host: String, port: Int, sealer: GossipSealer) async throws {
        precondition(socket == nil, "gossip was started twice")
        socket = try await GossipSocket.bind(host: host, port: port, sealer: sealer, on: loop) {
            [weak self] datagram, address in
            self?.assumeIsolated { $0.receive(datagram, from: address) }
        }
        carryOut(machine.start(now: .now))
        timer = loop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { [weak self] _ in
            self?.assumeIsolated { shell in shell.carryOut(shell.machine.tick(now: .now)) }
        }
    }

    /// Seals and opens datagrams with other keys from now on.
    package func rekey(_ sealer: GossipSealer) { socket?.rekey(sealer) }

    /// Says something new of this node to everybody.
    package func describe(number: UInt32? = nil, addresses: MemberAddresses? = nil) {
        machine.describe(number: number, addresses: addresses)
        publish()
    }

    /// Answers a gossip request that came over TCP; `nil` when it is malformed or not for this node.
    package func handleExchange(_ bytes: [UInt8]) -> [UInt8]? {
        guard let request = try? GossipExchange(decoding: bytes) else { return nil }
        let (answer, orders) = machine.exchangeReceived(request, now: .now)
        carryOut(orders)
        return answer?.encoded()
    }

    /// The same for callers without a task; `answer` is called on the loop.
    package nonisolated func handleExchange(_ bytes: [UInt8], answer: @escaping @Sendable ([UInt8]?) -> Void)
    {
        loop.execute { answer(self.assumeIsolated { $0.handleExchange(bytes) }) }
    }

    /// The TCP link to a member broke. From any thread.
    package nonisolated func linkBroken(to node: NodeID) {
        loop.execute { self.assumeIsolated { $0.carryOut($0.machine.linkBroken(to: node, now: .now)) } }
    }

    /// Nothing listens at a member's peer port. From any thread.
    package nonisolated func portRefused(by node: NodeID) {
        loop.execute { self.assumeIsolated { $0.carryOut($0.machine.portRefused(by: node, now: .now)) } }
    }

    /// Says goodbye to everybody. The news spreads for about half a second: `stop` after that.
    package func leave() {
        carryOut(machine.leave(now: .now))
        publish()
    }

    /// Ends the timer and closes the port. Without `leave` before, others find out by themselves.
    package func stop() async {
        timer?.cancel()
        timer = nil
        let socket = socket
        self.socket = nil
        await socket?.close()
    }

    private func receive(_ datagram: GossipDatagram, from address: String) {
        carryOut(machine.datagramReceived(datagram, from: address, now: .now))
    }

    private func carryOut(_ orders: [SWIMDirective]) {
        if orders.isEmpty { return }
        for order in orders {
            switch order {
            case .send(let datagram, let address): send(datagram, to: address)
            case .exchange(let request, let address): exchange(request, with: address)
            case .memberChanged(let record, let was): changed(record, was: was)
            case .roundTrip(let node, let sequence, let milliseconds):
                noteRoundTrip(of: node, sequence: sequence, milliseconds: milliseconds)
            case .superseded(let other):
                logger.critical(
                    "Another process runs with this node's identity and a newer boot.",
                    metadata: ["node.peer": "\(other.addresses.peer)"])
                onSuperseded()
            }
        }
        publish()
    }

    private func send(_ datagram: GossipDatagram, to address: String) {
        if case .ping(let sequence, _?) = datagram.body { pinged = (sequence, .now()) }
        socket?.send(datagram, to: address)
    }

    private func exchange(_ request: GossipExchange, with address: String) {
        exchangeTransport(address, request.encoded()) { [weak self] bytes in
            guard let self, let bytes, let answer = try? GossipExchange(decoding: bytes) else { return }
            self.loop.execute {
                self.assumeIsolated { $0.carryOut($0.machine.exchangeAnswered(answer, now: .now)) }
            }
        }
    }

    private func changed(_ record: MemberRecord, was: MemberStatus?) {
        if was != record.status {
            // Suspicions come and go on a lossy network; the rest an operator wants to see.
            let isPassing = record.status == .suspect || was == .suspect && record.status == .alive
            logger.log(
                level: isPassing ? .debug : .info, "A member's gossip status changed.",
                metadata: [
                    "node.id": "\(record.node)", "node.name": "\(record.name)",
                    "gossip.status": "\(record.status)", "gossip.was": "\(was.map { "\($0)" } ?? "unknown")",
                ])
        }
        onChange(record, was)
    }

    private func noteRoundTrip(of node: NodeID, sequence: UInt32, milliseconds: UInt64) {
        var sample = Double(milliseconds)
        if let pinged, pinged.sequence == sequence {
            sample = Double((NIODeadline.now() - pinged.at).nanoseconds) / 1_000_000
        }
        // The weight of TCP's smoothed round trip (RFC 6298).
        roundTrips[node] = roundTrips[node].map { $0 + (sample - $0) / 8 } ?? sample
    }

    private func publish() {
        let records = machine.records
        let own = machine.own.node
        let members = records.map { record in
            MemberView(
                record: record, roundTripMilliseconds: record.node == own ? 0 : roundTrips[record.node])
        }
        if roundTrips.count > records.count {
            let known = Set(records.map(\.node))
            roundTrips = roundTrips.filter { known.contains($0.key) }
        }
        let counters = MembershipCounters(
            machine: machine.counters, socket: socket?.counters ?? GossipSocketCounters(),
            localHealthMultiplier: machine.localHealthMultiplier)
        view.withLockedValue { $0 = MembershipView(members: members, counters: counters) }
    }
}

extension Tick {
    /// Monotonic milliseconds of this process.
    fileprivate static var now: Tick { Tick(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
}
