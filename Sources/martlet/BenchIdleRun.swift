import MartletClient
import NIOCore

/// Many connections to one node that do nothing but ping.
final class BenchIdleRun: BenchRun {
    struct Plan: Sendable {
        var targets: [RawConnection.Target]
        /// Connections that are opened at the same time.
        var inFlight: Int
        /// Seconds to hold them all.
        var hold: Double
        /// Close and open all of them once more, as after a node's restart.
        var storms: Bool
        var node: BenchProcess?
    }

    struct Outcome: Sendable {
        var openSeconds = 0.0
        var stormSeconds: Double?
        var open: UInt64 = 0
        var lostWhileHeld: UInt64 = 0
        var residentBefore: UInt64 = 0
        var residentOpen: UInt64 = 0
        var residentHeld: UInt64 = 0
        var cpuHeld = 0.0
        var errors: [String: UInt64] = [:]
    }

    private let plan: Plan
    private let done: EventLoopPromise<Outcome>
    private var outcome = Outcome()
    private var start: UInt64 = 0

    init(_ plan: Plan, on eventLoop: any EventLoop, done: EventLoopPromise<Outcome>) {
        self.plan = plan
        self.done = done
        super.init(on: eventLoop)
    }

    func run() {
        outcome.residentBefore = plan.node?.residentBytes ?? 0
        start = Self.now
        showProgress()
        open(plan.targets, inFlight: plan.inFlight) { [self] in hold() }
    }

    private func hold() {
        outcome.openSeconds = Double(Self.now - start) / 1e9
        outcome.open = UInt64(readyCount)
        outcome.residentOpen = plan.node?.residentBytes ?? 0
        benchProgress("\(readyCount) connections are open; holding them for \(Int(plan.hold)) s")
        startPings()
        let cpuBefore = plan.node?.cpuSeconds ?? 0
        after(.nanoseconds(Int64(plan.hold * 1e9))) { [self] in
            outcome.cpuHeld = (plan.node?.cpuSeconds ?? 0) - cpuBefore
            outcome.residentHeld = plan.node?.residentBytes ?? 0
            if plan.storms { storm() } else { finish() }
        }
    }

    /// All clients leave at once and come back at once; catch-up is included in the time.
    private func storm() {
        closeAll()
        after(.seconds(2)) { [self] in
            start = Self.now
            open(plan.targets, inFlight: plan.inFlight) { [self] in
                outcome.stormSeconds = Double(Self.now - start) / 1e9
                finish()
            }
            showProgress()
        }
    }

    private func finish() {
        outcome.errors = errors
        closeAll()
        let result = outcome
        after(.milliseconds(500)) { [self] in done.succeed(result) }
    }

    override func lost(tag: Int) { outcome.lostWhileHeld += 1 }

    override func failed(_ failure: BenchFailure) {
        guard !isClosing else { return }
        closeAll()
        done.fail(failure)
    }

    private func showProgress() {
        every(.seconds(1)) { [self] in
            if readyCount < plan.targets.count {
                benchProgress("\(readyCount) of \(plan.targets.count) are open")
            }
        }
    }
}
