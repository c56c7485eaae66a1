import Foundation
import MartletClient
import NIOCore

/// Many devices that lose their connections at the same moment, and a few probes that keep theirs.
///
/// Connections are the devices, then for each pair of probes the one that writes and the one that is written to.
final class BenchReconnectRun: BenchRun {
    struct Plan: Sendable {
        var devices: Int
        /// Messages that each device gets after its cursor.
        var missed: UInt64
        var probes: Int
        /// Messages per second of all probes together.
        var probeRate: Double
        /// Seconds in which every device must be back.
        var within: Double
        var targets: [RawConnection.Target]
        /// Where devices come back to.
        var refuges: [Endpoint]
        /// To each device.
        var texts: [BenchSendTemplate]
        /// From each probe to its other.
        var questions: [BenchSendTemplate]
        var victim: BenchProcess?
    }

    struct Outcome: Sendable {
        var back: UInt64 = 0
        var seconds = 0.0
        var times = BenchHistogram()
        var probesBefore = BenchHistogram()
        var probesMeanwhile = BenchHistogram()
        var probesUnanswered: UInt64 = 0
        var gaps: UInt64 = 0
        var retries: [String: UInt64] = [:]
        var reconnects: [String: UInt64] = [:]
        var errors: [String: UInt64] = [:]
    }

    private struct Device {
        /// Texts to it that were answered.
        var written: UInt64 = 0
        /// The last that came on this connection.
        var seq: UInt64 = 0
        var hasCaughtUp = false
        var isBack = false
    }

    private enum Stage { case opening, writing, calm, storm, over }

    private let plan: Plan
    private let done: EventLoopPromise<Outcome>
    private var outcome = Outcome()
    private var devices: [Device]
    private var stage = Stage.opening
    private var nextDevice = 0
    private var complete = 0
    private var probesFrom: UInt64 = 0
    private var probesSent: UInt64 = 0
    /// When each open question was asked.
    private var asked: [UInt64: UInt64] = [:]
    private var stormBegan: UInt64 = 0

    init(_ plan: Plan, on eventLoop: any EventLoop, done: EventLoopPromise<Outcome>) {
        self.plan = plan
        self.done = done
        devices = Array(repeating: Device(), count: plan.devices)
        super.init(on: eventLoop)
    }

    func run() {
        every(.seconds(1)) { [self] in showProgress() }
        open(plan.targets, inFlight: 128) { [self] in write() }
    }

    // MARK: Messages that will have been missed

    /// Each writer keeps eight texts under way.
    private func write() {
        benchProgress("\(plan.targets.count) connections are up")
        stage = .writing
        // From here on no device moves its cursor on: it comes back from before the texts.
        keepsCursors = true
        startPings()
        for probe in 0..<plan.probes {
            for _ in 0..<8 { writeNext(from: probe) }
            connections[writer(probe)]?.flush()
        }
    }

    private func writer(_ probe: Int) -> Int { plan.devices + 2 * probe }

    private func writeNext(from probe: Int) {
        guard nextDevice < plan.devices else { return }
        connections[writer(probe)]?.send(plan.texts[nextDevice].frame(number: 1))
        nextDevice += 1
    }

    private func written(_ frame: BenchFrame, from probe: Int) {
        let device = frame.sender
        devices[device].written += 1
        if devices[device].written < plan.missed {
            connections[writer(probe)]?.send(plan.texts[device].frame(number: devices[device].written + 1))
            return
        }
        complete += 1
        writeNext(from: probe)
        if complete == plan.devices { beCalm() }
    }

    // MARK: The storm

    /// Three seconds of probes alone, to compare with.
    private func beCalm() {
        benchProgress("every device has \(plan.missed) messages after its cursor")
        stage = .calm
        probesFrom = Self.now
        every(.milliseconds(1)) { [self] in probe() }
        after(.seconds(3)) { [self] in storm() }
    }

    private func storm() {
        benchProgress(plan.victim.map { "killing process \($0.pid)" } ?? "breaking all connections")
        stage = .storm
        stormBegan = Self.now
        refuges = plan.refuges
        if let victim = plan.victim { kill(pid_t(victim.pid), SIGKILL) }
        breakAll(upTo: plan.devices)
        awaitAll()
    }

