import MartletClient
import NIOCore

/// One sender and many live members of one group on one loop.
///
/// A message is finished when every live member has it; the time of the last one is what a group feels.
final class BenchGroupRun: BenchRun {
    struct Plan: Sendable {
        var groupID: String
        /// The head of the group's log when the members connect.
        var firstSeq: UInt64
        /// Messages per second; 0 keeps `window` unfinished messages in flight.
        var rate: Double
        var window: Int
        var seconds: Double
        var warmup: Double
        /// The sender's connection, then one per live member.
        var targets: [RawConnection.Target]
        var template: BenchSendTemplate
        var nodes: [BenchProcess]
    }

    struct Outcome: Sendable {
        var sent = BenchHistogram()
        var delivered = BenchHistogram()
        var last = BenchHistogram()
        var messages: UInt64 = 0
        var deliveredInWindow: UInt64 = 0
        var finishedInWindow: UInt64 = 0
        var retries: UInt64 = 0
        var duplicates: UInt64 = 0
        var gaps: UInt64 = 0
        var reordered: UInt64 = 0
        var undelivered: UInt64 = 0
        var unanswered: UInt64 = 0
        var errors: [String: UInt64] = [:]
        var spent: BenchSpent?
    }

    private struct Slot {
        var number: UInt64 = 0
        var intended: UInt64 = 0
        var seq: UInt64 = 0
        var isAnswered = false
        var deliveries = 0
    }

    private static let ringSize = 4_096
    private let plan: Plan
    private let done: EventLoopPromise<Outcome>
    private let live: Int
    private var slots = [Slot](repeating: Slot(), count: BenchGroupRun.ringSize)
    private var lastSeq: [UInt64]
    private var acknowledgedSeq: [UInt64]
    private var outcome = Outcome()
    private var start: UInt64 = 0
    private var measureFrom: UInt64 = 0
    private var measureTo: UInt64 = 0
    private var isIssuing = false
    private var scheduled: UInt64 = 0
    private var issued: UInt64 = 0
    private var finished: UInt64 = 0
    private var unanswered = 0
    private var usage: BenchUsage?
    private var deliveredTotal: UInt64 = 0
    private var shownDelivered: UInt64 = 0

    init(_ plan: Plan, on eventLoop: any EventLoop, done: EventLoopPromise<Outcome>) {
        self.plan = plan
        self.done = done
        live = plan.targets.count - 1
        lastSeq = Array(repeating: plan.firstSeq, count: plan.targets.count)
        acknowledgedSeq = lastSeq
        super.init(on: eventLoop)
    }

    func run() {
        open(plan.targets, inFlight: 64) { [self] in begin() }
    }

    private func begin() {
        benchProgress("\(plan.targets.count) connections are up")
        start = Self.now
        measureFrom = start + UInt64(plan.warmup * 1e9)
        measureTo = measureFrom + UInt64(plan.seconds * 1e9)
        isIssuing = true
        startPings()
        startAcknowledging()
        every(.seconds(1)) { [self] in showProgress() }
        after(.nanoseconds(Int64(measureFrom - start))) { [self] in usage = BenchUsage(nodes: plan.nodes) }
        after(.nanoseconds(Int64(measureTo - start))) { [self] in endIssuing() }
        if plan.rate > 0 { issueByRate() } else { issue() }
    }

    // MARK: Issuing

    private func issueByRate() {
        guard isIssuing else { return }
        scheduled = UInt64(Double(Self.now - start) / 1e9 * plan.rate)
        issue()
        let next = start + UInt64(Double(scheduled + 1) / plan.rate * 1e9)
        after(.nanoseconds(max(Int64(next) - Int64(Self.now), 200_000))) { [self] in issueByRate() }
    }

    private func issue() {
        guard let connection = connections[0] else { return }
        while hasRoom {
            issued += 1
            unanswered += 1
            let intended = plan.rate > 0 ? start + UInt64(Double(issued) / plan.rate * 1e9) : Self.now
            slots[Int(issued) % Self.ringSize] = Slot(number: issued, intended: intended)
            connection.send(plan.template.frame(number: issued))
        }
        connection.flush()
    }

    private var hasRoom: Bool {
        guard issued - finished < UInt64(Self.ringSize) - 1, unanswered < 64 else { return false }
        return plan.rate > 0 ? issued < scheduled : isIssuing && issued - finished < UInt64(plan.window)
    }

    // MARK: Answers

    override func received(_ frame: BenchFrame, tag: Int) {
        switch frame.kind {
        case .message where tag > 0: receivedMessage(frame, tag)
        case .group where tag > 0: lastSeq[tag] = max(lastSeq[tag], frame.seq)
        case .sent where tag == 0: receivedSent(frame)
        case .error: receivedError(frame)
        default: break
        }
    }

