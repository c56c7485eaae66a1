import Vocabulary
import Wire

extension ClientSession {
    /// Registered: live from now on, and this is the gap to fill first.
    mutating func opened(_ result: OperationResult, now: Tick, out: inout [SessionDirective]) {
        guard case .opened(let opened) = result else {
            return refusedToOpen(Self.refusal(result), now: now, out: &out)
        }
        wasOpened = true
        for row in opened.settings { settings(row, frame: ServerFrame.conversation(row), out: &out) }
        // The news that its settings changed may have been lost with the leader before.
        subscribeAgain(out: &out)
        if case .openingAgain = registration {
            register(isRenewal: true, out: &out)
        } else {
            registration = .open
        }
        nextVersion = max(nextVersion, opened.version)
        for missed in opened.missed { note(missed, isFirst: !isSynced) }
        openingCursor = nil
        isCursorDirty = true
        startCatchUps(out: &out)
        progressed(now: now, out: &out)
    }

    private mutating func note(_ missed: SessionOpened.Missed, isFirst: Bool) {
        let conversation = missed.conversation
        var feed = feeds[conversation] ?? ConversationFeed(position: missed.position, acked: missed.position)
        feed.meet(at: missed.position)
        feed.raise(to: missed.head)
        feeds[conversation] = feed
        guard feed.isBehind else { return }
        if isFirst { unsynced.insert(conversation) }
        wantCatchUp(conversation)
    }

    private mutating func refusedToOpen(_ refusal: Refusal, now: Tick, out: inout [SessionDirective]) {
        if Self.isPassing(refusal.code) {
            registration = .retrying(at: now + rules.retryMilliseconds)
        } else {
            out.append(.refuse(RefusedFrame(refusal: refusal)))
            close(code: CloseCode.revoked, reason: refusal.code.word, now: now, out: &out)
        }
    }

    /// Queues a conversation that is behind, once.
    mutating func wantCatchUp(_ conversation: ConversationID) {
        guard feeds[conversation]?.isCatchingUp == false else { return }
        feeds[conversation]?.isCatchingUp = true
        feeds[conversation]?.begin()
        catchUpQueue.append(conversation)
    }

    /// Asks for pages while the client reads and not too many are on their way.
    mutating func startCatchUps(out: inout [SessionDirective]) {
        guard unwritableSince == nil, !isClosed else { return }
        while catchUpsRunning < rules.catchUpsMax, !catchUpQueue.isEmpty {
            let conversation = catchUpQueue.removeFirst()
            guard let feed = feeds[conversation] else { continue }
            catchUpsRunning += 1
            let query = CatchUpQuery(
                conversation: conversation, user: identity.user, after: feed.written, limit: rules.pageLimit)
            perform(.catchUp(query), .catchUp(conversation), out: &out)
        }
    }

    /// One page of one conversation, or the refusal to read it.
    mutating func caughtUp(
        _ conversation: ConversationID, _ result: OperationResult, now: Tick, out: inout [SessionDirective]
    ) {
        catchUpsRunning -= 1
        if case .caughtUp(let page) = result {
            write(page, of: conversation, now: now, out: &out)
        } else if Self.isPassing(Self.refusal(result).code) {
            feeds[conversation]?.isCatchingUp = false
            retryLater(conversation, at: now + rules.retryMilliseconds)
        } else {
            // The user is no member any more: there is nothing it may be told.
            feeds[conversation]?.isCatchingUp = false
            feeds[conversation]?.settleForWritten()
            unsynced.remove(conversation)
        }
        startCatchUps(out: &out)
        progressed(now: now, out: &out)
    }

