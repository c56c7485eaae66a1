import MartletClient
import NIOCore

/// Pairs of users on one loop: the first of each pair writes, the second receives and acknowledges.
///
/// Memory is bounded: a pair keeps at most `ringSize` messages that are not both answered and delivered, and
/// what the schedule asks for beyond that is only a number until there is room, measured from its intended time.
final class BenchDirectRun: BenchRun {
    struct Plan: Sendable {
        var pairs: Int
        /// Messages per second over all pairs; 0 keeps `window` sends per sender in flight.
        var rate: Double
        var window: Int
        var seconds: Double
        var warmup: Double
        var targets: [RawConnection.Target]
        var templates: [BenchSendTemplate]
        var nodes: [BenchProcess]
        /// Where connections go whose node has gone; with none, that is an error.
        var refuges: [Endpoint] = []
        var keepsTimeline = false
    }

    struct Outcome: Sendable {
        var sent = BenchHistogram()
        var delivered = BenchHistogram()
        var sentInWindow: UInt64 = 0
        var deliveredInWindow: UInt64 = 0
        var receipts: UInt64 = 0
        /// Refusals that were answered with the same message again, by code.
        var retries: [String: UInt64] = [:]
        var reconnects: [String: UInt64] = [:]
        /// Messages that a recipient got again after its cursor, on a new connection.
        var repeated: UInt64 = 0
        var timeline = BenchTimeline()
        /// Seconds that were measured.
        var seconds = 0.0
        var duplicates: UInt64 = 0
        var gaps: UInt64 = 0
        var reordered: UInt64 = 0
        var lost: UInt64 = 0
        var unanswered: UInt64 = 0
        var total: UInt64 = 0
        var errors: [String: UInt64] = [:]
        var spent: BenchSpent?
    }

    /// One message that is not finished.
    private struct Slot {
        var number: UInt64 = 0
        var intended: UInt64 = 0
        var sentSeq: UInt64 = 0
        var deliveredSeq: UInt64 = 0
        var isFinished: Bool { sentSeq > 0 && deliveredSeq > 0 }
    }

    private struct Pair {
        /// Messages that the schedule has asked for, and that were written; both count from 1.
        var scheduled: UInt64 = 0
        var issued: UInt64 = 0
        /// Everything up to here is answered and delivered.
        var finished: UInt64 = 0
        var unanswered = 0
        var lastSeq: UInt64 = 0
        var acknowledgedSeq: UInt64 = 0
        /// The last on the recipient's connection; `nil` on one that was just opened again.
        var streamSeq: UInt64? = 0
        var conversationID: String?
        var slots: [Slot]
    }

    private static let ringSize = 256
    private let plan: Plan
    private let done: EventLoopPromise<Outcome>
    private var pairs: [Pair]
    private var outcome = Outcome()
    private var start: UInt64 = 0
    private var measureFrom: UInt64 = 0
    private var measureTo: UInt64 = 0
    private var isIssuing = false
    private var issuedTotal: UInt64 = 0
    private var usage: BenchUsage?
    private var shownSent: UInt64 = 0
    private var shownDelivered: UInt64 = 0
    private var sentTotal: UInt64 = 0
    private var deliveredTotal: UInt64 = 0

    init(_ plan: Plan, on eventLoop: any EventLoop, done: EventLoopPromise<Outcome>) {
        self.plan = plan
        self.done = done
        let empty = Pair(slots: Array(repeating: Slot(), count: Self.ringSize))
        pairs = Array(repeating: empty, count: plan.pairs)
        super.init(on: eventLoop)
        refuges = plan.refuges
        wantsConversation = { [unowned self] tag in tag & 1 == 1 && pairs[tag >> 1].conversationID == nil }
    }

    /// Connections 2i and 2i + 1 are sender and recipient of pair i.
    func run() {
        open(plan.targets, inFlight: 64) { [self] in begin() }
    }

    private func begin() {
        benchProgress("\(plan.targets.count) connections are up")
        start = Self.now
        measureFrom = start + UInt64(plan.warmup * 1e9)
        measureTo = measureFrom + UInt64(plan.seconds * 1e9)
        isIssuing = true
        outcome.timeline.begin(at: start)
        onInterrupt { [self] in
            measureTo = min(measureTo, Self.now)
            endIssuing()
        }
        startPings()
        startAcknowledging()
        every(.seconds(1)) { [self] in showProgress() }
        after(.nanoseconds(Int64(measureFrom - start))) { [self] in usage = BenchUsage(nodes: plan.nodes) }
        after(.nanoseconds(Int64(measureTo - start))) { [self] in endIssuing() }
        if plan.rate > 0 {
            issueByRate()
        } else {
            for index in pairs.indices { issue(index) }
        }
    }

    // MARK: Issuing

