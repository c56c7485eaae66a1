import Vocabulary
import Wire

/// How far one device has been written one conversation, and how far the conversation is known to be.
struct ConversationFeed: Hashable, Sendable {
    /// Everything up to here has been written to the device, or was sent by it.
    private(set) var written: ConversationPosition
    /// What the device is known to have acknowledged.
    private(set) var acked: ConversationPosition
    /// The furthest position heard of; a gap to `written` is read from the conversation.
    private(set) var target: ConversationPosition
    /// False while nothing but own sends is known: the device's position comes with the first push.
    private(set) var isPositioned: Bool
    /// A page is on its way, or wanted.
    var isCatchingUp = false
    /// Pages in a row that brought nothing while the target was ahead.
    var fruitless: UInt8 = 0
    /// What was asked to be committed last: receipts that say no more than these are not sent again.
    var delivered = Seq.zero
    var read = Seq.zero
    /// What this device was told last is gone.
    private var neverHad: ClosedRange<Seq>?
    /// The receipts written, by whose and which: one that says no more is older than it, however it came late.
    private var receipts: [ReceiptKey: Seq] = [:]
    /// The same for changes of messages, by the rev of the latest.
    private var updates: [UpdateKey: Rev] = [:]
    /// The counts written last.
    private var counts: ReceiptCounts?
    /// Where the device stood when it met the conversation: receipts up to there it has.
    private var metRev: Rev
    /// The `rev` as of the last message written: what acknowledging that message acknowledges.
    private var messageRev: Rev
    /// Own sends above `written`, ascending: they close gaps without being written.
    private var ahead: [Seq] = []
    /// Own sends above `acked`, ascending and merged: acknowledged by having been sent.
    private var own: [ClosedRange<UInt64>] = []

    /// Messages above this seq were written by the catch-up under way, as of `freshRev` or later: changes of them up
    /// to that rev are no news.
    private var freshAfter = Seq(.max)
    private var freshRev: Rev?

    private static let aheadMax = 64
    private static let ownMax = 16
    private static let updatesMax = 128

    /// A conversation met at the device's position.
    init(position: ConversationPosition, acked: ConversationPosition) {
        written = position
        self.acked = acked
        target = position
        messageRev = position.rev
        metRev = position.rev
        isPositioned = true
    }

    /// A conversation of which only an own send is known.
    init() {
        self.init(position: .start, acked: .start)
        isPositioned = false
    }

    var isBehind: Bool { target.seq > written.seq || target.rev > written.rev }
    var hasGapBeforeOwn: Bool { isPositioned && !ahead.isEmpty }
    /// The device has more than it acknowledged: a cursor has to say so.
    var needsMark: Bool { isPositioned && (written.seq > acked.seq || written.rev > acked.rev) }

    /// Takes the device's position, when there was none.
    mutating func meet(at position: ConversationPosition) {
        guard !isPositioned else { return }
        isPositioned = true
        written = position
        acked = position
        messageRev = position.rev
        metRev = position.rev
        raise(to: position)
        absorbOwn()
    }

    private struct ReceiptKey: Hashable, Sendable {
        var user: UserID
        var status: ReceiptStatus
    }

    /// Whether a change may be written now: nothing before it is still to come from a page.
    func isInOrder(_ seq: Seq, _ rev: Rev) -> Bool {
        rev <= written.rev || seq <= written.seq && !isCatchingUp && !isBehind
    }

    /// What an update replaces: a message's content, or one user's reaction to it.
    private struct UpdateKey: Hashable, Sendable {
        var seq: Seq
        var reacting: UserID?
    }

    /// Whether a change of a message is later than what the device has of the same; then it counts as written.
    mutating func takes(_ event: UpdateEvent) -> Bool {
        var key = UpdateKey(seq: event.seq)
        if case .reaction = event.change { key.reacting = event.user }
        guard event.rev > metRev, event.rev > updates[key] ?? .zero else { return false }
        updates[key] = event.rev
        if updates.count > Self.updatesMax, let oldest = updates.min(by: { $0.value < $1.value }) {
            updates[oldest.key] = nil
        }
        return true
    }

    /// Whether a receipt says more than the device has; then it counts as written (guarantee G7).
    mutating func takes(_ event: StatusEvent) -> Bool {
        let key = ReceiptKey(user: event.user, status: event.status)
        guard event.rev > metRev, event.seq > receipts[key] ?? .zero else { return false }
        receipts[key] = event.seq
        return true
    }

    /// Whether counts say something else than the device has, and later; then they count as written.
    mutating func takes(_ event: ReceiptCounts) -> Bool {
        guard event.rev > counts?.rev ?? metRev else { return false }
        defer { counts = event }
        return counts.map { !$0.says(event) } ?? true
    }