    private mutating func write(
        _ page: CatchUpPage, of conversation: ConversationID, now: Tick, out: inout [SessionDirective]
    ) {
        guard var feed = feeds[conversation] else { return }
        let before = feed.written
        feed.began(as: page.form)
        #if MUTANTS
        let repeats = Mutant.active == .catchUpRepeats
        #else
        let repeats = false
        #endif
        if let gone = page.gone, gone.upperBound > feed.written.seq {
            let first = max(gone.lowerBound, feed.written.seq.next)
            #if MUTANTS
            let isTold = Mutant.active != .goneNotTold
            #else
            let isTold = true
            #endif
            if isTold { out.append(.write(ServerFrame.gone(conversation, first...gone.upperBound))) }
            feed.skip(first...gone.upperBound)
        }
        for record in page.messages where record.seq > feed.written.seq || repeats {
            learn(record.messageID, seq: record.seq, in: conversation)
            let isOwn = isFromThisDevice(record)
            if !isOwn { out.append(.write(ServerFrame.message(record))) }
            feed.advance(to: record.seq, rev: .zero, isOwn: isOwn)
        }
        write(page.statuses, page.updates, after: before.rev, feed: &feed, out: &out)
        if let counts = page.counts, feed.takes(counts) { out.append(.write(ServerFrame.receipts(counts))) }
        feed.advance(toEndOfPage: page.position)
        feed.isCatchingUp = false
        feed.fruitless = feed.written == before ? feed.fruitless + 1 : 0
        if feed.written != before { isCursorDirty = true }
        if feed.fruitless > 3 { feed.settleForWritten() }
        let wantsMore = page.hasMore || feed.isBehind
        feeds[conversation] = feed
        if !wantsMore {
            unsynced.remove(conversation)
        } else if feed.fruitless == 0 {
            feeds[conversation]?.isCatchingUp = true
            catchUpQueue.insert(conversation, at: 0)
        } else {
            retryLater(conversation, at: now + rules.mergeMilliseconds << UInt64(feed.fruitless))
        }
    }

    /// Receipts and changes of one page in the order of their revs; what a message of this catch-up was written with
    /// already is not said again.
    private func write(
        _ statuses: [StatusEvent], _ updates: [UpdateEvent], after rev: Rev,
        feed: inout ConversationFeed, out: inout [SessionDirective]
    ) {
        var frames: [(rev: Rev, bytes: [UInt8])] = []
        for status in statuses where status.rev > rev && feed.takes(status) {
            frames.append((status.rev, ServerFrame.status(status)))
        }
        for update in updates where update.rev > rev && !feed.isWritten(update) && feed.takes(update) {
            frames.append((update.rev, ServerFrame.update(update)))
        }
        frames.sort { $0.rev < $1.rev }
        for frame in frames { out.append(.write(frame.bytes)) }
    }

    mutating func retryLater(_ conversation: ConversationID, at: Tick) {
        guard !retries.contains(where: { $0.conversation == conversation }) else { return }
        retries.append((at, conversation))
    }

    mutating func retryCatchUps(now: Tick, out: inout [SessionDirective]) {
        guard !retries.isEmpty else { return }
        let due = retries.filter { $0.at <= now }
        retries.removeAll { $0.at <= now }
        for retry in due {
            feeds[retry.conversation]?.raiseToOwn()
            if feeds[retry.conversation]?.isBehind == true || unsynced.contains(retry.conversation) {
                wantCatchUp(retry.conversation)
            }
        }
        startCatchUps(out: &out)
    }

    /// After anything that may have closed the last gap.
    mutating func progressed(now: Tick, out: inout [SessionDirective]) {
        #if MUTANTS
        if Mutant.active == .versionAhead { version = nextVersion }
        #endif
        guard case .open = registration, unsynced.isEmpty else { return }
        if catchUpsRunning == 0, catchUpQueue.isEmpty, retries.isEmpty {
            isResyncing = false
            if version != nextVersion {
                version = nextVersion
                isCursorDirty = true
            }
        }
        guard !isSynced else { return }
        isSynced = true
        isCursorDirty = false
        cursorDue = now + rules.cursorMilliseconds
        out.append(.write(ServerFrame.syncDone(cursor: CursorText.text(cursor))))
    }

    /// Where the device stands: what it has been written beyond what it acknowledged.
    var cursor: SyncCursor {
        var marks = feeds.filter(\.value.needsMark).map {
            SyncCursor.Mark(conversation: $0.key, position: $0.value.written)
        }
        #if MUTANTS
        if Mutant.active == .cursorAhead {
            marks = feeds.map { SyncCursor.Mark(conversation: $0.key, position: $0.value.target) }
        }
        #endif
        // Without a mark a conversation starts at what was acknowledged: repeated, never lost.
        marks.sort {
            $0.position.seq == $1.position.seq
                ? $0.conversation < $1.conversation
                : $0.position.seq > $1.position.seq
        }
        return SyncCursor(version: version, marks: Array(marks.prefix(rules.cursorMarksMax)))
    }

    mutating func writeCursor(now: Tick, out: inout [SessionDirective]) {
        guard isSynced, isCursorDirty, cursorDue <= now, unwritableSince == nil else { return }
        let cursor = cursor
        isCursorDirty = false
        // Large cursors are written less often: at most some 5 KB/s of them.
        cursorDue = now + max(rules.cursorMilliseconds, UInt64(cursor.marks.count) * 5)
        out.append(.write(ServerFrame.cursor(CursorText.text(cursor))))
    }
}
