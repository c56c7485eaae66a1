import Vocabulary
import Wire

extension ClientSession {
    /// One push; `position` is where the device stood when this session was opened.
    package mutating func pushed(
        _ pushed: PushedEvent, position: ConversationPosition, now: Tick, out: inout [SessionDirective]
    ) {
        guard !isClosed else { return }
        switch pushed.event {
        case .message(let record, let rev):
            message(record, rev: rev, frame: pushed.frame, position: position, now: now, out: &out)
        case .status(let event):
            change(
                event.conversation, event.messageID, event.seq, event.rev, frame: pushed.frame,
                position: position, isNews: { $0.takes(event) }, out: &out)
        case .advanced(let conversation, let head):
            meet(conversation, at: position)
            fallBehind(conversation, head: head, out: &out)
        case .version(let version):
            nextVersion = max(nextVersion, version)
            progressed(now: now, out: &out)
        case .settings(let row): settings(row, frame: pushed.frame, out: &out)
        case .presence(let state): presence(state, now: now, out: &out)
        case .typing: if unwritableSince == nil { out.append(.write(pushed.frame)) }
        case .privacyChanged: subscribeAgain(out: &out)
        case .close(let code, let reason): close(code: code, reason: reason, now: now, out: &out)
        case .counts(let counts):
            change(
                counts.conversation, counts.messageID, counts.seq, counts.rev, frame: pushed.frame,
                position: position, isNews: { $0.takes(counts) }, out: &out)
        case .update(let event):
            change(
                event.conversation, event.messageID, event.seq, event.rev, frame: pushed.frame,
                position: position, isNews: { $0.takes(event) }, out: &out)
        }
    }

    private mutating func meet(_ conversation: ConversationID, at position: ConversationPosition) {
        if feeds[conversation] == nil {
            feeds[conversation] = ConversationFeed(position: position, acked: position)
        } else {
            feeds[conversation]?.meet(at: position)
        }
    }

    /// The next message is written at once; an older one is known; before a later one there is a gap to read.
    private mutating func message(
        _ record: MessageRecord, rev: Rev, frame: [UInt8], position: ConversationPosition, now: Tick,
        out: inout [SessionDirective]
    ) {
        let conversation = record.conversation
        meet(conversation, at: position)
        guard let feed = feeds[conversation], record.seq > feed.written.seq else {
            // Known by its seq, for instance as an own send; its rev may still be news.
            if feeds[conversation]?.isBehind == false { feeds[conversation]?.passRev(rev) }
            return
        }
        let isOwn = isFromThisDevice(record)
        #if MUTANTS
        let stepsOver = Mutant.active == .liveOverGap
        #else
        let stepsOver = false
        #endif
        guard record.seq == feed.written.seq.next || stepsOver, isOwn || unwritableSince == nil else {
            let head = ConversationPosition(seq: record.seq, rev: rev)
            return fallBehind(conversation, head: head, out: &out)
        }
        learn(record.messageID, seq: record.seq, in: conversation)
        if !isOwn { out.append(.write(frame)) }
        feeds[conversation]?.advance(to: record.seq, rev: rev, isOwn: isOwn)
        feeds[conversation]?.staleForm(at: record.seq)
        isCursorDirty = true
        if isOwn { noteOwnAck(conversation, now: now) }
    }

    /// Receipts and changes of messages are written only where nothing of their conversation lacks.
    private mutating func change(
        _ conversation: ConversationID, _ message: MessageID, _ seq: Seq, _ rev: Rev, frame: [UInt8],
        position: ConversationPosition, isNews: (inout ConversationFeed) -> Bool,
        out: inout [SessionDirective]
    ) {
        meet(conversation, at: position)
        guard let place = feeds.index(forKey: conversation) else { return }
        // They may come behind a message of a later rev: those no page would bring any more.
        let isInOrder = feeds.values[place].isInOrder(seq, rev)
        guard isInOrder, unwritableSince == nil else {
            return fallBehind(conversation, head: ConversationPosition(seq: seq, rev: rev), out: &out)
        }
        learn(message, seq: seq, in: conversation)
        // At least once, in any order: what an earlier leader sends late is older than what is on the screen.
        if isNews(&feeds.values[place]) { out.append(.write(frame)) }
        feeds.values[place].passRev(rev)
        isCursorDirty = true
    }

    /// Something is not written now: catch-up will bring it, as soon as the client reads.
    private mutating func fallBehind(
        _ conversation: ConversationID, head: ConversationPosition, out: inout [SessionDirective]
    ) {
        feeds[conversation]?.raise(to: head)
        guard feeds[conversation]?.isBehind == true else { return }
        if unwritableSince != nil, !isResyncing {
            isResyncing = true
            out.append(.write(ServerFrame.resync))
        }
        wantCatchUp(conversation)
        startCatchUps(out: &out)
    }

    func isFromThisDevice(_ record: MessageRecord) -> Bool {
        record.type != .system && record.senderDevice == identity.device && record.sender == identity.user
    }

    /// Remembers which conversation ids of this shape belong to (see `MessageID`).
    mutating func learn(_ message: MessageID, seq: Seq, in conversation: ConversationID) {
        guard Self.seq(of: message) == seq, conversations[message.raw.high] == nil else { return }
        conversations[message.raw.high] = conversation
    }

    /// The 48 bits of seq between the variant and the 14 zero bits.
    static func seq(of message: MessageID) -> Seq { Seq((message.raw.low << 2) >> 16) }
}