    mutating func raise(to position: ConversationPosition) {
        target.seq = max(target.seq, position.seq)
        target.rev = max(target.rev, position.rev)
    }

    /// A catch-up begins.
    mutating func begin() {
        freshAfter = written.seq
        freshRev = nil
    }

    /// A page came, with messages as of `rev`: the first one counts.
    mutating func began(as rev: Rev) { freshRev = freshRev ?? rev }

    /// What stands at `seq` and before was not written by the catch-up.
    mutating func staleForm(at seq: Seq) { freshAfter = max(freshAfter, seq) }

    /// Whether the message was written with this change in it.
    func isWritten(_ update: UpdateEvent) -> Bool {
        guard let freshRev else { return false }
        return update.seq > freshAfter && update.rev <= freshRev
    }

    /// Nothing more is to be had: the member may not see it, or it is not there.
    mutating func settleForWritten() {
        target = written
        fruitless = 0
    }

    /// Raises the target to the last own send that stands behind a gap.
    mutating func raiseToOwn() {
        if let last = ahead.last { raise(to: ConversationPosition(seq: last, rev: .zero)) }
    }

    /// The message with the next seq is written, or was sent by this device.
    mutating func advance(to seq: Seq, rev: Rev, isOwn: Bool) {
        if isOwn { noteOwn(seq) }
        written.seq = seq
        // While a gap of receipts is open, a live message must not step over it.
        if isCatchingUp || target.rev > written.rev {
            target.rev = max(target.rev, rev)
        } else {
            passRev(rev)
        }
        target.seq = max(target.seq, seq)
        messageRev = written.rev
        absorbOwn()
    }

    /// These are not there any more, and the device knows.
    mutating func skip(_ gone: ClosedRange<Seq>) {
        neverHad = gone
        written.seq = max(written.seq, gone.upperBound)
        absorbOwn()
    }

    /// The last up to `seq` that the device can have had: what it was told is gone it has not received, let alone read.
    func lastHad(upTo seq: Seq) -> Seq {
        guard let gone = neverHad, gone.contains(seq) else { return seq }
        return Seq(gone.lowerBound.raw - 1)
    }

    /// Everything up to `rev` is written.
    mutating func passRev(_ rev: Rev) {
        written.rev = max(written.rev, rev)
        target.rev = max(target.rev, rev)
    }

    /// A page is written up to `position`.
    mutating func advance(toEndOfPage position: ConversationPosition) {
        written.seq = max(written.seq, position.seq)
        written.rev = max(written.rev, position.rev)
        raise(to: written)
        messageRev = written.rev
        absorbOwn()
    }

    /// This device sent `seq`; true when that moved the position.
    mutating func sent(_ seq: Seq) -> Bool {
        if !isPositioned, seq == Seq(1) { meet(at: .start) }
        guard isPositioned, seq == written.seq.next else {
            if seq > written.seq || !isPositioned { keepAhead(seq) }
            return false
        }
        noteOwn(seq)
        written.seq = seq
        target.seq = max(target.seq, seq)
        absorbOwn()
        return true
    }

    private mutating func keepAhead(_ seq: Seq) {
        guard !ahead.contains(seq) else { return }
        ahead.append(seq)
        ahead.sort()
        if ahead.count > Self.aheadMax { ahead.removeFirst() }
    }

    private mutating func absorbOwn() {
        while let first = ahead.first, first <= written.seq.next {
            ahead.removeFirst()
            if first > written.seq {
                noteOwn(first)
                written.seq = first
            }
        }
        target.seq = max(target.seq, written.seq)
    }

    private mutating func noteOwn(_ seq: Seq) {
        // The device has it as it sent it: what became of it since is news, also to a catch-up that holds it.
        staleForm(at: seq)
        if acked.seq.next == seq {
            acked.seq = seq
        } else if let last = own.last, last.upperBound + 1 == seq.raw {
            own[own.count - 1] = last.lowerBound...seq.raw
        } else if seq > acked.seq {
            own.append(seq.raw...seq.raw)
            if own.count > Self.ownMax { own.removeFirst() }
        }
    }

    /// The device acknowledges everything up to `seq` that it has been written; true when that is news.
    mutating func acknowledge(_ seq: Seq) -> Bool {
        let before = acked
        acked.seq = max(acked.seq, min(seq, written.seq))
        while let first = own.first, first.lowerBound <= acked.seq.raw + 1 {
            acked.seq = max(acked.seq, Seq(first.upperBound))
            own.removeFirst()
        }
        if acked.seq >= written.seq { acked.rev = max(acked.rev, messageRev) }
        return acked != before
    }
}
