import Testing
import Vocabulary
import Wire

@testable import ClientSession

/// Changes of messages: one atomic gap-then-live with messages and receipts.
@Suite struct UpdateTests {
    private func live(_ seq: UInt64, rev: UInt64) -> SessionPush.Event {
        .update(SessionRig.edit(1, seq, rev: rev))
    }

    @Test func aChangeOfAWrittenMessageIsWrittenAtOnce() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.push(live(5, rev: 6)) == ["update 1/5"])
        #expect(rig.push(live(3, rev: 7)) == ["update 1/3"])
    }

    @Test func countsAreWrittenWhenTheySayMore() {
        func counts(_ read: Int, rev: UInt64) -> ReceiptCounts {
            ReceiptCounts(
                conversation: SessionRig.conversation(1), messageID: SessionRig.messageID(1, 5), seq: Seq(5),
                delivered: 70, read: read, members: 80, rev: Rev(rev))
        }
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.push(.counts(counts(1, rev: 7))) == ["receipts 1/5"])
        #expect(rig.push(.counts(counts(1, rev: 8))) == [], "they say the same")
        #expect(rig.push(.counts(counts(0, rev: 6))) == [], "they came late")
        #expect(rig.push(.counts(counts(2, rev: 9))) == ["receipts 1/5"])
        // A page brings what was not pushed.
        rig.push(.advanced(SessionRig.conversation(1), head: SessionRig.position(5, 11)))
        var page = CatchUpPage(
            messages: [], statuses: [], position: SessionRig.position(5, 11), hasMore: false)
        page.counts = counts(3, rev: 11)
        #expect(rig.answer(.caughtUp(page)) == ["receipts 1/5"])
    }

    @Test func aChangeOfAMessageThatLacksIsReadWithIt() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.push(live(6, rev: 7)) == ["? catch up 1 after 5/5"])
        // The message comes live meanwhile, as it was before the change: the page must not leave the change out.
        #expect(rig.message(1, 6, rev: 6) == ["message 1/6"])
        #expect(
            rig.page(
                1, [6], to: SessionRig.position(6, 7), updates: [SessionRig.edit(1, 6, rev: 7)], form: 7)
                == ["update 1/6"])
    }

    @Test func whatAPageWritesInItsCurrentFormIsNotSaidAgain() {
        var rig = SessionRig()
        rig.opened()
        let gap = [
            SessionOpened.Missed(
                conversation: SessionRig.conversation(1), position: SessionRig.position(2, 2),
                head: SessionRig.position(4, 8))
        ]
        rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: gap)))
        #expect(
            rig.page(1, [3], to: SessionRig.position(3, 2), more: true, form: 8)
                == ["message 1/3", "? catch up 1 after 3/2"])
        // The device had message 2; 3 and 4 came as of rev 8, but a change since is news.
        let updates = [
            SessionRig.edit(1, 2, rev: 6), SessionRig.edit(1, 3, rev: 7), SessionRig.edit(1, 3, rev: 9),
        ]
        #expect(
            rig.page(1, [4], to: SessionRig.position(4, 9), updates: updates, form: 9)
                == ["message 1/4", "update 1/2", "update 1/3", "sync_done"])
    }

    @Test func anOwnMessageIsNeverWrittenSoItsChangesAre() {
        var rig = SessionRig.synced()
        rig.message(1, 1, rev: 1)
        rig.push(.advanced(SessionRig.conversation(1), head: SessionRig.position(2, 4)))
        var page = CatchUpPage(
            messages: [SessionRig.record(1, 2, isOwn: true)], statuses: [],
            position: SessionRig.position(2, 4), hasMore: false)
        page.updates = [SessionRig.edit(1, 2, rev: 3)]
        page.form = Rev(4)
        #expect(rig.answer(.caughtUp(page)) == ["update 1/2"])
    }

    @Test func whatBecameOfAnOwnMessageInAGapIsWritten() {
        var rig = SessionRig.synced()
        rig.message(1, 1, rev: 1)
        rig.send("a")
        rig.push(.advanced(SessionRig.conversation(1), head: SessionRig.position(3, 5)))
        let own = SentResult(
            messageID: SessionRig.messageID(1, 3), conversation: SessionRig.conversation(1), seq: Seq(3),
            timestamp: Timestamp(1), duplicate: false)
        #expect(rig.answer(.sent(own)) == ["sent 1/3"])
        var page = CatchUpPage(
            messages: [SessionRig.record(1, 2), SessionRig.record(1, 3, isOwn: true)], statuses: [],
            position: SessionRig.position(3, 5), hasMore: false)
        page.updates = [SessionRig.edit(1, 3, rev: 4)]
        page.form = Rev(5)
        #expect(rig.answer(.caughtUp(page)) == ["message 1/2", "update 1/3"])
    }

    @Test func changesAreCutIntoPages() {
        var rig = SessionRig.synced()
        rig.message(1, 3, rev: 3)
        rig.page(1, [1, 2, 3], to: SessionRig.position(3, 3), form: 3)
        rig.push(.advanced(SessionRig.conversation(1), head: SessionRig.position(3, 9)))
        #expect(
            rig.page(
                1, [], to: SessionRig.position(3, 5), more: true, updates: [SessionRig.edit(1, 1, rev: 5)],
                form: 9) == ["update 1/1", "? catch up 1 after 3/5"])
        #expect(
            rig.page(1, [], to: SessionRig.position(3, 9), updates: [SessionRig.edit(1, 2, rev: 9)], form: 9)
                == ["update 1/2"])
    }
}