    /// The schedule is fixed beforehand: message k over all pairs is due at `start + k / rate`.
    private func issueByRate() {
        guard isIssuing else { return }
        let now = Self.now
        let due = UInt64(Double(now - start) / 1e9 * plan.rate)
        while issuedTotal < due {
            let index = Int(issuedTotal % UInt64(pairs.count))
            pairs[index].scheduled += 1
            issuedTotal += 1
            issue(index)
        }
        let next = start + UInt64(Double(issuedTotal + 1) / plan.rate * 1e9)
        // Not more than 5,000 wake-ups a second, however high the rate.
        let wait = max(Int64(next) - Int64(Self.now), 200_000)
        after(.nanoseconds(wait)) { [self] in issueByRate() }
    }

    private func intendedTime(_ index: Int, _ number: UInt64) -> UInt64 {
        guard plan.rate > 0 else { return Self.now }
        let position = (number - 1) * UInt64(pairs.count) + UInt64(index) + 1
        return start + UInt64(Double(position) / plan.rate * 1e9)
    }

    /// Writes what is due for one pair and fits its window.
    private func issue(_ index: Int) {
        guard let connection = connections[2 * index], isIssuing || plan.rate > 0 else { return }
        var hasWritten = false
        while hasRoom(index) {
            pairs[index].issued += 1
            pairs[index].unanswered += 1
            let number = pairs[index].issued
            let slot = Slot(number: number, intended: intendedTime(index, number))
            pairs[index].slots[Int(number) % Self.ringSize] = slot
            connection.send(plan.templates[index].frame(number: number))
            hasWritten = true
        }
        if hasWritten { connection.flush() }
    }

    private func hasRoom(_ index: Int) -> Bool {
        let pair = pairs[index]
        guard pair.issued - pair.finished < UInt64(Self.ringSize) - 1 else { return false }
        guard plan.rate > 0 else { return isIssuing && pair.unanswered < plan.window }
        return pair.issued < pair.scheduled && pair.unanswered < 64
    }

    // MARK: Answers

    override func received(_ frame: BenchFrame, tag: Int) {
        let index = tag >> 1
        switch frame.kind {
        case .sent: receivedSent(frame, index)
        case .message where tag & 1 == 1: receivedMessage(frame, index)
        case .status: outcome.receipts += 1
        case .error: receivedError(frame, index)
        default: break
        }
    }

    private func receivedSent(_ frame: BenchFrame, _ index: Int) {
        let position = Int(frame.number) % Self.ringSize
        guard pairs[index].slots[position].number == frame.number, pairs[index].slots[position].sentSeq == 0
        else { return answeredTwice(frame, pairs[index].slots[position]) }
        let now = Self.now
        let slot = pairs[index].slots[position]
        pairs[index].slots[position].sentSeq = frame.seq
        pairs[index].unanswered -= 1
        sentTotal += 1
        if isMeasured(now) { outcome.sentInWindow += 1 }
        if isMeasured(slot.intended) { outcome.sent.record(now - slot.intended) }
        if plan.keepsTimeline { outcome.timeline.sent(slot.intended, now - slot.intended) }
        if slot.deliveredSeq > 0, slot.deliveredSeq != frame.seq { outcome.reordered += 1 }
        advance(index)
        issue(index)
    }

    /// Both a retry and the repetition on a new connection may be answered, with the same place.
    private func answeredTwice(_ frame: BenchFrame, _ slot: Slot) {
        let isSame = slot.number == frame.number && slot.sentSeq == frame.seq || slot.number > frame.number
        if plan.refuges.isEmpty || !isSame { outcome.duplicates += 1 }
    }

    private func receivedMessage(_ frame: BenchFrame, _ index: Int) {
        if pairs[index].conversationID == nil { pairs[index].conversationID = frame.conversationID }
        let expected = pairs[index].lastSeq + 1
        // A new connection begins where its cursor stood and has no hole from there on.
        let isNext = pairs[index].streamSeq.map { frame.seq == $0 + 1 } ?? (frame.seq <= expected)
        pairs[index].streamSeq = frame.seq
        if frame.seq < expected, isNext { return outcome.repeated += 1 }
        guard frame.seq >= expected else { return outcome.duplicates += 1 }
        if frame.seq > expected { outcome.gaps += frame.seq - expected }
        pairs[index].lastSeq = frame.seq
        let position = Int(frame.number) % Self.ringSize
        guard frame.sender == index, pairs[index].slots[position].number == frame.number,
            pairs[index].slots[position].deliveredSeq == 0
        else { return outcome.duplicates += 1 }
        let now = Self.now
        let slot = pairs[index].slots[position]
        pairs[index].slots[position].deliveredSeq = frame.seq
        deliveredTotal += 1
        if isMeasured(now) { outcome.deliveredInWindow += 1 }
        if isMeasured(slot.intended) { outcome.delivered.record(now - slot.intended) }
        if plan.keepsTimeline { outcome.timeline.delivered(slot.intended, now - slot.intended) }
        if slot.sentSeq > 0, slot.sentSeq != frame.seq { outcome.reordered += 1 }
        advance(index)
        if plan.rate == 0 { issue(index) }
    }