    private func receivedSent(_ frame: BenchFrame) {
        let position = Int(frame.number) % Self.ringSize
        guard slots[position].number == frame.number, !slots[position].isAnswered else {
            return outcome.duplicates += 1
        }
        slots[position].isAnswered = true
        unanswered -= 1
        note(seq: frame.seq, position)
        if isMeasured(slots[position].intended) { outcome.sent.record(Self.now - slots[position].intended) }
        advance()
        issue()
    }

    private func receivedMessage(_ frame: BenchFrame, _ tag: Int) {
        let expected = lastSeq[tag] + 1
        guard frame.seq >= expected else { return outcome.duplicates += 1 }
        if frame.seq > expected { outcome.gaps += frame.seq - expected }
        lastSeq[tag] = frame.seq
        let position = Int(frame.number) % Self.ringSize
        guard slots[position].number == frame.number else { return outcome.duplicates += 1 }
        note(seq: frame.seq, position)
        let now = Self.now
        slots[position].deliveries += 1
        deliveredTotal += 1
        let intended = slots[position].intended
        if isMeasured(now) { outcome.deliveredInWindow += 1 }
        if isMeasured(intended) { outcome.delivered.record(now - intended) }
        guard slots[position].deliveries == live else { return }
        if isMeasured(intended) { outcome.last.record(now - intended) }
        if isMeasured(now) { outcome.finishedInWindow += 1 }
        advance()
        issue()
    }

    /// Whoever names a message's place, sender or any member, must name the same one.
    private func note(seq: UInt64, _ position: Int) {
        if slots[position].seq == 0 { slots[position].seq = seq }
        if slots[position].seq != seq { outcome.reordered += 1 }
    }

    private func isMeasured(_ time: UInt64) -> Bool { time >= measureFrom && time < measureTo }

    private func advance() {
        while finished < issued {
            let slot = slots[Int(finished + 1) % Self.ringSize]
            guard slot.isAnswered, slot.deliveries >= live else { return }
            finished += 1
        }
    }

    private func receivedError(_ frame: BenchFrame) {
        let code = frame.code ?? "?"
        guard ["overloaded", "unavailable", "unknown", "rate_limited", "draining"].contains(code) else {
            errors[code, default: 0] += 1
            return
        }
        outcome.retries += 1
        after(.milliseconds(frame.retryAfterMilliseconds ?? 50)) { [self] in
            let slot = slots[Int(frame.number) % Self.ringSize]
            guard slot.number == frame.number, !slot.isAnswered, let connection = connections[0] else {
                return
            }
            connection.send(plan.template.frame(number: frame.number))
            connection.flush()
        }
    }

    /// Every member says at most every 100 ms how far it has come; a tenth of them every 10 ms.
    private func startAcknowledging() {
        var slice = 0
        every(.milliseconds(10)) { [self] in
            for tag in stride(from: 1 + slice, to: connections.count, by: 10) { acknowledge(tag) }
            slice = (slice + 1) % 10
        }
    }

    private func acknowledge(_ tag: Int) {
        guard lastSeq[tag] > acknowledgedSeq[tag], let connection = connections[tag] else { return }
        acknowledgedSeq[tag] = lastSeq[tag]
        connection.send(FrameText.status(.delivered, conversationID: plan.groupID, upTo: lastSeq[tag]))
        connection.flush()
    }

    // MARK: The end

    private func endIssuing() {
        outcome.spent = usage?.spent()
        isIssuing = false
        waitForRest(until: Self.now + 15_000_000_000)
    }

    private func waitForRest(until deadline: UInt64) {
        guard finished == issued || Self.now >= deadline else {
            after(.milliseconds(20)) { [self] in waitForRest(until: deadline) }
            return
        }
        outcome.messages = issued
        if finished < issued {
            for number in (finished + 1)...issued {
                let slot = slots[Int(number) % Self.ringSize]
                if !slot.isAnswered { outcome.unanswered += 1 }
                outcome.undelivered += UInt64(max(0, live - slot.deliveries))
            }
        }
        outcome.errors = errors
        // Who has a message says so before he goes.
        for tag in 1..<connections.count { acknowledge(tag) }
        after(.milliseconds(500)) { [self] in
            closeAll()
            let result = outcome
            after(.milliseconds(200)) { [self] in done.succeed(result) }
        }
    }

    override func failed(_ failure: BenchFailure) {
        guard !isClosing else { return }
        closeAll()
        done.fail(failure)
    }

    private func showProgress() {
        let second = (Self.now - start) / 1_000_000_000
        let p99 = BenchValue.decimal(Double(outcome.last.quantile(0.99)) / 1e6)
        benchProgress(
            "[\(second) s] messages \(issued)  deliveries \(deliveredTotal - shownDelivered)/s  "
                + "last member p99 \(p99) ms" + (Self.now < measureFrom ? " (warming up)" : ""))
        shownDelivered = deliveredTotal
    }
}
