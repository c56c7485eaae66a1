import Testing
import Vocabulary
import Wire

@testable import ClientSession

@Suite struct CatchUpTests {
    private func missed(_ conversation: UInt64, from: ConversationPosition, to: ConversationPosition)
        -> SessionOpened.Missed
    {
        .init(conversation: SessionRig.conversation(conversation), position: from, head: to)
    }

    @Test func welcomeComesFirstAndSendsDoNotWait() {
        var rig = SessionRig()
        #expect(rig.opened() == ["welcome", "? open"])
        #expect(rig.send("a") == ["? send a"])
    }

    @Test func nothingMissedIsSyncedAtOnce() {
        var rig = SessionRig()
        rig.opened()
        #expect(rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: []))) == ["sync_done"])
        #expect(rig.message(1, 1, rev: 1) == ["message 1/1"])
    }

    @Test func theMissedComesPageByPageThenSyncDoneThenLive() {
        var rig = SessionRig()
        rig.opened()
        let gap = [missed(1, from: SessionRig.position(2, 2), to: SessionRig.position(5, 7))]
        #expect(
            rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: gap))) == [
                "? catch up 1 after 2/2"
            ])
        #expect(
            rig.page(1, [3, 4], to: SessionRig.position(4, 2), more: true)
                == ["message 1/3", "message 1/4", "? catch up 1 after 4/2"])
        let receipt = SessionRig.receipt(1, 2, rev: 6)
        #expect(
            rig.page(1, [5], to: SessionRig.position(5, 7), statuses: [receipt])
                == ["message 1/5", "status 1/2", "sync_done"])
        #expect(rig.message(1, 6, rev: 8) == ["message 1/6"])
    }

    @Test func whatIsGoneIsToldBeforeWhatIsLeft() {
        var rig = SessionRig()
        rig.opened()
        let gap = [missed(1, from: SessionRig.position(2, 2), to: SessionRig.position(6, 6))]
        _ = rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: gap)))
        var page = CatchUpPage(
            messages: [SessionRig.record(1, 6)], statuses: [], position: SessionRig.position(6, 6),
            hasMore: false)
        page.gone = Seq(1)...Seq(5)
        #expect(rig.answer(.caughtUp(page)) == ["gone 1/3-5", "message 1/6", "sync_done"])
        // What follows is in order.
        #expect(rig.message(1, 7, rev: 7) == ["message 1/7"])
    }

    @Test func acknowledgingWhatIsGoneMovesThePositionAndIsNoReceipt() {
        var rig = SessionRig()
        rig.opened()
        let gap = [missed(1, from: SessionRig.position(2, 2), to: SessionRig.position(6, 6))]
        _ = rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: gap)))
        var page = CatchUpPage(
            messages: [SessionRig.record(1, 6)], statuses: [], position: SessionRig.position(6, 6),
            hasMore: false)
        page.gone = Seq(1)...Seq(5)
        _ = rig.answer(.caughtUp(page))
        func delivered(_ seq: Int) -> String {
            #"{"type":"status","ref":"r","status":"delivered","conversation_id":"\#(SessionRig.conversation(1))","up_to_seq":\#(seq)}"#
        }
        // It has two, and never had three to five.
        #expect(rig.frame(delivered(5)) == ["! acks 1/5", "? delivered 1/2"])
        #expect(rig.frame(delivered(2)) == ["? delivered 1/2"])
        #expect(rig.frame(delivered(6)) == ["! acks 1/6", "? delivered 1/6"])
    }

    @Test func whereNothingIsLeftTheDeviceIsToldSoAndIsUpToDate() {
        var rig = SessionRig()
        rig.opened()
        let gap = [missed(1, from: .start, to: SessionRig.position(5, 5))]
        _ = rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: gap)))
        var page = CatchUpPage(
            messages: [], statuses: [], position: SessionRig.position(5, 5), hasMore: false)
        page.gone = Seq(1)...Seq(5)
        #expect(rig.answer(.caughtUp(page)) == ["gone 1/1-5", "sync_done"])
        #expect(rig.message(1, 6, rev: 6) == ["message 1/6"])
    }

    @Test func atMostFourConversationsAreReadAtOnce() {
        var rig = SessionRig()
        rig.opened()
        let gaps = (1...6).map { missed($0, from: .start, to: SessionRig.position(1, 1)) }
        let asked = rig.answer(.opened(SessionOpened(version: InboxVersion(9), missed: gaps)))
        #expect(asked == (1...4).map { "? catch up \($0) after 0/0" })
        #expect(rig.page(1, [1], to: SessionRig.position(1, 1)) == ["message 1/1", "? catch up 5 after 0/0"])
    }

    @Test func anOldMessageIsDroppedAndAGapIsRead() {
        var rig = SessionRig.synced()
        #expect(rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4)) == ["message 1/5"])
        #expect(rig.message(1, 5, rev: 5) == [])
        #expect(rig.message(1, 8, rev: 8) == ["? catch up 1 after 5/5"])
        // One question at a time; what comes meanwhile is read with the next one.
        #expect(rig.message(1, 9, rev: 9) == [])
        #expect(
            rig.page(1, [6, 7, 8], to: SessionRig.position(8, 8))
                == ["message 1/6", "message 1/7", "message 1/8", "? catch up 1 after 8/8"])
        #expect(rig.page(1, [9], to: SessionRig.position(9, 9)) == ["message 1/9"])
    }

    @Test func aReceiptWaitsForTheGapBeforeIt() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.push(.status(SessionRig.receipt(1, 4, rev: 6))) == ["status 1/4"])
        let head = SessionRig.position(6, 8)
        #expect(rig.push(.advanced(SessionRig.conversation(1), head: head)) == ["? catch up 1 after 5/6"])
        // Neither this one nor a live message may make the session forget the receipts it asked for.
        #expect(rig.push(.status(SessionRig.receipt(1, 6, rev: 9))) == [])
        #expect(rig.message(1, 6, rev: 10) == ["message 1/6"])
        #expect(
            rig.page(1, [6], to: SessionRig.position(6, 8), statuses: [SessionRig.receipt(1, 5, rev: 7)])
                == ["status 1/5", "? catch up 1 after 6/8"])
        #expect(
            rig.page(1, [], to: SessionRig.position(6, 10), statuses: [SessionRig.receipt(1, 6, rev: 9)])
                == ["status 1/6"])
    }

    /// G7: what an earlier leader repeats, or what comes twice, does not put a tick back.
    @Test func aReceiptThatCameLateIsNotWritten() {
        var rig = SessionRig.synced()
        rig.message(1, 9, rev: 9, at: SessionRig.position(8, 8))
        #expect(rig.push(.status(SessionRig.receipt(1, 9, rev: 11))) == ["status 1/9"])
        #expect(rig.push(.status(SessionRig.receipt(1, 7, rev: 10))) == [])
        #expect(rig.push(.status(SessionRig.receipt(1, 9, rev: 11))) == [])
        // The device had everything up to rev 8 when it came.
        #expect(rig.push(.status(SessionRig.receipt(1, 6, rev: 7))) == [])
    }

    @Test func aRefusedPageIsAskedForAgain() {
        var rig = SessionRig.synced()
        rig.message(1, 3, rev: 3)
        #expect(rig.answer(.refused(Refusal(.unavailable, "no leader"))) == [])
        #expect(rig.pass(500).contains("? catch up 1 after 0/0"))
    }

    @Test func aConversationOneMayNotReadHoldsNothingUp() {
        var rig = SessionRig()
        rig.opened()
        let gap = [missed(1, from: .start, to: SessionRig.position(1, 1))]
        rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: gap)))
        #expect(rig.answer(.refused(Refusal(.notMember, "gone"))) == ["sync_done"])
    }

    @Test func ownSendsCloseTheirPlaceInTheOrder() {
        var rig = SessionRig.synced()
        rig.send("a")
        let own = SentResult(
            messageID: SessionRig.messageID(1, 6), conversation: SessionRig.conversation(1), seq: Seq(6),
            timestamp: Timestamp(1), duplicate: false)
        #expect(rig.answer(.sent(own)) == ["sent 1/6"])
        // Its own message comes back: written already. The one before it was on its way.
        #expect(rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4)) == ["message 1/5"])
        #expect(rig.push(.message(SessionRig.record(1, 6, isOwn: true), rev: Rev(6))) == [])
        #expect(rig.message(1, 7, rev: 7) == ["message 1/7"])
    }

    @Test func aCursorSaysWhatWasWrittenAndNotAcknowledged() throws {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.machine.cursor.version == InboxVersion(3))
        #expect(rig.machine.cursor.marks.map(\.position) == [SessionRig.position(5, 5)])
        rig.push(.version(InboxVersion(4)))
        #expect(rig.pass(1_000) == ["cursor"])
        #expect(rig.pass(1_000) == [])
        rig.frame(
            #"{"type":"status","status":"delivered","conversation_id":"\#(SessionRig.conversation(1))","up_to_seq":9}"#
        )
        #expect(rig.machine.cursor == SyncCursor(version: InboxVersion(4), marks: []))
    }

    @Test func aVersionCountsOnceNothingIsBehind() {
        var rig = SessionRig.synced()
        rig.message(1, 3, rev: 3)
        rig.push(.version(InboxVersion(8)))
        #expect(rig.machine.cursor.version == InboxVersion(3))
        rig.page(1, [1, 2, 3], to: SessionRig.position(3, 3))
        #expect(rig.machine.cursor.version == InboxVersion(8))
    }

    @Test func theMarksOfAnOldCursorStay() {
        let mark = SyncCursor.Mark(
            conversation: SessionRig.conversation(1), position: SessionRig.position(9, 9))
        var rig = SessionRig(cursor: SyncCursor(version: InboxVersion(2), marks: [mark]))
        rig.opened()
        rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: [])))
        #expect(rig.machine.cursor.marks == [mark])
        #expect(rig.message(1, 9, rev: 9) == [])
        #expect(rig.message(1, 10, rev: 10) == ["message 1/10"])
    }

    @Test func aRenewalFillsTheDifferenceAndIsNotSyncedTwice() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.renew() == ["? renew"])
        let gap = [missed(1, from: SessionRig.position(5, 5), to: SessionRig.position(6, 6))]
        #expect(
            rig.answer(.opened(SessionOpened(version: InboxVersion(5), missed: gap))) == [
                "? catch up 1 after 5/5"
            ])
        #expect(rig.page(1, [6], to: SessionRig.position(6, 6)) == ["message 1/6"])
    }

    @Test func aRefusedOpenIsTriedAgain() {
        var rig = SessionRig()
        rig.opened()
        #expect(rig.answer(.refused(Refusal(.unavailable, "no leader"))) == [])
        #expect(rig.pass(500) == ["? open"])
    }

    @Test func aSlowClientLosesLivePushAndCatchesUp() {
        var rig = SessionRig.synced()
        rig.message(1, 1, rev: 1)
        #expect(rig.writable(false) == ["stop reading"])
        #expect(rig.message(1, 2, rev: 2) == ["resync"])
        #expect(rig.message(1, 3, rev: 3) == [])
        #expect(rig.writable(true) == ["? catch up 1 after 1/1", "read"])
        #expect(rig.page(1, [2, 3], to: SessionRig.position(3, 3)) == ["message 1/2", "message 1/3"])
        #expect(rig.message(1, 4, rev: 4) == ["message 1/4"])
    }

    @Test func aClientThatNeverReadsIsClosed() {
        var rig = SessionRig.synced()
        rig.writable(false)
        rig.frame(#"{"type":"ping"}"#)
        #expect(rig.pass(60_000).last == "close 4010")
    }
}
