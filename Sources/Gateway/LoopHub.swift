import ClientSession
import NIOCore
import Vocabulary

/// What all connections of one event loop share: one flush per turn and one timer, however many they are.
///
/// Touched on its loop only; that is what makes it sendable.
final class LoopHub: @unchecked Sendable {
    let loop: any EventLoop
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var unflushed: [ClientConnection] = []
    /// Connections with a deadline in the next second.
    private var soon: [ClientConnection] = []
    private var isSweepArmed = false
    private var isTimerArmed = false
    /// Where frames are unmasked: one buffer for all connections of the loop.
    var scratch: [UInt8] = []

    private static let sweepMilliseconds: UInt64 = 1_000
    private static let timerMilliseconds: Int64 = 20

    init(loop: any EventLoop) { self.loop = loop }

    func add(_ connection: ClientConnection) {
        loop.preconditionInEventLoop()
        connections[ObjectIdentifier(connection)] = connection
        armSweep()
    }

    func remove(_ connection: ClientConnection) {
        loop.preconditionInEventLoop()
        connections[ObjectIdentifier(connection)] = nil
    }

    /// The connection has bytes to flush at the end of this turn.
    func needsFlush(_ connection: ClientConnection) {
        unflushed.append(connection)
        guard unflushed.count == 1 else { return }
        loop.assumeIsolated().execute { [self] in
            let dirty = unflushed
            unflushed.removeAll(keepingCapacity: true)
            for connection in dirty { connection.assumeIsolated { $0.flush() } }
        }
    }

    /// The connection's deadline is near: it is looked at by the fine timer.
    func needsTick(_ connection: ClientConnection) {
        soon.append(connection)
        armTimer()
    }

    private func armTimer() {
        guard !isTimerArmed else { return }
        isTimerArmed = true
        loop.assumeIsolated().scheduleTask(in: .milliseconds(Self.timerMilliseconds)) { [self] in
            isTimerArmed = false
            let due = soon
            soon.removeAll(keepingCapacity: true)
            let now = GatewayClock.tick
            for connection in due { connection.assumeIsolated { $0.timerFired(now: now) } }
        }
    }

    private func armSweep() {
        guard !isSweepArmed, !connections.isEmpty else { return }
        isSweepArmed = true
        loop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(Self.sweepMilliseconds))) { [self] in
            isSweepArmed = false
            let horizon = GatewayClock.tick + Self.sweepMilliseconds
            // Those that close while this runs are harmless to visit.
            for connection in connections.values { connection.assumeIsolated { $0.sweep(horizon: horizon) } }
            armSweep()
        }
    }

    /// Tells every client to go elsewhere, one after the other: all at once would meet the other nodes as a storm of
    /// handshakes and catch-ups. Ends early when the node stays in service after all.
    func drain(_ drain: DrainState, deadlineMilliseconds: UInt64, reconnectTo: [String]) {
        let waves = DrainWaves(connections: connections.count, deadlineMilliseconds: deadlineMilliseconds)
        tell(
            connections.values.map { $0 }[...], waves: waves, by: GatewayClock.tick + deadlineMilliseconds,
            drain, reconnectTo)
    }

    private func tell(
        _ waiting: ArraySlice<ClientConnection>, waves: DrainWaves, by deadline: Tick, _ drain: DrainState,
        _ reconnectTo: [String]
    ) {
        guard drain.isDraining else { return }
        let left = deadline.since(GatewayClock.tick)
        for connection in waiting.prefix(waves.size) {
            connection.assumeIsolated { $0.drain(deadlineMilliseconds: left, reconnectTo: reconnectTo) }
        }
        let rest = waiting.dropFirst(waves.size)
        if rest.isEmpty { return }
        loop.assumeIsolated().scheduleTask(in: .milliseconds(DrainWaves.spacingMilliseconds)) { [self] in
            tell(rest, waves: waves, by: deadline, drain, reconnectTo)
        }
    }

    func closeAll(code: UInt16, reason: String) {
        for connection in Array(connections.values) {
            connection.assumeIsolated { $0.end(code: code, reason: reason) }
        }
    }

    /// How many deadlines are taken to be near, in milliseconds.
    static var horizonMilliseconds: UInt64 { sweepMilliseconds }
}