    private func isMeasured(_ time: UInt64) -> Bool { time >= measureFrom && time < measureTo }

    private func advance(_ index: Int) {
        while pairs[index].finished < pairs[index].issued {
            let next = pairs[index].finished + 1
            guard pairs[index].slots[Int(next) % Self.ringSize].isFinished else { return }
            pairs[index].finished = next
        }
    }

    /// A passing refusal is answered with the same message again, which the dedup makes safe.
    private func receivedError(_ frame: BenchFrame, _ index: Int) {
        let code = frame.code ?? "?"
        guard ["overloaded", "unavailable", "unknown", "rate_limited", "draining"].contains(code) else {
            errors[code, default: 0] += 1
            return
        }
        outcome.retries[code, default: 0] += 1
        let wait = frame.retryAfterMilliseconds ?? 50
        after(.milliseconds(wait)) { [self] in
            let slot = pairs[index].slots[Int(frame.number) % Self.ringSize]
            guard slot.number == frame.number, slot.sentSeq == 0, let connection = connections[2 * index]
            else { return }
            connection.send(plan.templates[index].frame(number: frame.number))
            connection.flush()
        }
    }

    override func reopening(tag: Int) {
        if tag & 1 == 1 { pairs[tag >> 1].streamSeq = nil }
    }

    /// What has no answer is sent again under its name, in its order.
    override func reopened(tag: Int) {
        guard tag & 1 == 0, let connection = connections[tag] else { return }
        let index = tag >> 1
        let pair = pairs[index]
        for number in pair.finished..<pair.issued {
            let slot = pair.slots[Int(number + 1) % Self.ringSize]
            if slot.sentSeq == 0 { connection.send(plan.templates[index].frame(number: number + 1)) }
        }
        connection.flush()
        issue(index)
    }

    /// Each recipient says at most every 100 ms how far it has come; a tenth of them every 10 ms.
    private func startAcknowledging() {
        var slice = 0
        every(.milliseconds(10)) { [self] in
            for index in stride(from: slice, to: pairs.count, by: 10) { acknowledge(index) }
            slice = (slice + 1) % 10
        }
    }

    private func acknowledge(_ index: Int) {
        let pair = pairs[index]
        guard pair.lastSeq > pair.acknowledgedSeq, let conversation = pair.conversationID,
            let connection = connections[2 * index + 1]
        else { return }
        pairs[index].acknowledgedSeq = pair.lastSeq
        connection.send(FrameText.status(.delivered, conversationID: conversation, upTo: pair.lastSeq))
        connection.flush()
    }

    // MARK: The end

    private func endIssuing() {
        guard isIssuing else { return }
        outcome.seconds = Double(max(measureTo, measureFrom + 1) - measureFrom) / 1e9
        outcome.spent = usage?.spent()
        isIssuing = false
        waitForRest(until: Self.now + 15_000_000_000)
    }

    /// Whatever was issued must still be answered and delivered, for 15 s at most.
    private func waitForRest(until deadline: UInt64) {
        let isComplete = pairs.allSatisfy {
            $0.finished == $0.issued && (plan.rate == 0 || $0.issued == $0.scheduled)
        }
        guard isComplete || Self.now >= deadline else {
            after(.milliseconds(20)) { [self] in waitForRest(until: deadline) }
            return
        }
        finish()
    }

    private func finish() {
        for pair in pairs {
            outcome.total += pair.issued
            guard pair.finished < pair.issued else { continue }
            for number in (pair.finished + 1)...pair.issued {
                let slot = pair.slots[Int(number) % Self.ringSize]
                if slot.sentSeq == 0 { outcome.unanswered += 1 }
                if slot.sentSeq > 0, slot.deliveredSeq == 0 { outcome.lost += 1 }
            }
        }
        outcome.errors = errors
        outcome.reconnects = reconnects
        closeAll()
        let result = outcome
        // Gives the sockets a moment to say goodbye.
        after(.milliseconds(200)) { [self] in done.succeed(result) }
    }

    override func failed(_ failure: BenchFailure) {
        guard !isClosing else { return }
        closeAll()
        done.fail(failure)
    }

    private func showProgress() {
        let second = (Self.now - start) / 1_000_000_000
        let label = Self.now < measureFrom ? " (warming up)" : ""
        let p99 = BenchValue.decimal(Double(outcome.delivered.quantile(0.99)) / 1e6)
        benchProgress(
            "[\(second) s] sent \(sentTotal - shownSent)/s  delivered \(deliveredTotal - shownDelivered)/s  "
                + "send to deliver p99 \(p99) ms\(label)")
        (shownSent, shownDelivered) = (sentTotal, deliveredTotal)
    }
}
