import Vocabulary
import Wire

extension ClientSession {
    /// The result of an operation that was asked for.
    package mutating func finished(
        _ token: OperationToken, _ result: OperationResult, now: Tick, out: inout [SessionDirective]
    ) {
        guard let place = pending.firstIndex(where: { $0.token == token }) else { return }
        let what = pending.remove(at: place).what
        guard !isClosed else { return }
        switch what {
        case .open: opened(result, now: now, out: &out)
        case .send(let ref, let id, let isOwn):
            sendsInFlight -= 1
            answerSend(result, ref: ref, id: id, isOwn: isOwn, now: now, out: &out)
            updateReading(out: &out)
        case .history(let ref): answerHistory(result, ref: ref, out: &out)
        case .receipt(let ref, let receipt): answerReceipt(result, ref: ref, receipt, now: now, out: &out)
        case .catchUp(let conversation): caughtUp(conversation, result, now: now, out: &out)
        case .presence(let users): subscribed(users, result, now: now, out: &out)
        case .nothing: break
        }
    }

    private mutating func answerSend(
        _ result: OperationResult, ref: String?, id: ClientMessageID, isOwn: Bool, now: Tick,
        out: inout [SessionDirective]
    ) {
        guard case .sent(let sent) = result else {
            out.append(
                .refuse(RefusedFrame(refusal: Self.refusal(result), ref: ref, clientMessageID: id.text)))
            return
        }
        out.append(.write(ServerFrame.sent(ref: ref, clientMessageID: id, sent)))
        if isOwn { ownSend(sent, now: now) }
    }

    /// A message sent on this device counts as written to it and as acknowledged by it.
    private mutating func ownSend(_ sent: SentResult, now: Tick) {
        learn(sent.messageID, seq: sent.seq, in: sent.conversation)
        var feed = feeds[sent.conversation] ?? ConversationFeed()
        let acked = feed.acked
        if feed.sent(sent.seq) {
            isCursorDirty = true
            if feed.acked != acked { noteOwnAck(sent.conversation, now: now) }
        } else if feed.hasGapBeforeOwn {
            // What is between is usually on its way here already.
            retryLater(sent.conversation, at: now + rules.cursorMilliseconds)
        }
        feeds[sent.conversation] = feed
    }

    private func answerHistory(_ result: OperationResult, ref: String?, out: inout [SessionDirective]) {
        if case .history(let page) = result {
            out.append(.write(ServerFrame.history(ref: ref, page)))
        } else {
            out.append(.refuse(RefusedFrame(refusal: Self.refusal(result), ref: ref)))
        }
    }

    /// The refusal a result carries; a result of the wrong kind is this server's fault, and says nothing of what was done.
    package static func refusal(_ result: OperationResult) -> Refusal {
        if case .refused(let refusal) = result { return refusal }
        return Refusal(.unknown, "the answer was of another kind", retryAfterMilliseconds: 1_000)
    }

    /// True for refusals that time may heal.
    static func isPassing(_ code: RefusalCode) -> Bool {
        switch code {
        case .unavailable, .overloaded, .draining, .unknown, .rateLimited, .storageFull: true
        default: false
        }
    }
}