    private func awaitAll() {
        let passed = Double(Self.now - stormBegan) / 1e9
        guard outcome.back == UInt64(plan.devices) || passed > plan.within else {
            after(.milliseconds(10)) { [self] in awaitAll() }
            return
        }
        outcome.seconds = passed
        // The probes' last answers.
        stage = .over
        after(.seconds(12)) { [self] in finish() }
        if outcome.back == UInt64(plan.devices) { awaitProbes() }
    }

    private func awaitProbes() {
        guard !asked.isEmpty else { return finish() }
        after(.milliseconds(10)) { [self] in awaitProbes() }
    }

    // MARK: Probes

    /// Timed from when each was meant to be sent: a client that is busy with the storm does not hide what it waits.
    private func probe() {
        guard stage == .calm || stage == .storm else { return }
        let due = UInt64(Double(Self.now - probesFrom) / 1e9 * plan.probeRate)
        while probesSent < due {
            probesSent += 1
            let probe = Int(probesSent) % plan.probes
            asked[probesSent] = probesFrom + UInt64(Double(probesSent) / plan.probeRate * 1e9)
            connections[writer(probe)]?.send(plan.questions[probe].frame(number: probesSent))
            connections[writer(probe)]?.flush()
        }
    }

    private func probeArrived(_ number: UInt64) {
        guard let since = asked.removeValue(forKey: number) else { return }
        let latency = Self.now - min(since, Self.now)
        if stormBegan > 0, since + 1_000_000_000 > stormBegan {
            // Also what was asked just before and answered after.
            if Self.now > stormBegan { outcome.probesMeanwhile.record(latency) }
        } else {
            outcome.probesBefore.record(latency)
        }
    }

    // MARK: Frames

    override func received(_ frame: BenchFrame, tag: Int) {
        switch frame.kind {
        case .message where tag < plan.devices: receivedText(frame, tag)
        case .message where frame.sender >= plan.devices: probeArrived(frame.number)
        case .sent where frame.sender >= 0 && frame.sender < plan.devices:
            written(frame, from: (tag - plan.devices) / 2)
        case .error: receivedError(frame, tag)
        default: break
        }
    }

    private func receivedText(_ frame: BenchFrame, _ tag: Int) {
        if frame.seq != devices[tag].seq + 1 { outcome.gaps += 1 }
        devices[tag].seq = frame.seq
        noteIfBack(tag)
    }

    override func reopening(tag: Int) {
        guard tag < plan.devices else { return }
        // The cursor is from before the first text.
        devices[tag].seq = 0
    }

    override func reopened(tag: Int) {
        guard tag < plan.devices else { return }
        devices[tag].hasCaughtUp = true
        noteIfBack(tag)
    }

    private func noteIfBack(_ tag: Int) {
        let device = devices[tag]
        guard device.hasCaughtUp, !device.isBack, device.seq == plan.missed else { return }
        devices[tag].isBack = true
        outcome.back += 1
        outcome.times.record(Self.now - stormBegan)
    }

    private func receivedError(_ frame: BenchFrame, _ tag: Int) {
        let code = frame.code ?? "?"
        guard ["overloaded", "unavailable", "unknown", "rate_limited", "draining"].contains(code),
            frame.sender >= 0
        else {
            errors[code, default: 0] += 1
            return
        }
        outcome.retries[code, default: 0] += 1
        after(.milliseconds(frame.retryAfterMilliseconds ?? 50)) { [self] in
            let text =
                frame.sender < plan.devices
                ? plan.texts[frame.sender] : plan.questions[frame.sender - plan.devices]
            connections[tag]?.send(text.frame(number: frame.number))
            connections[tag]?.flush()
        }
    }

    // MARK: The end

    private func finish() {
        guard !isClosing else { return }
        outcome.probesUnanswered = UInt64(asked.count)
        outcome.errors = errors
        outcome.reconnects = reconnects
        closeAll()
        let result = outcome
        after(.milliseconds(500)) { [self] in done.succeed(result) }
    }

    override func failed(_ failure: BenchFailure) {
        guard !isClosing else { return }
        closeAll()
        done.fail(failure)
    }

    private func showProgress() {
        switch stage {
        case .opening: benchProgress("\(readyCount) of \(plan.targets.count) are open")
        case .writing: benchProgress("\(complete) of \(plan.devices) have their messages")
        case .calm, .over: break
        case .storm: benchProgress("\(outcome.back) of \(plan.devices) are back")
        }
    }
}
