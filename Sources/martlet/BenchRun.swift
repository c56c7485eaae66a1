import Dispatch
import Foundation
import MartletClient
import NIOCore
import NIOPosix

/// The part that all benchmarks share: many raw connections on one loop, opened a few at a time, pinged, closed.
///
/// Bound to its loop. Subclasses take the frames; they start when every connection has caught up.
class BenchRun: RawConnectionDelegate {
    let loop: NIOIsolatedEventLoop
    private(set) var connections: [RawConnection?] = []
    private(set) var readyCount = 0
    /// Refusals by code and ends of connections by reason: each is an error.
    var errors: [String: UInt64] = [:]
    var isClosing = false
    /// Set by the run that wants the ids of conversations.
    var wantsConversation: (Int) -> Bool = { _ in false }

    /// Where connections go whose node has gone; with none, an end is an error.
    var refuges: [Endpoint] = []
    /// Cursors stay where they are.
    var keepsCursors = false
    /// Connections that were opened again, and why.
    private(set) var reconnects: [String: UInt64] = [:]

    private var targets: [RawConnection.Target] = []
    private var isReady: [Bool] = []
    private var wasReady: [Bool] = []
    private var attempts: [Int] = []
    private var nextToOpen = 0
    private var opening = 0
    private var openingMax = 64
    private var whenReady: (() -> Void)?
    private var timers: [RepeatedTask] = []
    private var interrupt: (any DispatchSourceSignal)?

    init(on eventLoop: any EventLoop) { loop = eventLoop.assumeIsolated() }

    // MARK: For subclasses

    /// One frame for connection `tag`; `sync_done` of an opening connection does not come here.
    func received(_ frame: BenchFrame, tag: Int) {}
    /// A connection ended that was ready.
    func lost(tag: Int) {}
    /// A connection that had ended is upgraded again; what it missed follows.
    func reopening(tag: Int) {}
    /// A connection that had ended has caught up again.
    func reopened(tag: Int) {}
    /// The run cannot go on.
    func failed(_ failure: BenchFailure) {}

    // MARK: Opening and closing

    /// Opens one connection per target, `inFlight` at a time, and calls `whenReady` when all have caught up.
    func open(_ targets: [RawConnection.Target], inFlight: Int, whenReady: @escaping () -> Void) {
        self.targets = targets
        self.whenReady = whenReady
        openingMax = inFlight
        connections = Array(repeating: nil, count: targets.count)
        isReady = Array(repeating: false, count: targets.count)
        wasReady = isReady
        attempts = Array(repeating: 0, count: targets.count)
        (nextToOpen, opening, readyCount, isClosing) = (0, 0, 0, false)
        openMore()
    }

    private func openMore() {
        while opening < openingMax, nextToOpen < targets.count {
            opening += 1
            dial(nextToOpen)
            nextToOpen += 1
        }
    }

    private func dial(_ tag: Int) {
        let connection = RawConnection(to: targets[tag], tag: tag, on: loop.nonisolated(), delegate: self)
        connections[tag] = connection
        connection.open()
    }

    /// Closes everything; ends are no errors from here on.
    func closeAll() {
        isClosing = true
        for timer in timers { timer.cancel() }
        timers = []
        interrupt?.cancel()
        interrupt = nil
        for connection in connections { connection?.close() }
    }

    // MARK: Time

    static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    /// Calls `work` every `interval` until `closeAll`.
    func every(_ interval: TimeAmount, _ work: @escaping () -> Void) {
        let bound = NIOLoopBound(work, eventLoop: loop.nonisolated())
        timers.append(
            loop.nonisolated().scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                bound.value()
            })
    }

    func after(_ delay: TimeAmount, _ work: @escaping () -> Void) {
        _ = loop.scheduleTask(in: delay, work)
    }

    /// Calls `work` instead of ending the process at SIGINT, until `closeAll`.
    func onInterrupt(_ work: @escaping () -> Void) {
        let bound = NIOLoopBound(work, eventLoop: loop.nonisolated())
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT)
        source.setEventHandler { bound.eventLoop.execute { bound.value() } }
        source.resume()
        interrupt = source
    }

    /// Pings every connection once in ten seconds, a hundredth of them at a time.
    func startPings() {
        var slice = 0
        every(.milliseconds(100)) { [self] in
            for tag in stride(from: slice, to: connections.count, by: 100) {
                connections[tag]?.send(FrameText.ping)
                connections[tag]?.flush()
            }
            slice = (slice + 1) % 100
        }
    }

    // MARK: RawConnectionDelegate

    func connectionOpened(_ connection: RawConnection) {
        if wasReady[connection.tag] { reopening(tag: connection.tag) }
    }

    func connection(_ connection: RawConnection, received text: ByteBuffer) {
        let tag = connection.tag
        let frame = BenchFrame(text, wantsConversation: wantsConversation(tag))
        if let cursor = frame.cursor, !keepsCursors { targets[tag].cursor = cursor }
        if frame.kind == .syncDone, !isReady[tag] {
            becameReady(tag)
            return
        }
        if frame.kind == .draining, !refuges.isEmpty { return connection.close() }
        received(frame, tag: tag)
    }

    private func becameReady(_ tag: Int) {
        isReady[tag] = true
        attempts[tag] = 0
        guard !wasReady[tag] else { return reopened(tag: tag) }
        wasReady[tag] = true
        readyCount += 1
        opening -= 1
        openMore()
        if readyCount == targets.count, let ready = whenReady {
            whenReady = nil
            ready()
        }
    }

    func connection(_ connection: RawConnection, ended end: RawConnection.End) {
        let tag = connection.tag
        guard connections[tag] === connection else { return }
        connections[tag] = nil
        guard !isClosing else { return }
        if wasReady[tag], !refuges.isEmpty { return seekRefuge(tag, after: end) }
        if isReady[tag] {
            errors["connection: \(describe(end))", default: 0] += 1
            lost(tag: tag)
            return
        }
        attempts[tag] += 1
        guard attempts[tag] < 4 else {
            failed(
                BenchFailure("connection \(tag) to \(targets[tag].endpoint) did not open: \(describe(end))"))
            return
        }
        after(.milliseconds(Int64.random(in: 50...250) * Int64(attempts[tag]))) { [self] in
            if !isClosing { dial(tag) }
        }
    }

    /// Opens a connection again on another node, with its cursor. The first try is at once.
    private func seekRefuge(_ tag: Int, after end: RawConnection.End) {
        let isFirst = isReady[tag]
        if isFirst {
            isReady[tag] = false
            reconnects[describe(end), default: 0] += 1
            lost(tag: tag)
        }
        attempts[tag] += 1
        // With at most half a second between two tries this is a minute and more.
        guard attempts[tag] < 200 else {
            return failed(BenchFailure("connection \(tag) found no node: \(describe(end))"))
        }
        // One after the other, from a place that differs; a round without a pause, then with one.
        let place = (tag + attempts[tag]) % refuges.count
        let isSame = refuges[place] == targets[tag].endpoint
        targets[tag].endpoint = isSame ? refuges[(place + 1) % refuges.count] : refuges[place]
        let milliseconds = attempts[tag] <= refuges.count ? 0 : Int64.random(in: 50...500)
        after(.milliseconds(milliseconds)) { [self] in
            if !isClosing { dial(tag) }
        }
    }

    /// Ends the first connections at the same moment; with refuges they come back at once.
    func breakAll(upTo count: Int) {
        for connection in connections.prefix(count) { connection?.close() }
    }

    private func describe(_ end: RawConnection.End) -> String {
        switch end {
        case .refused(let status, let body): "refused with \(status) \(body)"
        case .failed(let error): "\(error)"
        case .closed(let code): code.map { "closed with \($0)" } ?? "broken"
        }
    }
}

/// Runs `body` on a loop of its own and waits for its promise.
func runBench<Result: Sendable>(
    _ body: @escaping @Sendable (any EventLoop, EventLoopPromise<Result>) -> Void
) async throws -> Result {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.next()
    let promise = eventLoop.makePromise(of: Result.self)
    eventLoop.execute { body(eventLoop, promise) }
    do {
        let result = try await promise.futureResult.get()
        try await group.shutdownGracefully()
        return result
    } catch {
        try? await group.shutdownGracefully()
        throw error
    }
}
